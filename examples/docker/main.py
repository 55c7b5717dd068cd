"""A site with one page."""


async def app(scope, receive, send):
    """Respond to every request; an application without a lifespan may reject that scope."""
    if scope["type"] != "http":
        raise ValueError(f"not served: {scope['type']}")
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"Hello from a container\n"})
