"""Stand-ins for what surrounds the code under test: event loop, transport, clock, request sink.

Fakes, not mocks: each does what the real thing does as far as asgiserve can tell, and never waits
for real time. What was written to a fake transport is read back by ``http_responses.py``; small
applications stand in ``apps.py``.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from asgiserve.config.config import Config
from asgiserve.server.ticker import TimeoutTicker
from tests.parser_traces import (
    Trace,
    feed_every_way,
    make_recording_sink,
    split_every_way,
    trace_every_way,
)

__all__ = [
    "CLIENT",
    "SERVER",
    "FakeTransport",
    "ManualLoop",
    "TaskStage",
    "Trace",
    "Wire",
    "feed_every_way",
    "make_recording_sink",
    "split_every_way",
    "trace_every_way",
]

CLIENT = ("192.0.2.7", 50505)
SERVER = ("198.51.100.1", 8000)

# asyncio's own marks, so that backpressure begins in tests where it begins in production.
HIGH_WATER_BYTES = 64 * 1024
LOW_WATER_BYTES = 16 * 1024


class ManualLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock stands still unless a test moves it."""

    def __init__(self) -> None:
        self.now_s = 1_000.0
        self.errors: list[dict[str, Any]] = []
        super().__init__()
        self.set_exception_handler(lambda _, context: self.errors.append(context))

    def time(self) -> float:
        """Seconds on the manual clock."""
        return self.now_s

    def run_until_idle(self) -> None:
        """Run callbacks until none is ready; what waits for time or for input stays waiting."""
        while True:
            self.call_soon(self.stop)
            self.run_forever()
            if not self._ready:
                return

    def advance(self, seconds: float) -> None:
        """Move the clock forward, then run what became due."""
        self.now_s += seconds
        self.run_until_idle()


class TaskStage:
    """Tasks on an event loop whose clock a test moves, all of which end with it."""

    def __init__(self) -> None:
        self.loop = ManualLoop()

    def begin(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run *coroutine* as far as it comes without time passing."""
        task = self.loop.create_task(coroutine)
        self.loop.run_until_idle()
        return task

    def close(self) -> None:
        """Cancel what is left."""
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.loop.run_until_idle()
        self.loop.close()
        assert not self.loop.errors


class ManualClock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


class FakeTransport(asyncio.Transport):
    """A TCP transport without a socket: a test feeds it as the peer, and reads what was written.

    ``stall()`` is a peer that stops reading: what is written stays in the buffer until ``drain()``.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, **extra: Any) -> None:
        super().__init__({"peername": CLIENT, "sockname": SERVER, **extra})
        self._loop = loop
        self._protocol: Any = None
        self._incoming: deque[bytes | None] = deque()
        self._is_pumping = False
        self._is_reading = True
        self._is_stalled = False
        self._is_writing_paused = False
        self._buffer = bytearray()
        self._low, self._high = LOW_WATER_BYTES, HIGH_WATER_BYTES
        self._is_closing = False
        self._has_eof_pending = False
        self.sent = bytearray()
        self.write_sizes: list[int] = []
        self.has_sent_eof = False
        self.is_connection_lost = False
        self.was_aborted = False
        self.peak_buffer_bytes = 0
        self.pause_count = 0

    # --- the peer's side --------------------------------------------------------------------------

    def connect(self, protocol: Any) -> None:
        """Give the transport to *protocol*, as a server's accept does."""
        self._protocol = protocol
        protocol.connection_made(self)

    def feed(self, *pieces: bytes) -> None:
        """The peer sends *pieces*: one ``data_received`` and one turn of the loop for each."""
        self._incoming.extend(piece for piece in pieces if piece)
        self._pump_soon()

    def feed_eof(self) -> None:
        """The peer ends its side of the connection (a half-close)."""
        self._incoming.append(None)
        self._pump_soon()

    def lose(self, error: Exception | None = None) -> None:
        """The connection breaks, for instance by a reset of the peer."""
        self._buffer.clear()
        self._is_closing = True
        self._loop.call_soon(self._tell_connection_lost, error)

    def stall(self) -> None:
        """The peer stops reading."""
        self._is_stalled = True

    def drain(self, max_bytes: int | None = None) -> None:
        """The peer reads *max_bytes* of what is buffered; None: all, and what comes later too."""
        if max_bytes is None:
            self._is_stalled = False
            max_bytes = len(self._buffer)
        self.sent += self._buffer[:max_bytes]
        del self._buffer[:max_bytes]
        self._resume_writing_when_low()
        self._finish_when_drained()

    @property
    def unread_bytes(self) -> int:
        """Bytes the peer has sent and the protocol has not been given."""
        return sum(len(piece) for piece in self._incoming if piece)

    def _pump_soon(self) -> None:
        if not self._is_pumping:
            self._is_pumping = True
            self._loop.call_soon(self._pump)

    def _pump(self) -> None:
        self._is_pumping = False
        if not self._incoming or not self._is_reading or self._is_closing:
            return
        piece = self._incoming.popleft()
        # Scheduled first: an exception of the protocol must not keep the rest from being delivered.
        self._pump_soon()
        if piece is not None:
            self._protocol.data_received(piece)
        elif not self._protocol.eof_received():
            self.close()

    # --- asyncio.Transport ------------------------------------------------------------------------

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self._protocol

    def is_reading(self) -> bool:
        return self._is_reading and not self._is_closing

    def pause_reading(self) -> None:
        if self.is_reading():
            self.pause_count += 1
            self._is_reading = False

    def resume_reading(self) -> None:
        if not self._is_reading and not self._is_closing:
            self._is_reading = True
            self._pump_soon()

    def is_closing(self) -> bool:
        return self._is_closing

    def close(self) -> None:
        if not self._is_closing:
            self._is_closing = True
            self._incoming.clear()
            self._finish_when_drained()

    def abort(self) -> None:
        self.was_aborted = True
        self._incoming.clear()
        self.lose()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._high = HIGH_WATER_BYTES if high is None else high
        self._low = self._high // 4 if low is None else low
        self._pause_writing_when_high()

    def get_write_buffer_limits(self) -> tuple[int, int]:
        return self._low, self._high

    def get_write_buffer_size(self) -> int:
        return len(self._buffer)

    def can_write_eof(self) -> bool:
        # TLS cannot be closed by halves.
        return self.get_extra_info("sslcontext") is None

    def write_eof(self) -> None:
        self._has_eof_pending = True
        self._finish_when_drained()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not isinstance(data, bytes | bytearray | memoryview):
            raise TypeError(f"data must be bytes-like, not {type(data).__name__}")
        if self._has_eof_pending:
            raise RuntimeError("write after write_eof")
        if self.is_connection_lost or self.was_aborted:
            return
        self.write_sizes.append(len(data))
        if self._is_stalled or self._buffer:
            self._buffer += data
            self.peak_buffer_bytes = max(self.peak_buffer_bytes, len(self._buffer))
            self._pause_writing_when_high()
            return
        self.sent += data

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        self.write(b"".join(list_of_data))

    def _pause_writing_when_high(self) -> None:
        if len(self._buffer) > self._high and not self._is_writing_paused:
            self._is_writing_paused = True
            self._protocol.pause_writing()

    def _resume_writing_when_low(self) -> None:
        if len(self._buffer) <= self._low and self._is_writing_paused:
            self._is_writing_paused = False
            self._protocol.resume_writing()

    def _finish_when_drained(self) -> None:
        if self._buffer:
            return
        if self._has_eof_pending:
            self.has_sent_eof = True
        if self._is_closing:
            self._loop.call_soon(self._tell_connection_lost, None)

    def _tell_connection_lost(self, error: Exception | None) -> None:
        if not self.is_connection_lost:
            self.is_connection_lost = True
            self._protocol.connection_lost(error)


