"""ASGI 2 and WSGI applications as ASGI 3 applications."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from asgiserve.errors import AppError, ClientDisconnected, StartupError
from asgiserve.middleware.asgi2 import ASGI2Adapter
from asgiserve.middleware.wsgi import adapt_wsgi
from tests.apps import answer


def http_scope(body: bytes = b"", **details: Any) -> dict[str, Any]:
    """The scope of a request with *body*."""
    return {
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


async def run_http(app: Any, body: bytes = b"", **details: Any) -> tuple[int, Any, bytes]:
    """Status, headers and body that *app* answers to one request."""
    scope = http_scope(body, **details)
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


def make_endless_app(loop: asyncio.AbstractEventLoop, ended: asyncio.Event) -> Any:
    """A WSGI application that streams until its iterable is closed, which sets *ended*."""

    def app(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        try:
            while True:
                yield b"for ever"
        finally:
            loop.call_soon_threadsafe(ended.set)

    return app


@pytest.mark.parametrize("error", [ClientDisconnected("gone"), AppError("not sendable")])
@pytest.mark.parametrize("sent_before", [0, 1, 30])
async def test_wsgi_application_is_closed_when_a_send_fails(
    error: Exception, sent_before: int
) -> None:
    pytest.importorskip("a2wsgi")
    ended = asyncio.Event()
    app = make_endless_app(asyncio.get_running_loop(), ended)
    sent = []

    async def send(message: dict[str, Any]) -> None:
        if len(sent) == sent_before:
            raise error
        sent.append(message)

    with pytest.raises(type(error), match=str(error)):
        await adapt_wsgi(app)(http_scope(), None, send)
    if sent_before:
        async with asyncio.timeout(60):
            await ended.wait()


async def test_wsgi_application_is_closed_when_its_request_is_cancelled() -> None:
    pytest.importorskip("a2wsgi")
    ended = asyncio.Event()
    app = make_endless_app(asyncio.get_running_loop(), ended)
    is_full = asyncio.Event()

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.body":
            is_full.set()
            await asyncio.get_running_loop().create_future()

    task = asyncio.create_task(adapt_wsgi(app)(http_scope(), None, send))
    async with asyncio.timeout(60):
        await is_full.wait()
        task.cancel()
        await ended.wait()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_wsgi_without_a2wsgi_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "a2wsgi", None)
    monkeypatch.setitem(sys.modules, "a2wsgi.wsgi", None)
    monkeypatch.delitem(sys.modules, "asgiserve.middleware.wsgi_bridge", raising=False)
    with pytest.raises(StartupError, match=r"^WSGI applications need a2wsgi: pip install"):
        adapt_wsgi(lambda environ, start_response: [])
