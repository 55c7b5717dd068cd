"""WSGI applications (PEP 3333) as ASGI 3 applications: each request runs in a thread of a pool.

The thread waits until a piece of the response has been sent before it asks the application for the
next one, and for a piece of the request body when the application reads: nothing piles up.
"""

from __future__ import annotations

import contextvars
import re
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, TypeAlias

from asgiserve._twins import header_fields
from asgiserve.errors import AppError
from asgiserve.middleware.wsgi_bridge import TaskCalls
from asgiserve.middleware.wsgi_environ import BodyReader, make_environ

__all__ = ["WSGIAdapter"]

# Requests that one process handles at a time; a stream takes a thread for as long as it lasts.
THREADS = 10

STATUS = re.compile(r"([0-9]{3})(?: .*)?", re.ASCII)

ExcInfo: TypeAlias = tuple[type[BaseException], BaseException, TracebackType | None]


class WSGIAdapter:
    """An ASGI 3 application made of the WSGI application *app*.

    Args:
        keeps_underscores: header fields with an underscore in their name reach the environ.
        is_multiprocess: other processes serve the same application.
    """

    def __init__(
        self, app: Any, *, keeps_underscores: bool = False, is_multiprocess: bool = False
    ) -> None:
        self._app = app
        self._keeps_underscores = keeps_underscores
        self._is_multiprocess = is_multiprocess
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="wsgi")

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Run one request; or refuse a WebSocket, or do the nothing that a lifespan takes."""
        if scope["type"] == "http":
            await self._serve(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close"})
        else:
            for step in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{step}.complete"})

    async def _serve(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        calls = TaskCalls()
        environ = make_environ(
            scope,
            BodyReader(lambda: calls.call(receive)),
            keeps_underscores=self._keeps_underscores,
            is_multiprocess=self._is_multiprocess,
        )

        async def send_all(messages: list[dict[str, Any]]) -> None:
            for message in messages:
                await send(message)

        response = Response(lambda messages: calls.call(send_all, messages))
        context = contextvars.copy_context()
        work = self._pool.submit(context.run, response.run, self._app, environ)
        work.add_done_callback(lambda _: calls.end())
        try:
            await calls.serve()
        finally:
            # If no thread has begun it, none shall.
            work.cancel()
        try:
            work.result()
        finally:
            # An exception in it holds this frame, in a circle.
            del work


class Response:
    """The response of a WSGI application; all of it is called in the application's thread.

    Args:
        send: sends messages of ASGI, and waits until all are sent.
    """

    def __init__(self, send: Callable[[list[dict[str, Any]]], None]) -> None:
        self._send = send
        # The message that starts the response.
        self._head: dict[str, Any] | None = None
        self._is_started = False
        self._is_complete = False
        # What is left of Content-Length, None without one.
        self._left_bytes: int | None = None

    def run(self, app: Any, environ: dict[str, Any]) -> None:
        """Call *app* and send what it gives."""
        pieces: Iterable[bytes] = app(environ, self.start_response)
        try:
            if isinstance(pieces, (list, tuple)):
                # All is here at once, so nothing is delayed, and its length is known.
                self._write(b"".join(pieces), is_last=True)
                return
            for piece in pieces:
                # The head waits for the first byte: up to then an error can replace it.
                if piece:
                    self.write(piece)
            self._write(b"", is_last=True)
        finally:
            close = getattr(pieces, "close", None)
            if close is not None:
                close()

    def start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: ExcInfo | None = None
    ) -> Callable[[bytes], None]:
        """Take status and headers; with *exc_info* in place of others that are not sent yet.

        Raises:
            AppError: there are others, or these are malformed.
            BaseException: that of *exc_info*: the response has begun.
        """
        if exc_info is not None:
            try:
                if self._is_started:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                # It holds this frame, in a circle.
                del exc_info
        elif self._head is not None:
            raise AppError("start_response() was called a second time without exc_info")
        code = STATUS.fullmatch(status)
        if code is None:
            raise AppError(f"a WSGI status looks like '200 OK', not {status!r:.80}")
        fields = [
            (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers
        ]
        self._head = {"type": "http.response.start", "status": int(code[1]), "headers": fields}
        lengths = [value for name, value in fields if name == b"content-length"]
        self._left_bytes = header_fields.parse_content_length(lengths[0]) if lengths else None
        return self.write

    def write(self, data: bytes) -> None:
        """Send *data*, a piece of the body, at once."""
        self._write(data, is_last=len(data) == self._left_bytes)

    def _write(self, data: bytes, *, is_last: bool) -> None:
        if self._is_complete:
            if data:
                raise AppError("the body is longer than its content-length")
            return
        if self._head is None:
            raise AppError("the application did not call start_response() before its body")
        messages = [] if self._is_started else [self._head]
        messages.append({"type": "http.response.body", "body": data, "more_body": not is_last})
        self._is_started = True
        self._is_complete = is_last
        if self._left_bytes is not None:
            self._left_bytes -= len(data)
        self._send(messages)