class Wire:
    """One ``Http1Connection`` over a FakeTransport in a ManualLoop, driven step by step by a test.

    Use it as a context manager: leaving it fails the test when a callback raised.
    """

    def __init__(
        self,
        impl: Any,
        app: Any,
        *,
        state: dict[str, Any] | None = None,
        task_context: Any = None,
        access_log: Any = None,
        extra: dict[str, Any] | None = None,
        **options: Any,
    ) -> None:
        self._impl = impl
        # First of all: it may raise, and a loop has to be closed.
        self.config = Config(app, **{"server_header": False, "date_header": False, **options})
        self.loop = ManualLoop()
        self.context = impl.context.WorkerContext(
            app,
            self.config,
            self.loop,
            state=state,
            task_context=task_context,
            access_log=access_log,
        )
        self._ticker = TimeoutTicker(self.context, clock=self.loop.time)
        self.transport: FakeTransport = FakeTransport(self.loop)
        self.connect(**(extra or {}))

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, kind: Any, value: Any, traceback: Any) -> None:
        self.transport.lose()
        self.run()
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.run()
        errors = self.loop.errors
        self.loop.close()
        if kind is None and errors:
            raise AssertionError(f"callbacks failed: {errors!r}") from errors[0].get("exception")

    def connect(self, **extra: Any) -> None:
        """Open one more connection of this worker; the helpers speak to the newest one."""
        self.transport = FakeTransport(self.loop, **extra)
        self.connection = self._impl.http1_connection.Http1Connection(self.context)
        self.loop.call_soon(self.transport.connect, self.connection)
        self.run()

    def run(self) -> None:
        """Run the loop until nothing is ready."""
        self.loop.run_until_idle()

    def feed(self, *pieces: bytes) -> None:
        """The client sends *pieces*, one read of the server each."""
        self.transport.feed(*pieces)
        self.run()

    def feed_eof(self) -> None:
        """The client ends its side."""
        self.transport.feed_eof()
        self.run()

    def lose(self, error: Exception | None = None) -> None:
        """The connection breaks."""
        self.transport.lose(error)
        self.run()

    def drain(self, max_bytes: int | None = None) -> None:
        """The client reads *max_bytes*, or everything from now on."""
        self.loop.call_soon(self.transport.drain, max_bytes)
        self.run()

    def call(self, function: Callable[..., Any], *arguments: Any) -> None:
        """Call *function* inside the loop, and let what follows from it happen."""
        self.loop.call_soon(function, *arguments)
        self.run()

    def make_busy(self) -> None:
        """Let the loop look so busy that the next turn in which anything is written is batched."""
        for _ in range(100):
            self.context.write_batch.count_write()
        self.run()

    def tick(self, seconds: float) -> None:
        """Let *seconds* pass on the manual clock, in the steps of the worker's ticker."""
        tick_s = self._impl.context.TICK_S
        for _ in range(round(seconds / tick_s)):
            self.loop.now_s += tick_s
            self.call(self._ticker.tick)

    @property
    def sent(self) -> bytes:
        """What the client has got so far."""
        return bytes(self.transport.sent)

    @property
    def is_open(self) -> bool:
        """Whether the server keeps the connection."""
        return not self.transport.is_closing() and not self.transport.has_sent_eof
