"""A FastAPI application, driven by every client. https://fastapi.tiangolo.com/"""

import json

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from ..clients import Form, fetch_json
from ..raw_client import RawClient
from ..waiting import DEADLINE_S, wait_until
from ..websocket_clients import open_websocket
from . import site_checks
from .packages import closes_generators, need

need("fastapi", "python_multipart")
pytestmark = pytest.mark.framework("FastAPI", "fastapi")


@pytest.fixture(scope="module")
def server(start_shared_server):
    return start_shared_server("-m", "asgiserve", "fastapi_site:app", "--port", "0")


def test_path_and_query_parameters_arrive(server, client):
    answer = client.fetch("GET", f"{server.url}/items/42?q=caf%C3%A9")
    assert answer.json == {"item_id": 42, "q": "café"}
    assert answer.header("content-type") == "application/json"


def test_invalid_parameter_is_a_422(server, client):
    answer = client.fetch("GET", f"{server.url}/items/many")
    assert answer.status == 422
    assert answer.json["detail"][0]["loc"] == ["path", "item_id"]


def test_body_becomes_a_model(server, client):
    item = {"name": "Hammer", "price": 9.5, "tags": ["tool"]}
    answer = fetch_json(client, "POST", f"{server.url}/items", item)
    assert (answer.status, answer.json) == (201, item)


def test_sync_path_operation_runs_in_a_thread(server, client):
    assert client.fetch("GET", f"{server.url}/sync-items/7").json == {"item_id": 7}


@pytest.mark.feature("upload")
def test_multipart_upload_arrives_whole(server, client):
    site_checks.check_upload(server, client)


def test_url_encoded_form_arrives(server, client):
    form = Form({"username": "zoë", "password": "a&b=c"})
    answer = client.fetch("POST", f"{server.url}/login", body=form)
    assert answer.json == {"username": "zoë", "letters": 5}


@pytest.mark.feature("streaming")
@pytest.mark.parametrize("path", ["/stream", "/stream-from-a-thread"])
def test_streaming_response_arrives_whole(server, client, path):
    answer = client.fetch("GET", server.url + path)
    assert answer.text.split() == [str(number) for number in range(100)]
    assert answer.header("content-length") is None


def test_dependency_with_yield_is_closed_after_the_answer(server, client):
    before = client.fetch("GET", f"{server.url}/session-events").json
    assert client.fetch("GET", f"{server.url}/with-session").json == {"session": "a session"}
    wait_until(
        lambda: (
            client.fetch("GET", f"{server.url}/session-events").json
            == [*before, "opened", "closed"]
        ),
        "the session to be closed",
    )


@pytest.mark.feature("lifespan")
def test_lifespan_state_reaches_the_request(server, client):
    assert client.fetch("GET", f"{server.url}/state").json == {"greeting": "hello from lifespan"}


def test_exception_handler_answers(server, client):
    answer = client.fetch("GET", f"{server.url}/teapot")
    assert (answer.status, answer.json) == (418, {"message": "short and stout"})


def test_http_exception_keeps_its_status_and_headers(server, client):
    answer = client.fetch("GET", f"{server.url}/missing")
    assert (answer.status, answer.header("x-reason")) == (404, "missing")


def test_unhandled_exception_is_a_500_and_one_traceback(server, client):
    assert client.fetch("GET", f"{server.url}/crash").status == 500
    server.expect_traceback("RuntimeError: broken on purpose")


def test_method_not_allowed_names_the_allowed_ones(server, client):
    answer = client.fetch("DELETE", f"{server.url}/teapot")
    assert (answer.status, answer.header("allow")) == (405, "GET")


def test_generated_schema_is_served(server, client):
    assert "/items/{item_id}" in client.fetch("GET", f"{server.url}/openapi.json").json["paths"]


@pytest.mark.feature("WebSocket")
def test_websocket_gets_parameters_dependencies_and_state(server, client):
    with open_websocket(server, "/rooms/caf%C3%A9?size=3") as socket:
        socket.send("hello")
        assert json.loads(socket.recv(DEADLINE_S)) == {
            "room": "café",
            "size": 3,
            "session": "a session",
            "text": "hello",
            "greeting": "hello from lifespan",
        }
        socket.close(3001, "enough")
    note = "café ended with 3001 enough"
    wait_until(lambda: note in client.fetch("GET", f"{server.url}/notes").json, "the note")


@pytest.mark.feature("WebSocket")
def test_websocket_with_a_bad_parameter_is_refused(server):
    for query in ("size=101", "size=many"):
        with (
            pytest.raises(InvalidStatus) as caught,
            open_websocket(server, f"/rooms/kitchen?{query}"),
        ):
            pass
        assert caught.value.response.status_code == 403


@pytest.mark.feature("WebSocket")
def test_websocket_exception_closes_with_its_code(server):
    with open_websocket(server, "/rooms/kitchen?size=3") as socket:
        socket.send("fire")
        with pytest.raises(ConnectionClosed) as caught:
            socket.recv(DEADLINE_S)
    assert (caught.value.rcvd.code, caught.value.rcvd.reason) == (1008, "leave the building")


@pytest.mark.feature("background")
def test_background_task_goes_on_after_the_answer(server, client):
    site_checks.check_background(server, client)


@pytest.mark.feature("SSE")
def test_events_arrive_until_the_client_leaves(server):
    site_checks.check_sse(server)


@pytest.mark.feature("disconnect")
def test_client_that_leaves_is_seen_by_is_disconnected(server):
    with RawClient(server.address) as leaving:
        leaving.send(b"GET /poll HTTP/1.1\r\nhost: e2e\r\n\r\n")
        site_checks.wait_for_event(server, "working")
    site_checks.wait_for_event(server, "is_disconnected")


@closes_generators
@pytest.mark.feature("disconnect")
def test_stream_ends_when_its_client_leaves(server):
    site_checks.check_disconnect(server)


@pytest.mark.feature("lifespan")
def test_start_and_stop_are_told(start_server):
    site_checks.check_lifespan(start_server, "fastapi_site:app")
