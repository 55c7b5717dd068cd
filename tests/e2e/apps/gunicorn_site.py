"""What the tests under gunicorn ask for: who answers, and a request that holds the event loop."""

import os
import time

import websocket_site


async def app(scope, receive, send):
    """Routes of `websocket_site`, and two more."""
    if scope["type"] == "http" and scope["path"] == "/pid":
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": b"%d" % os.getpid()})
    elif scope["type"] == "http" and scope["path"] == "/block":
        time.sleep(60)  # noqa: ASYNC251 - so that nothing else runs
    else:
        await websocket_site.app(scope, receive, send)
