"""What is served while servers are restarted, killed, blocked and stopped.

The folder in ``$FAULTS_FOLDER`` holds a journal of the workers, and takes the mark that lets slow
requests end.
"""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

from benchmarks.apps.raw import Receive, Scope, Send

__all__ = ["app"]

FOLDER = Path(os.environ["FAULTS_FOLDER"])
RELEASE = FOLDER / "release"
POLL_S = 0.05
# More than a kernel should take in advance for each of 4,000 slow readers.
LARGE_BODY = b"x" * 1024 * 1024


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer the process id, in the way that the path says; keep WebSockets open."""
    if scope["type"] == "lifespan":
        await keep_journal(receive, send)
    elif scope["type"] == "websocket":
        await stay_open(receive, send)
    else:
        await answer(scope, receive, send)


async def answer(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one request."""
    path, body = scope["path"], b"%d" % os.getpid()
    if path == "/slow":
        while not RELEASE.exists():  # noqa: ASYNC110 - another process makes it
            await asyncio.sleep(POLL_S)
    elif path == "/sleep":
        time.sleep(float(scope["query_string"]))  # noqa: ASYNC251 - a blocking call, on purpose
    elif path == "/spin":
        spin(float(scope["query_string"]))
    elif path == "/upload":
        while (await receive()).get("more_body"):
            pass
    elif path == "/large":
        body = LARGE_BODY
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def spin(seconds: float) -> None:
    """Compute, and let nobody else."""
    end_s = time.monotonic() + seconds
    while time.monotonic() < end_s:
        pass


async def stay_open(receive: Receive, send: Send) -> None:
    """Accept a WebSocket, and wait for its end."""
    await receive()
    await send({"type": "websocket.accept"})
    while (await receive())["type"] != "websocket.disconnect":
        pass


async def keep_journal(receive: Receive, send: Send) -> None:
    """Complete start-up and shutdown, and note both."""
    await receive()
    note("started")
    await send({"type": "lifespan.startup.complete"})
    await receive()
    note("stopped")
    await send({"type": "lifespan.shutdown.complete"})


def note(event: str) -> None:
    """Add a line to the journal; lines of several processes do not mix."""
    with (FOLDER / "journal").open("a") as journal:
        journal.write(f"{event} {os.getpid()} {time.monotonic()}\n")
