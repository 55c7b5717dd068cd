"""Tests of an application, with a live server."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.request import urlopen

import pytest
from application import app, wrapped

from asgiserve.testing import LiveServer, StartServer, serve


@pytest.fixture(scope="module")
def shared_server() -> Iterator[LiveServer]:
    with serve(wrapped, root_path="/sample") as server:
        yield server


def read(url: str) -> bytes:
    with urlopen(url) as answer:
        body: bytes = answer.read()
    return body


def test_shared(shared_server: LiveServer) -> None:
    assert read(shared_server.url) == b"GET "


def test_own(asgiserve_server: StartServer) -> None:
    server = asgiserve_server(app, access_log=False)
    assert read(f"{server.url}/x") == b"GET "
    assert server.websocket_url.removeprefix("ws://") == f"{server.host}:{server.port}"
    assert server.uds is None


async def use_async() -> str:
    async with serve("application:app", port=0) as server:
        return server.url
