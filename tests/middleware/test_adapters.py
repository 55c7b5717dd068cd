"""ASGI 2 applications as ASGI 3 applications."""

from __future__ import annotations

from typing import Any

from asgiserve.middleware.asgi2 import ASGI2Adapter
from tests.apps import answer, http_scope


async def run_http(app: Any, body: bytes = b"", **details: Any) -> tuple[int, Any, bytes]:
    """Status, headers and body that *app* answers to one request."""
    headers = [(b"host", b"test"), (b"content-length", str(len(body)).encode())]
    scope = http_scope(headers=headers, **details)
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    start, *rest = sent
    return start["status"], start["headers"], b"".join(part.get("body", b"") for part in rest)


async def test_asgi2_application_gets_scope_then_receive_and_send() -> None:
    class App:
        def __init__(self, scope: dict[str, Any]) -> None:
            self.scope = scope

        async def __call__(self, receive: Any, send: Any) -> None:
            message = await receive()
            await answer(send, self.scope["path"].encode() + message["body"])

    status, _, body = await run_http(ASGI2Adapter(App), b"!")
    assert (status, body) == (200, b"/a b!")
