"""Applications that do not start, one way each, and some that start in unusual ways."""

import asyncio
import sys


async def fails(scope, receive, send):
    """Says by the protocol that it cannot start."""
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "no database today"})


async def raises_after_receive(scope, receive, send):
    """Has a bug in its startup."""
    if scope["type"] == "lifespan":
        await receive()
        raise ValueError("a bug in startup")
    await send({"type": "http.response.start", "status": 204})
    await send({"type": "http.response.body"})


async def hangs(scope, receive, send):
    """Never gets done with its startup."""
    await receive()
    await asyncio.Event().wait()


async def fails_to_stop(scope, receive, send):
    """Starts well, and breaks in its shutdown."""
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    print("app: shutdown was received", file=sys.stderr, flush=True)
    raise ValueError("a bug in shutdown")


def asgi2_app(scope):
    """An application of ASGI 2: called twice."""

    async def instance(receive, send):
        await send({"type": "http.response.start", "status": 204})
        await send({"type": "http.response.body"})

    return instance


not_an_app = "only a text"


def make_app():
    """A factory; ``instance.app`` is one that stands deeper."""
    return raises_after_receive


class Instance:
    app = staticmethod(raises_after_receive)


instance = Instance()
