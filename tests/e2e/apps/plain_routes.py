"""Routes that answer at once."""

import gzip
import hashlib
import json
import os

from asgi_pieces import answer, greeting, journal, read_body, route, send_chunk, start_stream


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
async def gzipped(scope, receive, send, **query):
    """Compress for clients that take it."""
    body = b"many words " * 1000
    fields = [(b"vary", b"accept-encoding")]
    if any(name == b"accept-encoding" and b"gzip" in value for name, value in scope["headers"]):
        body, fields = gzip.compress(body), [*fields, (b"content-encoding", b"gzip")]
    await answer(send, body, headers=fields)


@route
async def unchanged(scope, receive, send, **query):
    """Have one version only: 304 for who has it (RFC 9110 section 13.1.2)."""
    fields = [(b"etag", b'"one"'), (b"cache-control", b"no-cache")]
    if (b"if-none-match", b'"one"') in [tuple(pair) for pair in scope["headers"]]:
        await send({"type": "http.response.start", "status": 304, "headers": fields})
        await send({"type": "http.response.body"})
    else:
        await answer(send, b"version one", headers=fields)


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
