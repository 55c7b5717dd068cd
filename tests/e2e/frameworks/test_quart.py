"""A Quart application, driven by every client. https://quart.palletsprojects.com/"""

import pytest
from websockets.exceptions import InvalidStatus

from ..raw_client import RawClient
from ..waiting import DEADLINE_S
from ..websocket_clients import open_websocket
from . import site_checks
from .packages import need

need("quart")
pytestmark = pytest.mark.framework("Quart", "Quart")
SITE = "quart_site:app"


class TestSite(
    site_checks.Parameters,
    site_checks.JsonBody,
    site_checks.ThreadedView,
    site_checks.FormBody,
    site_checks.CookiesAndRedirect,
    site_checks.Crash,
    site_checks.FileUpload,
    site_checks.BodyStream,
    site_checks.Stream,
    site_checks.Background,
    site_checks.ServerSentEvents,
    site_checks.LeftStream,
    site_checks.StartupState,
    site_checks.StartAndStop,
):
    pass


def test_body_over_the_limit_of_the_application_is_a_413(server):
    with RawClient(server.address) as raw:
        raw.send(b"POST /digest HTTP/1.1\r\nhost: e2e\r\ncontent-length: 5000000\r\n\r\nstart")
        assert raw.read_answer().status == 413


@pytest.mark.feature("WebSocket")
def test_websocket_is_served_and_cancelled_at_its_end(server):
    with open_websocket(server, "/rooms/kitchen", subprotocols=["chat"]) as socket:
        assert socket.subprotocol == "chat"
        assert socket.response.headers["x-room"] == "kitchen"
        socket.send("hello")
        assert socket.recv(DEADLINE_S) == "kitchen: hello"
    site_checks.wait_for_event(server, "kitchen has ended")


@pytest.mark.feature("WebSocket")
def test_websocket_is_denied_by_a_response(server):
    with pytest.raises(InvalidStatus) as caught, open_websocket(server, "/rooms/cellar"):
        pass
    answer = caught.value.response
    assert answer.status_code == 401
    assert b"not you" in answer.body
