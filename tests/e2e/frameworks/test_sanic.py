"""A Sanic application in ASGI mode. https://sanic.dev/"""

import pytest
from websockets.exceptions import ConnectionClosed

from ..raw_client import RawClient
from ..waiting import DEADLINE_S
from ..websocket_clients import open_websocket
from . import site_checks
from .packages import need

need("sanic")
pytestmark = pytest.mark.framework("Sanic", "sanic")
SITE = "sanic_site:app"


class TestSite(
    site_checks.Parameters,
    site_checks.JsonBody,
    site_checks.UnknownPage,
    site_checks.FileUpload,
    site_checks.BodyStream,
    site_checks.Stream,
    site_checks.Background,
    site_checks.Echo,
    site_checks.StartAndStop,
):
    echo_end = "websocket ended"


@pytest.mark.feature("streaming", fault=True)
def test_end_of_a_body_in_one_piece_is_not_told_to_read(server, http):
    with RawClient(server.address) as raw:
        raw.send(b"POST /read HTTP/1.1\r\nhost: e2e\r\ncontent-length: 5\r\n\r\nhello")
        site_checks.wait_for_event(server, "read 5")
        assert http.fetch("GET", f"{server.url}/items/1").status == 200
        assert "body ended" not in site_checks.events(server)
    site_checks.wait_for_event(server, "body ended")


@pytest.mark.feature("WebSocket", fault=True)
def test_code_that_a_websocket_is_closed_with_is_lost(server):
    with open_websocket(server, "/goodbye") as socket:
        assert socket.recv(DEADLINE_S) == "goodbye"
        with pytest.raises(ConnectionClosed) as caught:
            socket.recv(DEADLINE_S)
    assert (caught.value.rcvd.code, caught.value.rcvd.reason) == (1000, "")


@pytest.mark.feature("disconnect", fault=True)
def test_stream_ends_when_its_client_leaves_and_is_logged_as_an_error(server):
    site_checks.leave_stream(server)
    server.expect_traceback("ClientDisconnected: the client has disconnected")
