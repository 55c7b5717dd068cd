"""The event loop as the TLS transports of aiofastnet see it: what they get wrong is put right here.

Nothing here runs for a request; it takes part in the begin and the end of connections.
"""

from __future__ import annotations

import asyncio
import select
from collections.abc import Callable
from typing import Any, TypeAlias

from asgiserve.net.loop_errors import is_peer_fault

__all__ = ["ResetWatch", "TransportLoop"]

OnReadable: TypeAlias = Callable[[], object]


class NoTimer:
    """Stands for a timer that was not set."""

    def cancel(self) -> None:
        """Do nothing."""


NO_TIMER = NoTimer()


class TransportLoop:
    """Passes on to *loop* what transports ask of it, but for timers, resets and peers' faults."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        # Those of asyncio report a reset as long as the socket is watched. libuv does so once, and
        # forgets the socket: a transport that found data before the reset would not come to that.
        has_lasting_errors = isinstance(loop, asyncio.BaseEventLoop)
        self._resets = None if has_lasting_errors else ResetWatch(loop)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loop, name)

    def add_reader(self, fd: int, on_readable: OnReadable) -> None:
        """Have *on_readable* called while *fd* can be read, or is broken."""
        self._loop.add_reader(fd, on_readable)
        if self._resets is not None:
            self._resets.add(fd, on_readable)

    def remove_reader(self, fd: int) -> None:
        """Watch *fd* no more."""
        if self._resets is not None:
            self._resets.remove(fd)
        self._loop.remove_reader(fd)

    def call_later(self, delay_s: float, callback: Callable[..., object], *args: Any) -> NoTimer:
        """Set no timer: connections and handshakes have time-outs of their own.

        Transports that are aborted forget theirs, which would keep them in memory until then.
        """
        return NO_TIMER

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Report what is not the peer's fault: that, the connection or who shakes hands is told."""
        if not is_peer_fault(context.get("exception")):
            self._loop.call_exception_handler(context)


class ResetWatch:
    """Calls transports as long as their sockets are broken, for a *loop* that does so only once.

    It is the kernel that waits for all of them (epoll(7)): a connection costs two system calls, a
    request none. Systems without epoll have event loops that do not forget.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._epoll: Any = None
        self._on_readable: dict[int, OnReadable] = {}

    def add(self, fd: int, on_readable: OnReadable) -> None:
        """Call *on_readable* while *fd* is broken."""
        try:
            if not self._on_readable:
                self._open()
            if self._epoll is None:
                return
            # Errors are reported without being asked for.
            self._epoll.register(fd, 0)
        except FileExistsError:
            # Only what to call is new.
            pass
        except OSError:
            # Out of descriptors or memory: a connection that is served is worth more.
            self._close_if_idle()
            return
        self._on_readable[fd] = on_readable

    def remove(self, fd: int) -> None:
        """Forget *fd*, which is open yet."""
        if self._on_readable.pop(fd, None) is not None:
            self._epoll.unregister(fd)
            self._close_if_idle()

    def _open(self) -> None:
        if hasattr(select, "epoll"):
            self._epoll = select.epoll()
            self._loop.add_reader(self._epoll.fileno(), self._on_broken)

    def _close_if_idle(self) -> None:
        """Leave nothing in the event loop, which may go on without the server."""
        if self._epoll is not None and not self._on_readable:
            self._loop.remove_reader(self._epoll.fileno())
            self._epoll.close()
            self._epoll = None

    def _on_broken(self) -> None:
        for fd, _events in self._epoll.poll(0):
            # One that was called before may have ended this one.
            on_readable = self._on_readable.get(fd)
            if on_readable is None:
                continue
            try:
                on_readable()
            except BaseException:
                # It would come here again at once, for ever.
                self.remove(fd)
                raise
