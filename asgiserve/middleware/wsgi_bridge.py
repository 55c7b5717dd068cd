"""How the thread of a WSGI application has the event loop act: by way of its request's task.

``receive`` and ``send`` are called and awaited in that task, nowhere else.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import Any, NamedTuple

from asgiserve.errors import ClientDisconnected

__all__ = ["TaskCalls"]


class Call(NamedTuple):
    """One call that a thread waits for."""

    function: Callable[..., Awaitable[Any]]
    arguments: tuple[Any, ...]
    result: Future[Any]


class TaskCalls:
    """Calls that other threads want made in the task that made this.

    Once the task has left ``serve``, no thread is kept waiting: each call raises.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._has_news = asyncio.Event()
        self._calls: deque[Call] = deque()
        self._is_ended = False
        # A call is either seen by the task or refused: without the lock one that is made at the
        # very end of the task could be neither, and its thread would wait for ever.
        self._lock = threading.Lock()
        self._is_open = True

    def call(self, function: Callable[..., Awaitable[Any]], *arguments: Any) -> Any:
        """Have the task await ``function(*arguments)``; give the result. Called by threads.

        Raises:
            ClientDisconnected: the task has ended, or was cancelled.
            Exception: what *function* raised.
        """
        result: Future[Any] = Future()
        with self._lock:
            if not self._is_open:
                raise ClientDisconnected("the request is over")
            self._calls.append(Call(function, arguments, result))
            self._loop.call_soon_threadsafe(self._has_news.set)
        try:
            return result.result()
        finally:
            # An exception in it holds this frame, in a circle.
            del result

    def end(self) -> None:
        """Have ``serve`` return. Called by any thread."""
        with self._lock:
            if self._is_open:
                self._is_ended = True
                self._loop.call_soon_threadsafe(self._has_news.set)

    async def serve(self) -> None:
        """Make the calls, until ``end``."""
        try:
            while not self._is_ended:
                await self._has_news.wait()
                self._has_news.clear()
                while self._calls:
                    await make_call(self._calls.popleft())
        finally:
            with self._lock:
                self._is_open = False
            for call in self._calls:
                call.result.set_exception(ClientDisconnected("the request is over"))


async def make_call(call: Call) -> None:
    """Make *call*, and hand over what comes of it."""
    try:
        value = await call.function(*call.arguments)
    except Exception as exc:  # noqa: BLE001 - raised in the thread
        call.result.set_exception(exc)
    except BaseException:
        # Cancelled, as at the end of a stop that has lasted too long.
        call.result.set_exception(ClientDisconnected("the request was cancelled"))
        raise
    else:
        call.result.set_result(value)
