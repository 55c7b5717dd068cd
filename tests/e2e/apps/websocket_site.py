"""A bare ASGI application of WebSockets: one coroutine per thing that a server has to get right.

The path chooses the coroutine; requests by HTTP go to ``asgi_site``.
"""

import asyncio
import hashlib
from pathlib import Path
from urllib.parse import parse_qs

import asgi_site
from asgi_pieces import journal, tell

SOCKETS = {}


def websocket(handler):
    """Serve *handler* under its name."""
    SOCKETS[handler.__name__] = handler
    return handler


async def app(scope, receive, send):
    """Dispatch; the handlers get the query's values as keyword arguments."""
    if scope["type"] != "websocket":
        await asgi_site.app(scope, receive, send)
        return
    query = {name: values[-1] for name, values in parse_qs(scope["query_string"].decode()).items()}
    assert await receive() == {"type": "websocket.connect"}
    await SOCKETS[scope["path"].strip("/")](scope, receive, send, **query)


async def accept(send, **details):
    await send({"type": "websocket.accept", **details})


async def messages(receive, case=None):
    """The messages until the end, which goes into the journal of *case*."""
    while (event := await receive())["type"] == "websocket.receive":
        text = event.get("text")
        yield event["bytes"] if text is None else text
    assert event["type"] == "websocket.disconnect"
    journal[case].append([event["code"], event["reason"] or ""])


async def send_message(send, message):
    key = "text" if isinstance(message, str) else "bytes"
    await send({"type": "websocket.send", key: message})


@websocket
async def echo(scope, receive, send, case=None):
    await accept(send)
    async for message in messages(receive, case):
        try:
            await send_message(send, message)
        except OSError:
            continue  # the client is gone, which the last message will say


@websocket
async def choose(scope, receive, send):
    """Take the last of the subprotocols, and set fields."""
    cookies = [(b"set-cookie", b"one=1"), (b"set-cookie", b"two=2")]
    subprotocol = (scope["subprotocols"] or [None])[-1]
    await accept(send, subprotocol=subprotocol, headers=[(b"x-extra", b"yes"), *cookies])
    await send_message(send, repr(scope["subprotocols"]))
    async for _ in messages(receive):
        pass


@websocket
async def scope(scope, receive, send, **query):
    """The scope as Python literals: types can be read back."""
    await accept(send)
    headers = [tuple(pair) for pair in scope["headers"]]
    await send_message(send, repr({**scope, "headers": headers}))
    async for _ in messages(receive):
        pass


@websocket
async def close(scope, receive, send, case, code, reason=""):
    await accept(send)
    await send_message(send, "last words")
    await send({"type": "websocket.close", "code": int(code), "reason": reason})
    async for _ in messages(receive, case):
        pass


@websocket
async def leave(scope, receive, send):
    """Accept, and be done."""
    await accept(send)


@websocket
async def refuse(scope, receive, send):
    await send({"type": "websocket.close"})


@websocket
async def deny(scope, receive, send):
    """Answer by HTTP instead, in pieces."""
    fields = [(b"content-type", b"text/plain"), (b"www-authenticate", b"Basic")]
    start = {"type": "websocket.http.response.start", "status": 401, "headers": fields}
    await send(start)
    for piece in (b"who ", b"are ", b"you?"):
        body = {"type": "websocket.http.response.body", "body": piece}
        await send({**body, "more_body": not piece.endswith(b"?")})
        await asyncio.sleep(0.01)


@websocket
async def crash_early(scope, receive, send):
    raise RuntimeError("broken before accept")


@websocket
async def crash(scope, receive, send):
    await accept(send)
    raise RuntimeError("broken after accept")


@websocket
async def send_late(scope, receive, send, case):
    """Send to a client that has gone."""
    await accept(send)
    async for _ in messages(receive, case):
        pass
    try:
        await send_message(send, "too late")
    except OSError:
        journal[case].append("OSError from send")


@websocket
async def accept_late(scope, receive, send, case):
    """Take so long to decide that the client has gone."""
    journal[case].append("deciding")
    async for _ in messages(receive, case):
        pass
    try:
        await accept(send)
    except OSError:
        journal[case].append("OSError from send")


@websocket
async def digest(scope, receive, send):
    """Answer with the size and the digest of every message."""
    await accept(send)
    async for message in messages(receive):
        data = message.encode() if isinstance(message, str) else message
        await send_message(send, f"{len(data)} {hashlib.sha256(data).hexdigest()}")


@websocket
async def pour(scope, receive, send, case, size, count):
    """Send many messages; the journal holds how many ``send`` has taken."""
    journal[case] = [0]
    await accept(send)
    message = b"x" * int(size)
    try:
        for _ in range(int(count)):
            await send_message(send, message)
            journal[case][0] += 1
    except OSError:
        journal[case].append("OSError from send")


@websocket
async def hold(scope, receive, send, path, case=None):
    """Read nothing until the test creates a file, then say how many messages have come."""
    await accept(send)
    while not Path(path).exists():  # noqa: ASYNC110, ASYNC240 - the event is in another process
        await asyncio.sleep(0.01)
    count = 0
    async for message in messages(receive, case):
        count += 1
        if message == "how many?":
            await send_message(send, str(count))


@websocket
async def tidy(scope, receive, send):
    """Need a moment after the end, as one does who saves his work."""
    await accept(send)
    event = await receive()
    await asyncio.sleep(0.2)
    tell(f"tidied up after {event['type']} {event['code']}")


@websocket
async def stubborn(scope, receive, send):
    """Take no notice of the end, and end only by cancellation."""
    await accept(send)
    tell("stubborn has begun")
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        tell("stubborn was cancelled")
        raise
