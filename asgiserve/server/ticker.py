"""The coarse timer of a worker: one ``call_later`` drives every time-out and the Date field.

Connections count their time-outs in ticks. A loop that was blocked for ten seconds has then ticked
once, not forty times, so no peer is punished for the application's pause. Where many time-outs run
down at once, requests have their turns in between.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from asgiserve._twins import context, http_date

if TYPE_CHECKING:
    from asgiserve.connection.context import WorkerContext

__all__ = ["TimeoutTicker"]

# What a turn of the loop spends on ticks: one that ends a connection, or some hundred that do not.
# Four times that follows such an end: the transport closes, and a task wakes up to be told.
TURN_S = 0.000_05


class TimeoutTicker:
    """Ticks every TICK_S seconds for the connections of *worker*.

    Args:
        clock: seconds that only grow, to measure turns by.
    """

    def __init__(
        self, worker: WorkerContext, *, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._worker = worker
        self._clock = clock
        self._timer: asyncio.TimerHandle | None = None
        # Those that have yet to hear of the last tick, and what will tell the next of them.
        self._due: list[Any] = []
        self._next_turn: asyncio.Handle | None = None
        self._date_s = -1
        self._refresh_date()

    def start(self) -> None:
        """Begin to tick; needs the worker's loop to be running."""
        self._timer = self._worker.loop.call_later(context.TICK_S, self._on_timer)

    def stop(self) -> None:
        """Tick no more."""
        for handle in (self._timer, self._next_turn):
            if handle is not None:
                handle.cancel()
        self._timer = self._next_turn = None

    def tick(self) -> None:
        """One tick: a time-out that has run down acts, and the Date value follows the clock."""
        self._refresh_date()
        # Otherwise the loop is behind, and this tick one with the last.
        if self._next_turn is None:
            self._due = list(self._worker.connections)
            self._tell()
        if self._worker.request_queue is not None:
            self._worker.request_queue.tick()

    def _tell(self) -> None:
        """Tick for those that are due, as many as one turn of the loop is for."""
        self._next_turn = None
        worker, due = self._worker, self._due
        end_s = self._clock() + TURN_S
        while due:
            connection = due.pop()
            if connection in worker.connections:
                try:
                    connection.on_tick()
                except Exception as error:  # noqa: BLE001 - it is reported
                    self._give_up(connection, error)
            if self._clock() > end_s:
                self._next_turn = worker.loop.call_soon(self._tell)
                return

    def _give_up(self, connection: Any, error: Exception) -> None:
        """Report *error* and drop *connection*, which would fail again with each tick."""
        self._worker.connections.discard(connection)
        self._worker.loop.call_exception_handler(
            {"message": "A time-out failed", "exception": error, "connection": connection}
        )
        connection.abort()

    def _on_timer(self) -> None:
        # Set the next one first: an exception in a tick must not end all time-outs.
        self.start()
        self.tick()

    def _refresh_date(self) -> None:
        now_s = int(time.time())
        if self._worker.config.date_header and now_s != self._date_s:
            self._date_s = now_s
            self._worker.default_fields.set_date(http_date.format_http_date(now_s))
