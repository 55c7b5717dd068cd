"""Takes connections from listening sockets, and knows when to leave them there.

What becomes of a connection that was taken does not belong here.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import time
from collections.abc import Callable, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeAlias

from asgiserve.logs.rate_limit import RareLog

if TYPE_CHECKING:
    from asgiserve.net.listener import Listener
    from asgiserve.net.spread import Spread

__all__ = ["AcceptLoop", "Watch"]

logger = logging.getLogger("asgiserve.error")

Take: TypeAlias = Callable[[socket.socket, Any, "Listener"], None]

# Connections that are taken in one turn of the loop: those that are open want their turn too.
MAX_ACCEPTS = 64

# The same where workers share them: what others have may have changed since they last told it, so
# all of them have to be woken.
MAX_BALANCED_ACCEPTS = 4

# A peer that has gone already, and what Linux tells of its network (accept(2)).
GONE = frozenset(
    getattr(errno, name)
    for name in (
        "ECONNABORTED",
        "EHOSTDOWN",
        "EHOSTUNREACH",
        "ENETDOWN",
        "ENETUNREACH",
        "ENONET",
        "ENOPROTOOPT",
        "EOPNOTSUPP",
        "EPERM",
        "EPROTO",
    )
    if hasattr(errno, name)
)

# How long to wait after an error that stays, such as having no file descriptors left.
STARVED_RETRY_S = 0.1
# How often to look whether one of too many connections has ended.
FULL_RETRY_S = 0.005

# A worker with a few connections more than the mean takes more: waiting for others would cost more
# than it brings while connections come and go.
MIN_SLACK = 2.0
SLACK_PER_MEAN = 1 / 16
# How long a worker leaves connections to others, for each that it has beyond that.
REST_PER_EXCESS_S = 0.001
MIN_REST_S = 0.001
MAX_REST_S = 0.005
# How often a worker says that it is well; far more often than the others forget it.
BEAT_INTERVAL_S = 0.25


class Watch(Enum):
    """What the listening sockets are to the worker."""

    CLOSED = "closed"
    OPEN = "open"  # watched: connections are taken as they come
    RESTING = "resting"  # left to the other workers for a moment
    FULL = "full"  # at the limit of connections
    STARVED = "starved"  # out of file descriptors or memory


class AcceptLoop:
    """Accepts at *listeners*, which listen already.

    Args:
        loop: has ``add_reader``.
        take: is given each connection's socket, the peer's address, and the listener.
        count: how many connections there are, those on their way to be one included.
        limit: how many there may be; None for no limit.
        spread: the other workers' counts; None: take all.

    Raises:
        NotImplementedError: (``start``) the loop cannot watch sockets.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        listeners: Sequence[Listener],
        take: Take,
        count: Callable[[], int],
        *,
        limit: int | None = None,
        spread: Spread | None = None,
    ) -> None:
        self.watch = Watch.CLOSED
        self._loop = loop
        self._listeners = listeners
        self._take = take
        self._count = count
        self._limit = limit
        self._spread = spread
        self._timer: asyncio.TimerHandle | None = None
        self._beat_timer: asyncio.TimerHandle | None = None
        # How many to take of what the others have left, after a rest.
        self._leftovers = 1
        self._errors = RareLog(logger, logging.ERROR)
        self._failures = RareLog(logger, logging.ERROR)
        self._fullness = RareLog(logger, logging.WARNING)

    def start(self) -> None:
        """Accept from now on."""
        for listener in self._listeners:
            listener.sock.setblocking(False)
        self._enter(Watch.OPEN)
        if self._spread is not None:
            self._beat(self._spread)

    def stop(self) -> None:
        """Accept no more; what waits in the kernel's queues stays there."""
        self._enter(Watch.CLOSED)
        if self._beat_timer is not None:
            self._beat_timer.cancel()
            self._beat_timer = None
        self._leave_spread()

    def take_waiting(self) -> None:
        """Take what waits in the kernel's queues, as far as the limit of connections allows."""
        for listener in self._listeners:
            while not self._is_full() and self._accept(listener, 1):
                pass

    # Watching.

    def _enter(self, watch: Watch, retry_s: float = 0.0) -> None:
        """Watch the sockets, or leave them alone and look again in *retry_s*."""
        if (watch is Watch.OPEN) != (self.watch is Watch.OPEN):
            for listener in self._listeners:
                if watch is Watch.OPEN:
                    self._loop.add_reader(listener.sock, self._on_readable, listener)
                else:
                    self._loop.remove_reader(listener.sock)
        self.watch = watch
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if retry_s:
            self._timer = self._loop.call_later(retry_s, self._look_again)

    def _on_readable(self, listener: Listener) -> None:
        try:
            self._take_some(listener)
        except Exception as error:  # noqa: BLE001 - it is logged
            self._rest_after(error)

    def _take_some(self, listener: Listener) -> None:
        # Another listener, before this one in the same turn, may have had the last one allowed.
        if self.watch is not Watch.OPEN:
            return
        if self._is_full():
            self._wait_for_room()
            return
        headroom = self._headroom()
        if headroom < 0:
            self._enter(Watch.RESTING, rest_s(headroom))
            return
        most = MAX_ACCEPTS if self._spread is None else MAX_BALANCED_ACCEPTS
        self._accept(listener, int(min(headroom + 1, most)))

    def _look_again(self) -> None:
        """The pause is over: watch the sockets again, or go on with it."""
        try:
            if self._is_full():
                self._wait_for_room()
            elif self.watch is not Watch.RESTING or not self._rests_on():
                self._enter(Watch.OPEN)
        except Exception as error:  # noqa: BLE001 - it is logged
            self._rest_after(error)

    def _rest_after(self, error: Exception) -> None:
        """Log *error*, and look again later: the event loop would come back to it at once."""
        self._failures.write("Accepting connections failed: %r", error, error=error)
        if self.watch is not Watch.CLOSED:
            self._enter(Watch.STARVED, STARVED_RETRY_S)

    def _rests_on(self) -> bool:
        """Take some of what the others have left; False when they have left nothing, or should."""
        headroom = self._headroom()
        if headroom >= 0:
            self._leftovers = 1
            return False
        taken = sum([self._accept(listener, self._leftovers) for listener in self._listeners])
        if self.watch is not Watch.RESTING:
            return True
        if not taken:
            self._leftovers = 1
            return False
        pause_s = rest_s(headroom)
        if pause_s == MAX_REST_S:
            # The others are too busy to accept, or are gone.
            self._leftovers = min(self._leftovers * 2, MAX_ACCEPTS)
        self._enter(Watch.RESTING, pause_s)
        return True

    # Limits.

    def _is_full(self) -> bool:
        return self._limit is not None and self._count() >= self._limit

    def _wait_for_room(self) -> None:
        self._fullness.write("At the limit of %d connections: more have to wait", self._limit)
        self._enter(Watch.FULL, FULL_RETRY_S)
        self._leave_spread()

    def _headroom(self) -> float:
        """How many connections to take before it is the others' turn; negative: it is by now."""
        spread = self._spread
        if spread is None:
            return MAX_ACCEPTS
        count = self._count()
        spread.set(count)
        excess = spread.excess()
        return max(MIN_SLACK, (count - excess) * SLACK_PER_MEAN) - excess

    def _beat(self, spread: Spread) -> None:
        self._beat_timer = self._loop.call_later(BEAT_INTERVAL_S, self._beat, spread)
        if self.watch is Watch.OPEN or self.watch is Watch.RESTING:
            spread.set(self._count())
            spread.beat(time.monotonic())

    def _leave_spread(self) -> None:
        """Take care that nobody leaves connections to this worker, which takes none."""
        if self._spread is not None:
            self._spread.clear(self._spread.slot)

    # Accepting.

    def _accept(self, listener: Listener, room: int) -> int:
        """Take up to *room* connections of *listener*, below the limit; how many there were."""
        if self._limit is not None:
            room = min(room, self._limit - self._count())
        for taken in range(room):
            try:
                sock, peer = listener.accept()
            except (BlockingIOError, InterruptedError):
                return taken
            except OSError as exc:
                if exc.errno in GONE:
                    continue
                self._errors.write(
                    "Cannot accept connections at %s for now: %s", listener.text, exc
                )
                if self.watch is not Watch.CLOSED:
                    self._enter(Watch.STARVED, STARVED_RETRY_S)
                    self._leave_spread()
                return taken
            self._take(sock, peer, listener)
        return max(room, 0)


def rest_s(headroom: float) -> float:
    """How long a worker leaves connections to others, when it has *headroom* below zero."""
    return min(max(-headroom * REST_PER_EXCESS_S, MIN_REST_S), MAX_REST_S)
