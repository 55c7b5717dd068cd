"""Routes that break ASGI, or break altogether."""

from asgi_pieces import answer, route, send_chunk, start_stream


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
