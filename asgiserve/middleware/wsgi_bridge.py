"""a2wsgi's middleware, made to end an application whose client has left.

The application runs in a thread and hands its messages over to a task that sends them. In a2wsgi
alone that task ends when a send fails, and the thread waits for it for ever: a few downloads that
are broken off, and no thread is left. Importing this needs a2wsgi, which is optional.
"""

from __future__ import annotations

from typing import Any

from a2wsgi.wsgi import WSGIMiddleware, WSGIResponder

from asgiserve.errors import ClientDisconnected

__all__ = ["WsgiBridge"]


class WsgiBridge(WSGIMiddleware):
    """An ASGI 3 application made of a WSGI application."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        responder = Responder(self.app, self.executor, self.send_queue_size)
        await responder(scope, receive, send)


class Responder(WSGIResponder):
    """One request; after a send that failed, the application's next one fails too.

    So its iterable is closed, as PEP 3333 wants it when a client breaks off.
    """

    _failure: Exception | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await super().__call__(scope, receive, send)
        if self._failure is not None:
            raise self._failure

    async def sender(self, send: Any) -> None:
        """Send what the thread hands over, until all is sent or one message fails."""
        try:
            await super().sender(send)
        except Exception as exc:  # noqa: BLE001 - raised by __call__, or by send in the thread
            self._give_up(exc)
        except BaseException:
            # Cancelled, as at the end of a stop that has lasted too long.
            self._give_up(ClientDisconnected("the request was cancelled"))
            raise

    def send(self, message: Any) -> None:
        """Hand *message* over, from the application's thread."""
        if self._failure is None:
            super().send(message)
        if self._failure is not None:
            raise self._failure

    def _give_up(self, failure: Exception) -> None:
        self._failure = failure
        # The thread may wait for room.
        while not self.send_queue.empty():
            self.send_queue.get_nowait()
