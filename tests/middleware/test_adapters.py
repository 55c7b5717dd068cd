"""ASGI 2 and WSGI applications as ASGI 3 applications."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from asgiserve.errors import StartupError
from asgiserve.middleware.asgi2 import ASGI2Adapter
from asgiserve.middleware.wsgi import adapt_wsgi
from tests.apps import answer


async def run_http(app: Any, body: bytes = b"", **details: Any) -> tuple[int, Any, bytes]:
    """Status, headers and body that *app* answers to one request."""
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/a b",
        "query_string": b"x=1",
        "root_path": "",
        "headers": [(b"host", b"test"), (b"content-length", str(len(body)).encode())],
        "client": ("192.0.2.7", 1),
        "server": ("198.51.100.1", 8000),
        **details,
    }
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


async def test_wsgi_application_gets_environ_and_body() -> None:
    pytest.importorskip("a2wsgi")

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("201 Created", [("x-path", environ["PATH_INFO"])])
        return [environ["QUERY_STRING"].encode(), environ["wsgi.input"].read()]

    status, headers, body = await run_http(adapt_wsgi(app), b"hello")
    assert status == 201
    assert (b"x-path", b"/a b") in [tuple(field) for field in headers]
    assert body == b"x=1hello"


def test_wsgi_without_a2wsgi_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "a2wsgi", None)
    with pytest.raises(StartupError, match=r"^WSGI applications need a2wsgi: pip install"):
        adapt_wsgi(lambda environ, start_response: [])
