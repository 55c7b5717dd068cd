"""A bare ASGI application: one coroutine per thing that a server has to get right.

The first path segment chooses. What a request cannot answer itself (its client is gone) goes into
the journal of its ``case``, which ``/journal_of`` shows.
"""

import asyncio
import contextvars
import hashlib
import json
import os
import sys
from collections import defaultdict
from pathlib import Path
from urllib.parse import parse_qs

import anyio

greeting = contextvars.ContextVar("greeting", default="nothing was set")
journal: dict[str, list[object]] = defaultdict(list)

ROUTES = {}


def route(handler):
    """Serve *handler* under its name."""
    ROUTES[handler.__name__] = handler
    return handler


async def app(scope, receive, send):
    """Dispatch; the handlers get the query's values as keyword arguments."""
    if scope["type"] == "lifespan":
        await run_lifespan(scope, receive, send)
        return
    handler = ROUTES.get(scope["path"].strip("/").split("/")[0], hello)
    if any(name == b"x-show-scope" for name, _ in scope["headers"]):
        handler = ROUTES["scope"]
    query = {name: values[-1] for name, values in parse_qs(scope["query_string"].decode()).items()}
    await handler(scope, receive, send, **query)


async def run_lifespan(scope, receive, send):
    """Leave something in the state and in a context variable."""
    assert (await receive())["type"] == "lifespan.startup"
    scope["state"].update(number=1, shared=[])
    greeting.set("hello from lifespan")
    await send({"type": "lifespan.startup.complete"})
    assert (await receive())["type"] == "lifespan.shutdown"
    tell("lifespan shutdown")
    await send({"type": "lifespan.shutdown.complete"})


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


# --- plain answers --------------------------------------------------------------------------------


@route
async def hello(scope, receive, send, **query):
    await answer(send, b"Hello, world!", headers=[(b"content-type", b"text/plain")])


@route
async def scope(scope, receive, send, **query):
    """The scope as Python literals: types can be read back."""
    await answer(
        send, repr({**scope, "headers": [tuple(pair) for pair in scope["headers"]]}).encode()
    )


@route
async def status(scope, receive, send, code, **query):
    """A status that may forbid a body; the body is sent anyway."""
    await send({"type": "http.response.start", "status": int(code), "headers": []})
    await send({"type": "http.response.body", "body": b"body of " + code.encode()})


@route
async def echo(scope, receive, send, **query):
    body = b"".join(await read_body(receive))
    await answer(send, body)


