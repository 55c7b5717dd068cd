"""An application and its middleware, typed by asgiserve alone."""

from __future__ import annotations

from asgiserve.asgi_types import (
    ASGIApp,
    ASGIReceive,
    ASGISend,
    HTTPScope,
    LifespanScope,
    Scope,
    SendEvent,
    WebSocketScope,
    WWWScope,
)


async def read_body(receive: ASGIReceive) -> bytes:
    body = b""
    while True:
        event = await receive()
        if event["type"] != "http.request":
            return body
        body += event["body"]
        if not event["more_body"]:
            return body


async def serve_http(scope: HTTPScope, receive: ASGIReceive, send: ASGISend) -> None:
    body = scope["method"].encode() + b" " + await read_body(receive)
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def serve_websocket(scope: WebSocketScope, receive: ASGIReceive, send: ASGISend) -> None:
    if "chat" not in scope["subprotocols"]:
        await send({"type": "websocket.http.response.start", "status": 400})
        await send({"type": "websocket.http.response.body", "body": b"which protocol?"})
        return
    await send({"type": "websocket.accept", "subprotocol": "chat"})
    while True:
        event = await receive()
        if event["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": event.get("text") or "some bytes"})
        elif event["type"] == "websocket.disconnect":
            print(event["code"], event["reason"].upper())
            return


async def run_lifespan(scope: LifespanScope, receive: ASGIReceive, send: ASGISend) -> None:
    await receive()
    scope.get("state", {})["greeting"] = "hello"
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


async def app(scope: Scope, receive: ASGIReceive, send: ASGISend) -> None:
    if scope["type"] == "http":
        await serve_http(scope, receive, send)
    elif scope["type"] == "websocket":
        await receive()
        await serve_websocket(scope, receive, send)
    else:
        await run_lifespan(scope, receive, send)


class AddField:
    """Middleware: a field in each answer."""

    def __init__(self, app: ASGIApp, name: bytes, value: bytes) -> None:
        self.app = app
        self.field = (name, value)

    async def __call__(self, scope: Scope, receive: ASGIReceive, send: ASGISend) -> None:
        async def send_more(message: SendEvent) -> None:
            if message["type"] == "http.response.start" or message["type"] == "websocket.accept":
                message["headers"] = [*message.get("headers", ()), self.field]
            await send(message)

        await self.app(scope, receive, send_more)


def client_of(scope: WWWScope) -> str:
    client = scope["client"]
    return "nobody" if client is None else f"{client[0]}:{client[1]}"


wrapped: ASGIApp = AddField(app, b"x-sample", b"yes")
