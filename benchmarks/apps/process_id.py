"""Answers the id of the process that serves, so that a client sees which worker it got."""

from __future__ import annotations

import os

from benchmarks.apps.raw import Receive, Scope, Send, serve_lifespan

__all__ = ["tell"]


async def tell(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer the process id in decimal."""
    if scope["type"] == "lifespan":
        await serve_lifespan(receive, send)
        return
    body = b"%d" % os.getpid()
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
