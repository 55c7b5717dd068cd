"""Routes that break ASGI, or break altogether."""

from asgi_pieces import route, send_chunk, start_stream


@route
async def raise_before_start(scope, receive, send, **query):
    raise ValueError("broken before the start")


@route
async def raise_after_start(scope, receive, send, **query):
    await start_stream(send)
    await send_chunk(send, b"half an answ")
    raise ValueError("broken after the start")
