"""A Quart application, driven by every client. https://quart.palletsprojects.com/"""

import hashlib
import os

import pytest
from websockets.exceptions import InvalidStatus

from ..clients import Form
from ..raw_client import RawClient
from ..waiting import DEADLINE_S, wait_until
from ..websocket_clients import open_websocket
from . import site_checks
from .packages import need

need("quart")
pytestmark = pytest.mark.framework("Quart", "Quart")


@pytest.fixture(scope="module")
def server(start_shared_server):
    return start_shared_server("-m", "asgiserve", "quart_site:app", "--port", "0")


def test_path_query_and_startup_state_arrive(server, client):
    answer = client.fetch("GET", f"{server.url}/items/42?q=caf%C3%A9")
    assert answer.json == {"item_id": 42, "q": "café", "greeting": "hello from before_serving"}


def test_sync_view_runs_in_a_thread(server, client):
    assert client.fetch("GET", f"{server.url}/sync-items/7").json == {"item_id": 7}


def test_json_comes_back(server, client):
    site_checks.check_json(server, client)


@pytest.mark.feature("upload")
def test_multipart_upload_arrives_whole(server, client):
    site_checks.check_upload(server, client)


def test_url_encoded_form_arrives(server, client):
    values = {"username": "zoë", "password": "a&b=c"}
    assert client.fetch("POST", f"{server.url}/login", body=Form(values)).json == values


@pytest.mark.feature("streaming")
def test_body_is_streamed_to_the_application(server, client):
    content = os.urandom(2_000_000)
    answer = client.fetch("POST", f"{server.url}/digest", body=content)
    assert answer.json == {"bytes": 2_000_000, "sha256": hashlib.sha256(content).hexdigest()}


def test_body_over_the_limit_of_the_application_is_a_413(server):
    with RawClient(server.address) as raw:
        raw.send(b"POST /digest HTTP/1.1\r\nhost: e2e\r\ncontent-length: 5000000\r\n\r\nstart")
        assert raw.read_answer().status == 413


@pytest.mark.feature("streaming")
def test_stream_arrives_whole(server, client):
    answer = client.fetch("GET", f"{server.url}/stream")
    assert answer.text.split() == [str(number) for number in range(100)]


@pytest.mark.feature("disconnect")
def test_client_that_leaves_cancels_the_stream(server):
    with RawClient(server.address) as leaving:
        leaving.send(b"GET /ticks HTTP/1.1\r\nhost: e2e\r\n\r\n")
        leaving.read_until(b"tick")

    def has_ended():
        with RawClient(server.address) as raw:
            return b"ended" in raw.get("/stream-events", "connection: close").body

    wait_until(has_ended, "the stream to be cancelled")


def test_redirect_and_cookies_keep_their_headers(server, client):
    redirect = client.fetch("GET", f"{server.url}/redirect")
    assert (redirect.status, redirect.header("location")) == (302, "/items/1")
    cookies = client.fetch("GET", f"{server.url}/cookies")
    values = [value for name, value in cookies.headers if name.lower() == "set-cookie"]
    assert values == ["one=1; Path=/", "two=2; Path=/"]


def test_exception_in_a_view_is_a_500_and_one_traceback(server, client):
    assert client.fetch("GET", f"{server.url}/crash").status == 500
    server.expect_traceback("RuntimeError: broken on purpose")


@pytest.mark.feature("lifespan")
def test_start_and_stop_are_told(start_server):
    site_checks.check_lifespan(start_server, "quart_site:app")


@pytest.mark.feature("background")
def test_background_task_goes_on_after_the_answer(server, client):
    site_checks.check_background(server, client)


@pytest.mark.feature("SSE")
def test_events_arrive_until_the_client_leaves(server):
    site_checks.check_sse(server)


@pytest.mark.feature("WebSocket")
def test_websocket_is_served_and_cancelled_at_its_end(server, client):
    with open_websocket(server, "/rooms/kitchen", subprotocols=["chat"]) as socket:
        assert socket.subprotocol == "chat"
        assert socket.response.headers["x-room"] == "kitchen"
        socket.send("hello")
        assert socket.recv(DEADLINE_S) == "kitchen: hello"
    note = "kitchen has ended"
    wait_until(lambda: note in client.fetch("GET", f"{server.url}/notes").json, "the note")


@pytest.mark.feature("WebSocket")
def test_websocket_is_denied_by_a_response(server):
    with pytest.raises(InvalidStatus) as caught, open_websocket(server, "/rooms/cellar"):
        pass
    answer = caught.value.response
    assert answer.status_code == 401
    assert b"not you" in answer.body
