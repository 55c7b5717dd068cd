"""Small ASGI applications for tests; each says in one line what it does with a request."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

__all__ = [
    "AsgiApp",
    "RecordingApp",
    "SeenRequest",
    "answer",
    "body",
    "http_scope",
    "read_body",
    "receiving_app",
    "scripted_app",
    "start",
    "trailers",
]

Scope = dict[str, Any]
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]


def start(*headers: Any, status: Any = 200, **more: Any) -> Message:
    """An ``http.response.start``."""
    return {"type": "http.response.start", "status": status, "headers": list(headers), **more}


def body(data: Any = b"", *, more: bool = False) -> Message:
    """An ``http.response.body``."""
    return {"type": "http.response.body", "body": data, "more_body": more}


def trailers(*headers: Any, more: bool = False) -> Message:
    """An ``http.response.trailers``."""
    return {"type": "http.response.trailers", "headers": list(headers), "more_trailers": more}


async def read_body(receive: Receive) -> bytes:
    """Receive until the request is complete; a disconnect ends it too."""
    data = b""
    while True:
        message = await receive()
        data += message.get("body", b"")
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            return data


async def answer(send: Send, data: bytes = b"", *, status: int = 200, headers: Any = ()) -> None:
    """Send a whole response with its content-length."""
    length = (b"content-length", str(len(data)).encode())
    await send(start(*headers, length, status=status))
    await send(body(data))


def receiving_app(count: int, events: list[Message]) -> AsgiApp:
    """Adds what ``receive`` gives *count* times to *events*, then answers."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for _ in range(count):
            events.append(await receive())
        await answer(send)

    return app


def http_scope(**details: Any) -> Scope:
    """The scope of a POST, as a server makes it."""
    return {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/a b",
        "raw_path": b"/a%20b",
        "query_string": b"x=1",
        "root_path": "",
        "headers": [(b"host", b"test")],
        "client": ("192.0.2.7", 1),
        "server": ("198.51.100.1", 8000),
        **details,
    }


@dataclass
class SeenRequest:
    """What an application saw of one request."""

    scope: Scope
    body: bytes | None = None
    is_complete: bool = False


@dataclass
class RecordingApp:
    """Answers 200 with the body it read, and keeps what it saw."""

    requests: list[SeenRequest] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        seen = SeenRequest(scope, b"")
        self.requests.append(seen)
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            seen.body += message["body"]
            if not message["more_body"]:
                break
        seen.is_complete = True
        await answer(send, seen.body)


def scripted_app(*messages: Message, read: bool = False) -> AsgiApp:
    """An application that sends *messages* as they are, with *read* after reading the request."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if read:
            await read_body(receive)
        for message in messages:
            await send(message)

    return app
