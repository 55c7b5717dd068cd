"""A Litestar application, driven by every client. https://docs.litestar.dev/"""

import hashlib
import json
import os

import pytest

from ..clients import Form, Upload, fetch_json
from ..waiting import DEADLINE_S, wait_until
from ..websocket_clients import open_websocket
from . import site_checks
from .packages import need

need("litestar")
pytestmark = pytest.mark.framework("Litestar", "litestar")


@pytest.fixture(scope="module")
def server(start_shared_server):
    return start_shared_server("-m", "asgiserve", "litestar_site:app", "--port", "0")


def test_path_and_query_parameters_arrive(server, client):
    site_checks.check_parameters(server, client)


def test_invalid_body_is_a_400(server, client):
    assert fetch_json(client, "POST", f"{server.url}/items", {"name": 3}).status == 400


def test_body_becomes_a_dataclass(server, client):
    site_checks.check_json(server, client)


def test_sync_handler_runs_in_a_thread(server, client):
    assert client.fetch("GET", f"{server.url}/sync-items/7").json == {"item_id": 7}


@pytest.mark.feature("upload")
def test_multipart_upload_arrives_whole(server, client):
    content = os.urandom(2_000_000)
    form = Form(files={"data": Upload("data.bin", content)})
    answer = client.fetch("POST", f"{server.url}/upload", body=form)
    sha256 = hashlib.sha256(content).hexdigest()
    assert answer.json == {"name": "data.bin", "bytes": len(content), "sha256": sha256}


def test_url_encoded_form_arrives(server, client):
    values = {"username": "zoë", "password": "a&b=c"}
    assert client.fetch("POST", f"{server.url}/login", body=Form(values)).json == values


@pytest.mark.feature("streaming")
def test_stream_arrives_whole(server, client):
    answer = client.fetch("GET", f"{server.url}/stream")
    assert answer.text.split() == [str(number) for number in range(100)]


@pytest.mark.feature("SSE")
def test_server_sent_events_arrive_whole(server, client):
    answer = client.fetch("GET", f"{server.url}/events")
    assert answer.header("content-type").startswith("text/event-stream")
    assert answer.text.count("data: ") == 100


def test_dependency_with_yield_is_closed_after_the_answer(server, client):
    before = client.fetch("GET", f"{server.url}/session-events").json
    assert client.fetch("GET", f"{server.url}/with-session").json == {"session": "a session"}
    after = [*before, "opened", "closed"]
    wait_until(
        lambda: client.fetch("GET", f"{server.url}/session-events").json == after,
        "the session to be closed",
    )


@pytest.mark.feature("lifespan")
def test_lifespan_state_reaches_the_request(server, client):
    assert client.fetch("GET", f"{server.url}/state").json == {"greeting": "hello from lifespan"}


def test_exception_handler_answers(server, client):
    answer = client.fetch("GET", f"{server.url}/teapot")
    assert (answer.status, answer.json) == (418, {"message": "short and stout"})


def test_exception_in_a_handler_is_a_500(server, client):
    assert client.fetch("GET", f"{server.url}/crash").status == 500


@pytest.mark.feature("WebSocket")
def test_websocket_listener_gets_and_sends_json(server):
    with open_websocket(server, "/prices") as socket:
        for price in (1.5, 2.5):
            socket.send(json.dumps({"name": "Hammer", "price": price}))
            assert json.loads(socket.recv(DEADLINE_S)) == {"name": "Hammer", "price": price * 2}


@pytest.mark.feature("WebSocket")
def test_websocket_handler_streams_binary_data(server, client):
    with open_websocket(server, "/rooms/kitchen") as socket:
        assert socket.response.headers["x-room"] == "kitchen"
        assert socket.response.headers["x-greeting"] == "hello from lifespan"
        for data in (b"abc", bytes(range(256)) * 1000):
            socket.send(data)
            assert socket.recv(DEADLINE_S) == data[::-1]
    note = "kitchen has ended"
    wait_until(lambda: note in client.fetch("GET", f"{server.url}/notes").json, "the note")


@pytest.mark.feature("background")
def test_background_task_goes_on_after_the_answer(server, client):
    site_checks.check_background(server, client)


@pytest.mark.feature("SSE")
def test_events_arrive_until_the_client_leaves(server):
    site_checks.check_sse(server, "/endless-events")


@pytest.mark.feature("disconnect")
def test_stream_ends_when_its_client_leaves(server):
    site_checks.check_disconnect(server)


@pytest.mark.feature("lifespan")
def test_start_and_stop_are_told(start_server):
    site_checks.check_lifespan(start_server, "litestar_site:app")
