"""Bare ASGI applications, one a workload: what is measured is the server, not a framework."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from benchmarks.samples import HELLO_BODY

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

LARGE_BODY = b"x" * 65536
BODY_1M = b"x" * 1024 * 1024
STREAM_CHUNK = b"y" * 128
STREAM_CHUNKS = 50

HELLO_HEADERS = [(b"content-type", b"text/plain"), (b"content-length", b"13")]
LARGE_HEADERS = [(b"content-type", b"text/plain"), (b"content-length", b"65536")]
HEADERS_1M = [(b"content-type", b"text/plain"), (b"content-length", b"1048576")]
STREAM_HEADERS = [(b"content-type", b"text/plain")]


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer 13 bytes of known length."""
    if scope["type"] == "lifespan":
        await serve_lifespan(receive, send)
        return
    await send({"type": "http.response.start", "status": 200, "headers": HELLO_HEADERS})
    await send({"type": "http.response.body", "body": HELLO_BODY})


async def count_body(scope: Scope, receive: Receive, send: Send) -> None:
    """Read the whole request body and answer its size in 13 digits, so that a lost byte is seen."""
    if scope["type"] == "lifespan":
        await serve_lifespan(receive, send)
        return
    size = 0
    while True:
        message = await receive()
        size += len(message.get("body", b""))
        if not message.get("more_body", False):
            break
    await send({"type": "http.response.start", "status": 200, "headers": HELLO_HEADERS})
    await send({"type": "http.response.body", "body": b"%013d" % size})


async def large_answer(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer 64 KiB of known length in one piece."""
    if scope["type"] == "lifespan":
        await serve_lifespan(receive, send)
        return
    await send({"type": "http.response.start", "status": 200, "headers": LARGE_HEADERS})
    await send({"type": "http.response.body", "body": LARGE_BODY})


async def answer_1m(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer 1 MiB of known length in one piece."""
    if scope["type"] == "lifespan":
        await serve_lifespan(receive, send)
        return
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS_1M})
    await send({"type": "http.response.body", "body": BODY_1M})


async def stream(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer 50 pieces of 128 bytes without a length, one after the other as Starlette does."""
    if scope["type"] == "lifespan":
        await serve_lifespan(receive, send)
        return
    await send({"type": "http.response.start", "status": 200, "headers": STREAM_HEADERS})
    for _ in range(STREAM_CHUNKS):
        await send({"type": "http.response.body", "body": STREAM_CHUNK, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Send every WebSocket message back."""
    if scope["type"] == "lifespan":
        await serve_lifespan(receive, send)
        return
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        text = message.get("text")
        if text is not None:
            await send({"type": "websocket.send", "text": text})
        else:
            await send({"type": "websocket.send", "bytes": message["bytes"]})


async def serve_lifespan(receive: Receive, send: Send) -> None:
    """Complete start-up and shutdown."""
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})
