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


@pytest.fixture(scope="module")
def server(start_shared_server):
    return start_shared_server("-m", "asgiserve", "sanic_site:app", "--port", "0")


def test_path_and_query_parameters_arrive(server, http):
    site_checks.check_parameters(server, http)


def test_json_comes_back(server, http):
    site_checks.check_json(server, http)


def test_unknown_page_is_a_404(server, http):
    assert http.fetch("GET", f"{server.url}/nowhere").status == 404


@pytest.mark.feature("streaming")
def test_body_is_streamed_to_the_application(server, http):
    site_checks.check_body_stream(server, http)


@pytest.mark.feature("streaming", fault=True)
def test_end_of_a_body_in_one_piece_is_not_told_to_read(server, http):
    with RawClient(server.address) as raw:
        raw.send(b"POST /read HTTP/1.1\r\nhost: e2e\r\ncontent-length: 5\r\n\r\nhello")
        site_checks.wait_for_event(server, "read 5")
        assert http.fetch("GET", f"{server.url}/items/1").status == 200
        assert "body ended" not in site_checks.events(server)
    site_checks.wait_for_event(server, "body ended")


@pytest.mark.feature("upload")
def test_multipart_upload_arrives_whole(server, http):
    site_checks.check_upload(server, http)


@pytest.mark.feature("streaming")
def test_stream_arrives_whole(server, client):
    site_checks.check_stream(server, client)


@pytest.mark.feature("background")
def test_task_goes_on_after_the_answer(server, http):
    site_checks.check_background(server, http)


@pytest.mark.feature("WebSocket")
def test_websocket_is_served(server):
    site_checks.check_websocket(server, end="websocket ended")


@pytest.mark.feature("WebSocket", fault=True)
def test_code_that_a_websocket_is_closed_with_is_lost(server):
    with open_websocket(server, "/goodbye") as socket:
        assert socket.recv(DEADLINE_S) == "goodbye"
        with pytest.raises(ConnectionClosed) as caught:
            socket.recv(DEADLINE_S)
    assert (caught.value.rcvd.code, caught.value.rcvd.reason) == (1000, "")


@pytest.mark.feature("disconnect", fault=True)
def test_stream_ends_when_its_client_leaves_and_is_logged_as_an_error(server):
    site_checks.check_disconnect(server)
    server.expect_traceback("ClientDisconnected: the client has disconnected")


@pytest.mark.feature("lifespan")
def test_start_and_stop_are_told(start_server):
    site_checks.check_lifespan(start_server, "sanic_site:app")