@route
async def digest(scope, receive, send, **query):
    body = b"".join(await read_body(receive))
    await answer(send, {"bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()})


@route
async def echo_stream(scope, receive, send, **query):
    """Send every piece of the body on as it comes."""
    await start_stream(send)
    more_body = True
    while more_body:
        message = await receive()
        more_body = message.get("more_body", False)
        await send_chunk(send, message.get("body", b""), more_body=more_body)


@route
async def refuse_unread(scope, receive, send, **query):
    """Answer without looking at the body."""
    await answer(send, b"not read", status=403)


@route
async def state(scope, receive, send, **query):
    """Change the request's state; the next one must see the change in the list only."""
    scope["state"]["shared"].append("x")
    seen = {"number": scope["state"]["number"], "shared": len(scope["state"]["shared"])}
    scope["state"]["number"] += 1
    await answer(send, seen)


@route
async def context(scope, receive, send, **query):
    """Change a context variable; the next request must not see it."""
    seen = greeting.get()
    greeting.set("hello from a request")
    await answer(send, seen)


@route
async def environment(scope, receive, send, name, **query):
    await answer(send, os.environ.get(name))


@route
async def journal_of(scope, receive, send, case, **query):
    await answer(send, journal[case])


@route
async def trailers(scope, receive, send, **query):
    """Send trailers, and the names of those that came."""
    names = []
    while True:
        message = await receive()
        names += [name.decode() for name, _ in message.get("trailers", [])]
        if not message["more_body"]:
            break
    fields = [(b"trailer", b"x-sum")]
    start = {"type": "http.response.start", "status": 200, "headers": fields, "trailers": True}
    await send(start)
    await send_chunk(send, json.dumps(names).encode(), more_body=False)
    await send({"type": "http.response.trailers", "headers": [(b"x-sum", b"42")]})


@route
async def early_hint(scope, receive, send, **query):
    links = [b"</style.css>; rel=preload"]
    await send({"type": "http.response.early_hint", "links": links})
    await answer(send, b"Hello, world!")


# --- awaitables: receive and send under tasks, time-outs and cancel scopes ------------------------


@route
async def receive_in_task(scope, receive, send, **query):
    first = await asyncio.create_task(receive())
    watcher = asyncio.create_task(receive())
    await asyncio.sleep(0.02)
    assert not watcher.done()
    watcher.cancel()
    await answer(send, [first["type"], first["body"].decode()])


@route
async def receive_times_out(scope, receive, send, **query):
    """Give up waiting in three ways; the request goes on after each."""
    given_up = []
    first = await asyncio.wait_for(receive(), 1)
    try:
        await asyncio.wait_for(receive(), 0.02)
    except TimeoutError:
        given_up.append("wait_for")
    try:
        async with asyncio.timeout(0.02):
            await receive()
    except TimeoutError:
        given_up.append("timeout")
    with anyio.move_on_after(0.02) as cancel_scope:
        await receive()
    if cancel_scope.cancelled_caught:
        given_up.append("move_on_after")
    await answer(send, [first["type"], *given_up])


@route
async def gather_sends(scope, receive, send, **query):
    await asyncio.create_task(start_stream(send))
    await asyncio.gather(*[send_chunk(send, b"%d;" % number) for number in range(20)])
    await asyncio.wait_for(send_chunk(send, b"end", more_body=False), 1)


@route
async def task_group(scope, receive, send, case, **query):
    """Stream beside a listener for the disconnect, as Starlette does: the first to end wins."""
    await read_body(receive)

    async def listen(group):
        message = await receive()
        journal[case].append(message["type"])
        group.cancel_scope.cancel()

    async def stream():
        await start_stream(send)
        for number in range(int(query.get("chunks", 5))):
            await send_chunk(send, b"%d;" % number)
            await anyio.sleep(0.01)
        await send_chunk(send, b"", more_body=False)

    async with anyio.create_task_group() as group:
        group.start_soon(listen, group)
        await stream()
        group.cancel_scope.cancel()
    journal[case].append("left the group")


# --- disconnect -----------------------------------------------------------------------------------


@route
async def long_poll(scope, receive, send, case, **query):
    await read_body(receive)
    journal[case].append("waiting")
    message = await receive()
    journal[case].append(message["type"])
    tell(f"long poll got {message['type']}")
    try:
        await answer(send, b"too late")
        journal[case].append("answered")
    except OSError:
        journal[case].append("OSError from send")
        tell("long poll: OSError from send")


@route
async def receive_after_answer(scope, receive, send, case, **query):
    await read_body(receive)
    await answer(send, b"done")
    journal[case].append((await receive())["type"])


@route
async def stream_for_ever(scope, receive, send, case, **query):
    """Server-sent events without an end; the application ends when ``send`` says so."""
    await start_stream(send)
    try:
        while True:
            await send_chunk(send, b"data: tick\n\n")
            journal[case].append("sent") if not journal[case] else None
            await asyncio.sleep(0.01)
    except OSError as error:
        journal[case].append(type(error).__name__)
        tell(f"stream: OSError from send: {type(error).__name__}")


@route
async def stream_without_pause(scope, receive, send, case, **query):
    """Send as fast as ``send`` returns, and leave the event loop alone otherwise."""
    await start_stream(send)
    try:
        while True:
            await send_chunk(send, b"x" * 1000)
    except OSError as error:
        journal[case].append(type(error).__name__)


@route
async def stream_uncaught(scope, receive, send, **query):
    """The same, by an application that has never heard of OSError."""
    await start_stream(send)
    while True:
        await send_chunk(send, b"data: tick\n\n")
        await asyncio.sleep(0.01)


@route
async def upload_slowly(scope, receive, send, case, **query):
    """Read a body; say how it ended."""
    while True:
        message = await receive()
        journal[case].append(message["type"])
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            break
    await answer(send, b"whole")


@route
async def pour(scope, receive, send, case, chunks, **query):
    """Send many chunks of 64 KiB; the journal holds how many ``send`` has taken."""
    journal[case] = [0]
    await start_stream(send)
    chunk = b"x" * 65536
    try:
        for _ in range(int(chunks)):
            await send_chunk(send, chunk)
            journal[case][0] += 1
        await send_chunk(send, b"", more_body=False)
    except OSError:
        journal[case].append("OSError from send")


@route
async def wait_for_file(scope, receive, send, path, case="", **query):
    """Answer when the test creates a file."""
    journal[case].append("waiting")
    tell("waiting for the file")
    while not Path(path).exists():  # noqa: ASYNC110, ASYNC240 - the event is in another process
        await asyncio.sleep(0.01)
    await answer(send, b"finished in peace")


@route
async def stubborn(scope, receive, send, case="", **query):
    """Answer never, and end only by cancellation."""
    tell("stubborn has begun")
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        tell("stubborn was cancelled")
        raise


# --- broken applications --------------------------------------------------------------------------


@route
async def raise_before_start(scope, receive, send, **query):
    raise ValueError("broken before the start")


@route
async def raise_after_start(scope, receive, send, **query):
    await start_stream(send)
    await send_chunk(send, b"half an answ")
    raise ValueError("broken after the start")


@route
async def raise_after_end(scope, receive, send, **query):
    await answer(send, b"whole answer")
    raise ValueError("broken after the end")


@route
async def return_without_answer(scope, receive, send, **query):
    return


@route
async def inject_header(scope, receive, send, **query):
    await answer(send, b"never seen", headers=[(b"x-evil", b"a\r\nset-cookie: b")])


@route
async def send_out_of_order(scope, receive, send, **query):
    await send_chunk(send, b"body before the start", more_body=False)


@route
async def promise_too_much(scope, receive, send, **query):
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"100")]}
    )
    await send_chunk(send, b"only a little", more_body=False)
