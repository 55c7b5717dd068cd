"""The two columns give a connection the same life: same script, same bytes, events, logs and ends.

The scripts are those of ``connection_scripts.py``; ``ASGISERVE_TEST_PARITY_INPUTS`` and
``ASGISERVE_TEST_PARITY_SEED`` set how many are played and from which seed on, as for the parsers (a
hundredth of that number: some 100 a second).
"""

from __future__ import annotations

import asyncio
import logging
import os
from typing import Any

import pytest

from tests.columns import COLUMNS, load_namespace
from tests.fakes import Wire
from tests.parity.connection_scripts import Script, make_app, make_script

SCRIPT_COUNT = int(os.environ.get("ASGISERVE_TEST_PARITY_INPUTS") or 30_000) // 100
FIRST_SEED = int(os.environ.get("ASGISERVE_TEST_PARITY_SEED") or 0)

pytestmark = pytest.mark.skipif(
    "compiled" not in COLUMNS, reason="only one column is here to be compared"
)


class LogKeeper(logging.Handler):
    """Keeps what was logged, without what a column may do in its own way: the traceback."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[0] if record.exc_info else None
        self.lines.append(f"{record.levelname} {record.getMessage()} {error}")


class Player:
    """Plays a script on one column; ``seen`` is all that can be seen of it from outside."""

    def __init__(self, impl: Any, script: Script) -> None:
        self.seen: list[Any] = []
        self._calls: list[list[Any]] = []
        self._waiting: asyncio.Event | None = None
        app = make_app(self._calls, self._wait)
        self._wire = Wire(impl, app, **script.options)
        with self._wire:
            for name, *arguments in script.steps:
                getattr(self, name)(*arguments)
                self._note(name)
            self._end()
            self.seen += [self._calls, self._wire.sent]

    async def _wait(self) -> None:
        if self._waiting is None:
            self._waiting = asyncio.Event()
        await self._waiting.wait()

    def _note(self, name: str) -> None:
        transport, context = self._wire.transport, self._wire.context
        self.seen.append(
            (
                name,
                len(transport.sent),
                transport.get_write_buffer_size(),
                transport.is_reading(),
                self._wire.is_open,
                transport.is_connection_lost,
                transport.was_aborted,
                len(context.tasks),
                context.requests_total,
                context.active_requests,
                self._wire.connection.count_progress(),
            )
        )

    def _end(self) -> None:
        """Let the client read on and time pass: nothing may be left that waits for nothing."""
        for _ in range(12):
            self._wire.drain()
            self.let_wait_end()
            self.advance(3)
        transport = self._wire.transport
        is_served = bool(self._wire.context.tasks)
        assert transport.is_reading() or transport.is_closing() or is_served, "reading stopped"
        self.tick(140)
        self._note("end")
        assert transport.is_connection_lost or self._wire.context.tasks, "a connection for ever"

    # Steps.

    def feed(self, data: bytes) -> None:
        self._wire.feed(data)

    def feed_eof(self) -> None:
        self._wire.feed_eof()

    def tick(self, seconds: float) -> None:
        self._wire.tick(seconds)

    def advance(self, seconds: float) -> None:
        self._wire.loop.advance(seconds)

    def stall(self) -> None:
        self._wire.transport.stall()

    def drain(self, max_bytes: int | None) -> None:
        self._wire.drain(max_bytes)

    def lose(self) -> None:
        self._wire.lose()

    def abort(self) -> None:
        self._wire.call(self._wire.connection.abort)

    def let_wait_end(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            self._wire.call(waiting.set)

    def start_draining(self) -> None:
        self._wire.context.is_draining = True
        self._wire.call(self._wire.connection.start_draining)

    def end_stalled(self) -> None:
        self._wire.call(self._wire.connection.end_stalled)

    def tell_disconnect(self) -> None:
        self._wire.call(self._wire.connection.tell_disconnect)


@pytest.fixture
def log():
    """What the server logs, kept out of the test run's own log."""
    logger = logging.getLogger("asgiserve")
    level, handlers, propagate = logger.level, logger.handlers[:], logger.propagate
    keeper = LogKeeper()
    logger.setLevel(logging.DEBUG)
    logger.handlers[:], logger.propagate = [keeper], False
    yield keeper
    logger.setLevel(level)
    logger.handlers[:], logger.propagate = handlers, propagate


def play(column: str, script: Script, log: LogKeeper) -> list[Any]:
    log.lines.clear()
    seen = Player(load_namespace(column), script).seen
    # The tasks that a script leaves behind are cancelled in any order.
    return [*seen, sorted(log.lines)]


@pytest.mark.parametrize("block", range(10))
def test_connections_live_alike(log, block):
    count = SCRIPT_COUNT // 10
    for seed in range(FIRST_SEED + block * count, FIRST_SEED + (block + 1) * count):
        script = make_script(seed)
        pure, compiled = play("pure", script, log), play("compiled", script, log)
        assert compiled == pure, f"seed {seed}"
