"""What the routes of ``asgi_site`` are made of: messages, the journal, words in the log."""

import contextvars
import json
import sys
from collections import defaultdict

greeting = contextvars.ContextVar("greeting", default="nothing was set")
# What a request cannot answer itself (its client is gone), by the ``case`` in its query.
journal: dict[str, list[object]] = defaultdict(list)
ROUTES = {}


def route(handler):
    """Serve *handler* under its name."""
    ROUTES[handler.__name__] = handler
    return handler


def tell(text):
    """Write to the server's log."""
    print(f"app: {text}", file=sys.stderr, flush=True)


async def answer(send, body, *, status=200, headers=()):
    """Send a whole response."""
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    fields = [(b"content-length", str(len(body)).encode()), *headers]
    await send({"type": "http.response.start", "status": status, "headers": fields})
    await send({"type": "http.response.body", "body": body})


async def start_stream(send):
    await send(
        {
            "type": "http.response.start",
            "status": 200,
            "headers": [(b"content-type", b"text/plain")],
        }
    )


async def send_chunk(send, chunk, *, more_body=True):
    await send({"type": "http.response.body", "body": chunk, "more_body": more_body})


async def read_body(receive):
    """The chunks of the request body, or of what came of it before the client left."""
    chunks = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return chunks
        chunks.append(message.get("body", b""))
        if not message.get("more_body", False):
            return chunks
