"""A live server for tests: an application in a thread of its own, at a free port.

It is `Server` that serves, as in production. The fixture for pytest stands in ``pytest_plugin``.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from types import TracebackType
from typing import Any, Self, TypeAlias

from asgiserve.config.config import DEFAULTS, Config
from asgiserve.config.parameters import takes_options
from asgiserve.errors import ConfigError, ShutdownError, StartupError
from asgiserve.net.listener import Listener
from asgiserve.server.server import Server

__all__ = ["LiveServer", "ShutdownError", "StartServer", "StartupError", "serve"]

# What the fixture of pytest gives: `serve`, already entered.
StartServer: TypeAlias = "Callable[..., LiveServer]"
# What differs from the defaults of `Config`: logging is the test session's, $WEB_CONCURRENCY is for
# production, and a test that leaves a request open should not take half a minute.
TEST_DEFAULTS = {"log_config": None, "timeout_graceful_shutdown": 2.0, "workers": 1}
# These would need a supervisor, or change the process of the tests for good.
REFUSED = (
    *("workers", "preload", "worker_max_lifetime", "worker_max_rss", "reload"),
    *("user", "group", "umask"),
)
# What is listened on in place of host and port.
OTHER_ADDRESSES = ("bind", "fd", "uds")
# Hosts that stand for every address of the machine, and where a client finds them.
REACHABLE = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}
# For what the time-outs of a shutdown do not bound.
MARGIN_S = 5.0


@takes_options
def serve(app: Any, **options: Any) -> LiveServer:
    """A server of *app* that runs as long as a ``with`` or an ``async with`` block.

    Args:
        app: an import string ``module:attribute``, or an application.
        options: those of `Config`. Without an address it is a free port of 127.0.0.1; logging is
            left alone unless ``log_config`` or ``log_level`` is given.

    Raises:
        ConfigError: an option is not allowed, or makes no sense in a thread.
    """
    if not any(options.get(name) not in (None, (), []) for name in OTHER_ADDRESSES):
        options.setdefault("port", 0)
    config = Config(app, **{**TEST_DEFAULTS, **options})
    for name in REFUSED:
        if getattr(config, name) not in (DEFAULTS[name], TEST_DEFAULTS.get(name)):
            raise ConfigError(f"{name}: not for a server in a thread of the tests")
    return LiveServer(config)


class LiveServer:
    """One server and its thread; the ``with`` line starts it, and the block's end stops it.

    ``with`` blocks until that is done, ``async with`` awaits it, so that asyncio's event loop goes
    on meanwhile. After its end it can be started again.

    Raises:
        StartupError: by the ``with`` line: the server or the application could not start. What the
            application raised is the ``__cause__``.
        ShutdownError: at the block's end: the application's shutdown failed, with the same cause.
            If the block raised, that goes on instead, with a note.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self._server: ThreadServer | None = None
        self._thread: threading.Thread | None = None
        self._ended: Future[BaseException | None] = Future()

    def __repr__(self) -> str:
        where = f"at {self.url}" if self._address else "not running"
        return f"<LiveServer of {self.config.app!r}, {where}>"

    # --- where it is ------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        """What a path is put behind: ``http://127.0.0.1:49152``, or ``https`` with TLS.

        A server at a unix socket has ``http://localhost``, for clients that are told `uds`.
        """
        return f"http{self._authority}"

    @property
    def websocket_url(self) -> str:
        """The same with ``ws`` or ``wss``."""
        return f"ws{self._authority}"

    @property
    def host(self) -> str:
        """The host to connect to: the option's, or an address where that stands for all."""
        if self.uds is not None:
            return "localhost"
        config = self.config
        named = config.host if not config.bind and config.fd is None else self._running_address[0]
        return REACHABLE.get(named, named)

    @property
    def port(self) -> int:
        """The port to connect to.

        Raises:
            RuntimeError: the server does not run, or at a unix socket.
        """
        if self.uds is not None:
            raise RuntimeError(f"the server has no port: it listens on {self.uds}")
        return int(self._running_address[1])

    @property
    def uds(self) -> str | None:
        """The path of the unix socket that the server listens on; None: it has a port."""
        address = self._running_address
        return None if isinstance(address, tuple) else address

    @property
    def _authority(self) -> str:
        suffix = "s" if self.config.is_ssl else ""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{suffix}://{host}" if self.uds else f"{suffix}://{host}:{self.port}"

    @property
    def _address(self) -> Any:
        return self._server.first_address if self._server else None

    @property
    def _running_address(self) -> Any:
        if self._address is None:
            raise RuntimeError("the server does not run: it does inside of the with block")
        return self._address

    # --- start and stop ---------------------------------------------------------------------------

    def __enter__(self) -> Self:
        started = self._start()
        try:
            started.result()
        except BaseException:
            self._ask_to_stop(at_once=True)
            self._ended.result()
            self._forget()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ask_to_stop()
        wait((self._ended,), self._stop_timeout_s)
        self._conclude(error)

    async def __aenter__(self) -> Self:
        started = self._start()
        try:
            await asyncio.wrap_future(started)
        except BaseException:
            self._ask_to_stop(at_once=True)
            await asyncio.wrap_future(self._ended)
            self._forget()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ask_to_stop()
        ended = asyncio.wrap_future(self._ended)
        await asyncio.wait((ended,), timeout=self._stop_timeout_s)
        # If it comes later, this event loop may be closed.
        ended.cancel()
        self._conclude(error)

    def _start(self) -> Future[None]:
        """Begin; the future is done once connections are accepted, or why none will be."""
        if self._thread is not None:
            raise RuntimeError("the server runs already")
        started: Future[None] = Future()
        self._ended = Future()
        for future in (started, self._ended):
            # From now on a waiter that is cancelled leaves it alone.
            future.set_running_or_notify_cancel()
        self._server = ThreadServer(self.config, started)
        self._thread = threading.Thread(
            target=run_server,
            args=(self._server, started, self._ended),
            name="asgiserve-testing",
            # A server that is never stopped shall not keep the interpreter from its end.
            daemon=True,
        )
        self._thread.start()
        return started

    def _ask_to_stop(self, *, at_once: bool = False) -> None:
        assert self._server is not None, "the block's end comes after its start"
        self._server.should_exit = True
        if at_once:
            self._server.force_exit = True

    @property
    def _stop_timeout_s(self) -> float | None:
        """How long stopping takes while the event loop is not held up; None: there is no limit."""
        grace_s = self.config.timeout_graceful_shutdown
        lifespan_s = self.config.timeout_lifespan_shutdown
        if grace_s is None or lifespan_s is None:
            return None
        return self.config.drain_delay + grace_s + lifespan_s + MARGIN_S

    def _conclude(self, error: BaseException | None) -> None:
        """Raise what went wrong in the thread, or note it on *error*, which goes on."""
        failure = self._find_failure()
        self._forget()
        if failure is None:
            return
        if error is None:
            raise failure
        error.add_note(f"the server's end failed too: {failure}")

    def _find_failure(self) -> BaseException | None:
        assert self._server is not None
        if not self._ended.done():
            return self._describe_delay()
        failure = self._ended.result()
        lifespan = self._server.lifespan
        if failure is None and lifespan is not None and lifespan.has_failed:
            failure = ShutdownError(lifespan.failure[:1].lower() + lifespan.failure[1:])
            failure.__cause__ = lifespan.error
        return failure

    def _describe_delay(self) -> ShutdownError:
        """The server does not end: say where its thread is, with the way there in a note."""
        assert self._thread is not None
        stack = traceback.extract_stack(sys._current_frames().get(self._thread.ident or 0))
        place = f"{stack[-1].name!r}, {stack[-1].filename}:{stack[-1].lineno}"
        failure = ShutdownError(
            f"the server has not stopped in {self._stop_timeout_s:g} s: its thread is in {place}"
        )
        failure.add_note("".join(traceback.format_list(stack)))
        return failure

    def _forget(self) -> None:
        """Be ready for the next start, once the thread has gone."""
        if self._thread is not None and self._ended.done():
            self._thread.join()
        self._server = self._thread = None


class ThreadServer(Server):
    """A server that says when it is there.

    Attributes:
        first_address: of the first socket: host and port, or a path; None before it listens.
    """

    def __init__(self, config: Config, started: Future[None]) -> None:
        super().__init__(config)
        self.refuses_broken_startup = True
        self.first_address: tuple[str, int] | str | None = None
        self._start_outcome = started

    async def startup(self, sockets: Sequence[socket.socket | Listener] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            address = self.servers[0].sockets[0].getsockname()
            self.first_address = address[:2] if isinstance(address, tuple) else os.fsdecode(address)
            self._start_outcome.set_result(None)


def run_server(
    server: ThreadServer, started: Future[None], ended: Future[BaseException | None]
) -> None:
    """Serve in this thread, and tell the one that waits for it how that went."""
    failure: BaseException | None = None
    try:
        server.run()
    except BaseException as error:  # noqa: BLE001 - it is raised where somebody waits
        failure = error
    if not started.done():
        started.set_exception(failure or StartupError("the server was stopped while it started"))
    ended.set_result(failure)
