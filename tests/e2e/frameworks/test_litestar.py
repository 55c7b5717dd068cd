"""A Litestar application, driven by every client. https://docs.litestar.dev/"""

import json

import pytest

from ..clients import fetch_json
from ..waiting import DEADLINE_S
from ..websocket_clients import open_websocket
from . import site_checks
from .packages import need

need("litestar")
pytestmark = pytest.mark.framework("Litestar", "litestar")
SITE = "litestar_site:app"


class TestSite(
    site_checks.Parameters,
    site_checks.JsonBody,
    site_checks.ThreadedView,
    site_checks.FormBody,
    site_checks.Dependency,
    site_checks.ExceptionHandler,
    site_checks.FileUpload,
    site_checks.Stream,
    site_checks.Background,
    site_checks.ServerSentEvents,
    site_checks.LeftStream,
    site_checks.StartupState,
    site_checks.StartAndStop,
):
    file_bytes = 2_000_000


def test_invalid_body_is_a_400(server, client):
    assert fetch_json(client, "POST", f"{server.url}/items", {"name": 3}).status == 400


def test_exception_in_a_handler_is_a_500(server, client):
    assert client.fetch("GET", f"{server.url}/crash").status == 500


@pytest.mark.feature("WebSocket")
def test_websocket_listener_gets_and_sends_json(server):
    with open_websocket(server, "/prices") as socket:
        for price in (1.5, 2.5):
            socket.send(json.dumps({"name": "Hammer", "price": price}))
            assert json.loads(socket.recv(DEADLINE_S)) == {"name": "Hammer", "price": price * 2}


@pytest.mark.feature("WebSocket")
def test_websocket_handler_streams_binary_data(server):
    with open_websocket(server, "/rooms/kitchen") as socket:
        assert socket.response.headers["x-room"] == "kitchen"
        assert socket.response.headers["x-greeting"] == "hello from lifespan"
        for data in (b"abc", bytes(range(256)) * 1000):
            socket.send(data)
            assert socket.recv(DEADLINE_S) == data[::-1]
    site_checks.wait_for_event(server, "kitchen has ended")
