"""An application for tests of worker processes: what its folder holds decides how it starts."""

import asyncio
import os
import time
from pathlib import Path

print(f"app: imported by {os.getpid()}", flush=True)

FOLDER = Path.cwd()
VERSION = (FOLDER / "version").read_text() if (FOLDER / "version").exists() else ""
KEPT = []

if (FOLDER / "broken").exists():
    raise RuntimeError("broken on purpose")


async def app(scope, receive, send):
    """Answer with the version and the process id, in the way that the path says."""
    if scope["type"] == "lifespan":
        await run_lifespan(receive, send)
        return
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await receive()
        return
    seconds = float(scope["query_string"] or 0)
    match scope["path"]:
        case "/slow":
            print("app: slow begins", flush=True)
            await asyncio.sleep(seconds)
        case "/held":
            while not (FOLDER / "release").exists():  # noqa: ASYNC110 - the test makes it
                await asyncio.sleep(0.02)
        case "/spin":
            while not (FOLDER / "go").exists():
                pass
        case "/sleep":
            print("app: sleep begins", flush=True)
            time.sleep(seconds)  # noqa: ASYNC251 - on purpose
        case "/exit":
            os._exit(7)
        case "/grow":
            KEPT.append(b"x" * int(seconds))
    body = f"{VERSION} {os.getpid()}".encode()
    fields = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": fields})
    await send({"type": "http.response.body", "body": body})


async def run_lifespan(receive, send):
    """Start, unless the folder holds ``dying``; stop, unless it holds ``clinging``."""
    await receive()
    if (FOLDER / "dying").exists():
        os._exit(7)
    await send({"type": "lifespan.startup.complete"})
    await receive()
    if (FOLDER / "clinging").exists():
        await send({"type": "lifespan.shutdown.failed", "message": "clinging on purpose"})
        return
    print(f"app: shut down in {os.getpid()}", flush=True)
    await send({"type": "lifespan.shutdown.complete"})
