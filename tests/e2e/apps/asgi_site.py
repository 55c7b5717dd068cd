"""A bare ASGI application: one coroutine per thing that a server has to get right.

The first path segment chooses the coroutine, which stands in one of the ``*_routes`` modules.
"""

from urllib.parse import parse_qs

import broken_routes  # noqa: F401 - modules of routes register them
import plain_routes
import waiting_routes  # noqa: F401
from asgi_pieces import ROUTES, greeting, tell


async def app(scope, receive, send):
    """Dispatch; the handlers get the query's values as keyword arguments."""
    if scope["type"] == "lifespan":
        await run_lifespan(scope, receive, send)
        return
    handler = ROUTES.get(scope["path"].strip("/").split("/")[0], plain_routes.hello)
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
