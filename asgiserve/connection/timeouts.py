"""The coarse timer of a worker: one ``call_later`` drives every time-out and the Date field.

Connections count their time-outs in ticks. A loop that was blocked for ten seconds has then ticked
once, not forty times, so no peer is punished for the application's pause.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from asgiserve._twins import context, http_date

if TYPE_CHECKING:
    from asgiserve.connection.context import WorkerContext

__all__ = ["TimeoutTicker"]


class TimeoutTicker:
    """Ticks every TICK_S seconds for the connections of *worker*."""

    def __init__(self, worker: WorkerContext) -> None:
        self._worker = worker
        self._timer: asyncio.TimerHandle | None = None
        self._date_s = -1
        self._refresh_date()

    def start(self) -> None:
        """Begin to tick; needs the worker's loop to be running."""
        self._timer = self._worker.loop.call_later(context.TICK_S, self._on_timer)

    def stop(self) -> None:
        """Tick no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def tick(self) -> None:
        """One tick: a time-out that has run down acts, and the Date value follows the clock."""
        self._refresh_date()
        # A copy, since a connection that times out leaves the set.
        for connection in tuple(self._worker.connections):
            connection.on_tick()
        if self._worker.request_queue is not None:
            self._worker.request_queue.tick()

    def _on_timer(self) -> None:
        # Set the next one first: an exception in a tick must not end all time-outs.
        self.start()
        self.tick()

    def _refresh_date(self) -> None:
        now_s = int(time.time())
        if self._worker.config.date_header and now_s != self._date_s:
            self._date_s = now_s
            self._worker.default_fields.set_date(http_date.format_http_date(now_s))
