"""Answers at once, and has a little left to do after it."""

import asyncio
import sys


async def app(scope, receive, send):
    """One answer, then half a second of work."""
    assert scope["type"] == "http"
    headers = [(b"content-length", b"4")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"done"})
    await asyncio.sleep(0.5)
    print("app: background work has ended", file=sys.stderr, flush=True)
