"""Requests above ``limit_concurrency``: they wait for their turn, or are shed with 503."""

from __future__ import annotations

from typing import Protocol

from asgiserve.errors import HttpRequestError

__all__ = ["BusyWorker", "QueuedConnection", "RequestQueue", "shed", "shutting_down"]

# When a client that was shed may come again, in seconds.
RETRY_AFTER = b"5"


class BusyWorker(Protocol):
    """What the queue asks of the worker: how many requests are in progress."""

    active_requests: int


class QueuedConnection(Protocol):
    """What the queue asks of a connection whose request waits."""

    def on_admitted(self) -> None:
        """It is the request's turn."""

    def on_queue_timeout(self) -> None:
        """The request has waited too long."""


class RequestQueue:
    """Lets ``limit_concurrency`` requests of *worker* be in progress, and others wait.

    Args:
        limit: how many may be in progress.
        max_waiting: how many may wait, 0 for none.
        max_ticks: how long one may wait.
    """

    def __init__(self, worker: BusyWorker, limit: int, *, max_waiting: int, max_ticks: int) -> None:
        self._worker = worker
        self._limit = limit
        self._max_waiting = max_waiting
        self._max_ticks = max_ticks
        self._ticks = 0
        # Each with the tick at which its time is over; the first has come first.
        self._waiting: dict[QueuedConnection, int] = {}
        self._is_admitting = False

    def check_room(self) -> None:
        """Raise an HttpRequestError if one more request could neither be served nor wait."""
        if self._is_busy() and len(self._waiting) >= self._max_waiting:
            raise shed("the server is at its limit of concurrent requests")

    def admits(self, connection: QueuedConnection) -> bool:
        """Whether the request of *connection* may begin; if not, it waits for ``on_admitted``."""
        if not self._is_busy() and not self._waiting:
            return True
        self._waiting.setdefault(connection, self._ticks + self._max_ticks)
        return False

    def discard(self, connection: QueuedConnection) -> None:
        """The request of *connection*, which may have waited, is over."""
        self._waiting.pop(connection, None)

    def admit(self) -> None:
        """A request has ended: others have their turn."""
        # What is admitted may end at once, and call this.
        if self._is_admitting:
            return
        self._is_admitting = True
        try:
            while self._waiting and not self._is_busy():
                connection = next(iter(self._waiting))
                del self._waiting[connection]
                connection.on_admitted()
        finally:
            self._is_admitting = False

    def tick(self) -> None:
        """One tick of the worker's timer has passed."""
        self._ticks += 1
        while self._waiting:
            connection, end_tick = next(iter(self._waiting.items()))
            if self._ticks < end_tick:
                break
            del self._waiting[connection]
            connection.on_queue_timeout()

    def _is_busy(self) -> bool:
        return self._worker.active_requests >= self._limit


def shed(reason: str) -> HttpRequestError:
    """The error for a request that the server has no room for."""
    return HttpRequestError(reason, status=503, fields=[(b"retry-after", RETRY_AFTER)])


def shutting_down() -> HttpRequestError:
    """The error for a WebSocket that would be closed as soon as it is open."""
    return HttpRequestError("the server is shutting down", status=503)
