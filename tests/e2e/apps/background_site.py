"""Answers at once, and has a little left to do after it."""

import asyncio
import sys
from pathlib import Path


async def app(scope, receive, send):
    """One answer, then work until there is a file called ``done``."""
    assert scope["type"] == "http"
    headers = [(b"content-length", b"4")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"done"})
    while not Path("done").exists():  # noqa: ASYNC110, ASYNC240 - the test makes it
        await asyncio.sleep(0.01)
    print("app: background work has ended", file=sys.stderr, flush=True)
