"""What a page of a browser asks for, beside the routes and WebSockets of ``websocket_site``."""

import asyncio
import email
import hashlib
from email.policy import HTTP

from asgi_pieces import answer, journal, read_body, route, send_chunk
from websocket_site import app

__all__ = ["app"]

# A page that has its icon with it: browsers ask for one otherwise.
PAGE = b'<!doctype html><title>page</title><link rel="icon" href="data:,"><body>'


@route
async def page(scope, receive, send, **query):
    await answer(send, PAGE, headers=[(b"content-type", b"text/html; charset=utf-8")])


@route
async def stream(scope, receive, send, **query):
    """Send three pieces, each when the one before was told to have come."""
    fields = [(b"content-type", b"text/plain")]
    await send({"type": "http.response.start", "status": 200, "headers": fields})
    for piece in (b"one", b"two", b"three"):
        await send_chunk(send, piece)
        while piece.decode() not in journal["stream"]:  # noqa: ASYNC110 - it is no event
            await asyncio.sleep(0.001)
    await send_chunk(send, b"", more_body=False)


@route
async def told(scope, receive, send, piece, **query):
    """A piece of the stream has come."""
    journal["stream"].append(piece)
    await answer(send, b"")


@route
async def events(scope, receive, send, **query):
    """Server-sent events, with what follows them left open until the page leaves."""
    fields = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": 200, "headers": fields})
    for number in range(3):
        event = f"id: {number}\nevent: tick\ndata: number {number}\ndata: größer\n\n"
        await send_chunk(send, event.encode())
    assert (await receive())["type"] == "http.request"
    assert (await receive())["type"] == "http.disconnect"
    journal["events"].append("left")


@route
async def submitted(scope, receive, send, **query):
    """The parts of a form, as a page."""
    body = b"".join(await read_body(receive))
    content_type = dict(scope["headers"])[b"content-type"]
    head = b"content-type: " + content_type + b"\r\n\r\n"
    lines = []
    for part in email.message_from_bytes(head + body, policy=HTTP).iter_parts():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        lines.append(f"{name} {part.get_filename()} {hashlib.sha256(content).hexdigest()}")
    page = PAGE + "\n".join(lines).encode()
    await answer(send, page, headers=[(b"content-type", b"text/html; charset=utf-8")])
