"""Small applications to be measured by ``asgiserve bench``."""

import asyncio


async def hello(scope, receive, send):
    """As little as an application can do."""
    assert scope["type"] == "http"
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


is_warm = asyncio.Event()


async def begins_slowly(scope, receive, send):
    """Has something to do that takes a second, before it answers for the first time."""
    assert scope["type"] == "http"
    if not is_warm.is_set():
        await asyncio.sleep(1)
        is_warm.set()
    await hello(scope, receive, send)


async def fails(scope, receive, send):
    """Always answers 500."""
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 500, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def raises(scope, receive, send):
    """Has a bug in each request."""
    assert scope["type"] == "http"
    raise ValueError("a bug in a request")


async def never_answers(scope, receive, send):
    """Waits until the client has gone."""
    assert scope["type"] == "http"
    while (await receive())["type"] != "http.disconnect":
        pass


async def closes(scope, receive, send):
    """Ends each connection, with a body that comes in chunks."""
    assert scope["type"] == "http"
    headers = [(b"connection", b"close")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"one", "more_body": True})
    await asyncio.sleep(0)
    await send({"type": "http.response.body", "body": b"two"})
