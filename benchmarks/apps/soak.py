"""What is served under mixed load: bodies that carry their own checksums."""

from __future__ import annotations

import hashlib
import random

from benchmarks.apps.raw import Receive, Scope, Send

__all__ = ["app", "make_body"]

PIECE_BYTES = 16 * 1024


def make_body(seed: int, size: int) -> bytes:
    """The same *size* bytes for the same *seed*, on both sides."""
    return random.Random(seed).randbytes(size)


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Send generated bodies, checksums of what is uploaded, and messages back; fail if asked to."""
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
    elif scope["type"] == "websocket":
        await echo(receive, send)
    else:
        await respond(scope, receive, send)


async def respond(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer ``/get?SEED,SIZE``, ``/stream?SEED,SIZE``, ``/upload`` and ``/fail``."""
    path = scope["path"]
    if path == "/fail":
        raise RuntimeError("asked for")
    if path == "/early":
        # Without having read the body.
        await send_whole(send, b"early", 401)
    elif path == "/upload":
        digest = hashlib.sha256()
        while True:
            event = await receive()
            digest.update(event.get("body", b""))
            if not event.get("more_body"):
                break
        await send_whole(send, digest.hexdigest().encode())
    else:
        seed, size = map(int, scope["query_string"].split(b","))
        body = make_body(seed, size)
        if path == "/get":
            await send_whole(send, body)
        else:
            await send({"type": "http.response.start", "status": 200})
            for start in range(0, size, PIECE_BYTES):
                piece = body[start : start + PIECE_BYTES]
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body"})


async def send_whole(send: Send, body: bytes, status: int = 200) -> None:
    """Send a response of one piece."""
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def echo(receive: Receive, send: Send) -> None:
    """Send each message back."""
    await receive()
    await send({"type": "websocket.accept"})
    while (event := await receive())["type"] == "websocket.receive":
        content = {"bytes": event.get("bytes"), "text": event.get("text")}
        await send({"type": "websocket.send", **content})
