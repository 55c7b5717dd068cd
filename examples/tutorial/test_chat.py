"""The chat, served by a real server, as its members see it."""

import httpx
import pytest
from chat import app
from websockets.sync.client import connect

from asgiserve.testing import serve


@pytest.fixture(scope="module")
def server():
    """A server that runs while the tests of this file do."""
    with serve(app) as server:
        yield server


def test_page_opens_the_websocket(server):
    answer = httpx.get(server.url)
    assert answer.status_code == 200
    assert "/chat" in answer.text


def test_members_hear_each_other(server):
    address = f"{server.websocket_url}/chat"
    with connect(address) as first, connect(address) as second:
        first.send("Hello")
        assert first.recv(timeout=5) == "Hello"
        assert second.recv(timeout=5) == "Hello"
