"""The server of a worker process: as any other, but that a supervisor hears of it and orders it."""

from __future__ import annotations

import asyncio
import faulthandler
import signal
import socket
import threading
import time
from collections.abc import Callable, Sequence
from types import FrameType
from typing import TYPE_CHECKING, Any

from asgiserve.net.listener import Listener
from asgiserve.net.sockets import open_fd
from asgiserve.net.spread import Spread
from asgiserve.process.log_files import reopen_log_files
from asgiserve.server.in_flight import describe_requests
from asgiserve.server.introduction import describe_stack
from asgiserve.server.server import Server

if TYPE_CHECKING:
    from asgiserve.worker.channel import Channel
    from asgiserve.worker.spec import WorkerOrder

__all__ = ["Beat", "WorkerServer", "open_listeners"]

# How long an event loop that turns may take to answer.
LOOP_ANSWER_S = 0.25
# What a worker gets beyond its time-outs, once its supervisor is gone.
ORPHAN_MARGIN_S = 5.0


class WorkerServer(Server):
    """Serves the application as *order* says, and tells the supervisor by *channel*.

    Args:
        app: the application, if it is loaded already.
    """

    def __init__(self, order: WorkerOrder, channel: Channel, app: Any = None) -> None:
        super().__init__(order.config)
        self.owns_process = True
        self.is_supervised = True
        self.loaded_app = app
        # A terminal sends SIGINT to all processes of its group: the supervisor's to decide.
        self.stop_signals = [signal.SIGTERM]
        self.on_retire = self._tell_retirement
        if order.spread_fd is not None:
            self.spread = Spread.attach(order.spread_fd, order.slot)
        # By the supervisor, unless that says that all stop.
        self.is_replaced = True
        self._channel = channel
        self._stacks_fd = order.stacks_fd
        self._beat = Beat(order.beat_interval_s, self._tell_beat)

    async def serve(self, sockets: Sequence[socket.socket | Listener] | None = None) -> None:
        """As `Server.serve`, with a beat as long as the event loop turns."""
        self._beat.start(asyncio.get_running_loop())
        try:
            await super().serve(sockets)
        finally:
            self._beat.stop()

    async def startup(self, sockets: Sequence[socket.socket | Listener] | None = None) -> None:
        """As `Server.startup`; then the supervisor knows that connections are accepted."""
        await super().startup(sockets)
        if self.started:
            stack = describe_stack(asyncio.get_running_loop())
            self._channel.send({"kind": "ready", "stack": stack})

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop in order, however often it is asked for: to force is the supervisor's to order.

        At a stop, service managers send a signal to each process of a service, beside the order
        that comes from the supervisor. That is taken by another thread, at any moment.
        """
        if not self.should_exit:
            # All stop, and the order is on its way; or else nobody has taken this place yet.
            self.is_replaced = False
        self.should_exit = True
        if self._is_loading and frame is not None:
            # As in `Server.handle_exit`.
            raise KeyboardInterrupt

    def _load_app(self) -> Any:
        # A stop that came this early spares the import.
        return None if self.should_exit else super()._load_app()

    # What the watch thread calls.

    def ask_to_stop(self, *, force: bool) -> None:
        """Stop, as all do, and cut off what is in flight if *force* is true."""
        self.is_replaced = False
        if force:
            self.force_exit = True
        self.ask_to_leave()

    def ask_to_leave(self) -> None:
        """Stop, while others serve on."""
        self.should_exit = True
        if self._is_loading:
            # The loop sees nothing until the import is over; a signal breaks that off.
            main = threading.main_thread().ident
            assert main is not None
            signal.pthread_kill(main, signal.SIGTERM)

    def ask_to_hurry(self) -> None:
        """End the delay of a stop."""
        self._request.hurry_up()

    def ask_for_reopened_logs(self) -> None:
        """Open log files anew."""
        self.call_soon(reopen_log_files)

    def ask_for_reloaded_tls(self) -> None:
        """Read certificates again."""
        self.call_soon(self.reload_tls)

    def write_stacks(self) -> None:
        """Write the stacks of all threads where the supervisor reads them."""
        # No other thread runs meanwhile: this one holds the interpreter.
        faulthandler.dump_traceback(self._stacks_fd, all_threads=True)

    def describe_requests(self) -> list[str]:
        """The requests in flight; waits a moment for the loop, then looks for itself."""
        answers: list[list[str]] = []
        has_answered = threading.Event()

        def answer() -> None:
            answers.append(self._describe_requests())
            has_answered.set()

        # Connections belong to the loop's thread, unless that stands still.
        if self.call_soon(answer) and has_answered.wait(LOOP_ANSWER_S):
            return answers[0]
        return self._describe_requests()

    def must_end(self, orphaned_s: float) -> bool:
        """Whether a stop that was asked for *orphaned_s* seconds ago should have come about."""
        config = self.config
        stuck_s = time.monotonic() - self._beat.last_s
        if self._beat.is_running and stuck_s > config.timeout_worker_healthcheck + ORPHAN_MARGIN_S:
            return True
        timeouts = (
            config.drain_delay,
            config.timeout_graceful_shutdown,
            config.timeout_lifespan_shutdown,
        )
        total_s = 0.0
        for timeout_s in timeouts:
            if timeout_s is None:
                return False
            total_s += timeout_s
        return orphaned_s > total_s + ORPHAN_MARGIN_S

    def _describe_requests(self) -> list[str]:
        worker = self.worker
        return [] if worker is None else describe_requests(worker)

    def _tell_retirement(self, reason: str) -> None:
        self._channel.send({"kind": "retire", "reason": reason})

    def _tell_beat(self, lag_s: float) -> None:
        worker = self.worker
        self._channel.send(
            {
                "kind": "beat",
                "connections": len(worker.connections) if worker else 0,
                "active": worker.active_requests if worker else 0,
                "requests": worker.requests_total if worker else 0,
                "lag_s": round(lag_s, 4),
            }
        )


class Beat:
    """Calls *tell* again and again from the event loop, with how late it is in seconds.

    Attributes:
        last_s: when it last did, by the monotonic clock.
        is_running: the event loop is expected to turn.
    """

    def __init__(self, interval_s: float, tell: Callable[[float], None]) -> None:
        self.last_s = time.monotonic()
        self.is_running = False
        self._interval_s = interval_s
        self._tell = tell
        self._timer: asyncio.TimerHandle | None = None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin, with a first call at once."""
        self.is_running = True
        self._beat(loop, loop.time())

    def stop(self) -> None:
        """End."""
        self.is_running = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _beat(self, loop: asyncio.AbstractEventLoop, due_s: float) -> None:
        now_s = loop.time()
        next_s = now_s + self._interval_s
        # Set the next one first: an exception must not end the beats of a worker that is well.
        self._timer = loop.call_at(next_s, self._beat, loop, next_s)
        self.last_s = time.monotonic()
        self._tell(max(now_s - due_s, 0.0))


def open_listeners(order: WorkerOrder) -> list[Listener]:
    """The sockets of *order*, which listen already."""
    return [Listener(open_fd(each.fd), each.text) for each in order.listeners]
