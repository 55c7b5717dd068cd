"""Takes connections through the event loop, where it cannot watch listening sockets (Windows).

Not by the servers of asyncio: one that is closed drops what it has accepted in the same iteration.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Coroutine, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from asgiserve.logs.rate_limit import RareLog
from asgiserve.net.accept_loop import GONE, STARVED_RETRY_S, Take

if TYPE_CHECKING:
    from asgiserve.net.listener import Listener

__all__ = ["AcceptCalls"]

logger = logging.getLogger("asgiserve.error")

Call: TypeAlias = Coroutine[Any, None, tuple[socket.socket, Any]]


class AcceptCalls:
    """One ``loop.sock_accept()`` after another, for each of *listeners*, which listen already.

    Args:
        take: is given each connection's socket, the peer's address, and the listener.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, listeners: Sequence[Listener], take: Take
    ) -> None:
        self._loop = loop
        self._listeners = listeners
        self._take = take
        self._is_open = False
        # What each call that is under way waits for.
        self._calls: dict[Listener, tuple[Call, asyncio.Future[Any]]] = {}
        self._timers: set[asyncio.TimerHandle] = set()
        self._errors = RareLog(logger, logging.ERROR)

    def start(self) -> None:
        """Accept from now on."""
        self._is_open = True
        for listener in self._listeners:
            self._accept(listener)

    def stop(self) -> None:
        """Accept no more, but take what was accepted since the loop last told of it."""
        self._is_open = False
        for timer in self._timers:
            timer.cancel()
        for listener, (call, future) in tuple(self._calls.items()):
            # Not by cancelling a task, which would lose the result that is there already.
            if not future.cancel():
                self._advance(call, listener)

    def _accept(self, listener: Listener) -> None:
        if self._is_open:
            self._advance(self._loop.sock_accept(listener.sock), listener)

    def _advance(
        self, call: Call, listener: Listener, future: asyncio.Future[Any] | None = None
    ) -> None:
        """Run *call* on to what it waits for next, now that *future* is done."""
        if future is not None and self._calls.get(listener, (None,))[0] is not call:
            return  # `stop` was sooner
        self._calls.pop(listener, None)
        try:
            waited_for = call.send(None)
        except StopIteration as done:
            sock, peer = done.value
            self._take(sock, peer, listener)
        except asyncio.CancelledError:
            return
        except OSError as exc:
            if not self._is_open:
                return
            if exc.errno not in GONE:
                self._errors.write(
                    "Cannot accept connections at %s for now: %s", listener.text, exc
                )
                self._retry_later(listener)
                return
        else:
            self._calls[listener] = call, waited_for
            waited_for.add_done_callback(partial(self._advance, call, listener))
            return
        # Not at once: a loop that accepts without waiting would never come to an end here.
        self._loop.call_soon(self._accept, listener)

    def _retry_later(self, listener: Listener) -> None:
        def retry() -> None:
            self._timers.discard(timer)
            self._accept(listener)

        timer = self._loop.call_later(STARVED_RETRY_S, retry)
        self._timers.add(timer)
