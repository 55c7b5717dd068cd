"""Routes that wait: under tasks, time-outs and cancel scopes, and for clients that leave."""

import asyncio
from pathlib import Path

import anyio
from asgi_pieces import answer, journal, read_body, route, send_chunk, start_stream, tell


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
