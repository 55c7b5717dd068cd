"""A FastAPI application, driven by every client. https://fastapi.tiangolo.com/"""

import json

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from ..waiting import DEADLINE_S
from ..websocket_clients import open_websocket
from . import site_checks
from .packages import closes_generators, need

need("fastapi", "python_multipart")
pytestmark = pytest.mark.framework("FastAPI", "fastapi")
SITE = "fastapi_site:app"


class TestSite(
    site_checks.Parameters,
    site_checks.JsonBody,
    site_checks.ThreadedView,
    site_checks.FormBody,
    site_checks.Dependency,
    site_checks.ExceptionHandler,
    site_checks.Crash,
    site_checks.FileUpload,
    site_checks.Stream,
    site_checks.Background,
    site_checks.ServerSentEvents,
    site_checks.LeftPoll,
    site_checks.StartupState,
    site_checks.StartAndStop,
):
    count_paths = ("/count", "/count-from-a-thread")


@closes_generators
class TestEndlessStream(site_checks.LeftStream):
    pass


def test_invalid_parameter_is_a_422(server, client):
    answer = client.fetch("GET", f"{server.url}/items/many")
    assert answer.status == 422
    assert answer.json["detail"][0]["loc"] == ["path", "item_id"]


def test_http_exception_keeps_its_status_and_headers(server, client):
    answer = client.fetch("GET", f"{server.url}/missing")
    assert (answer.status, answer.header("x-reason")) == (404, "missing")


def test_method_not_allowed_names_the_allowed_ones(server, client):
    answer = client.fetch("DELETE", f"{server.url}/teapot")
    assert (answer.status, answer.header("allow")) == (405, "GET")


def test_generated_schema_is_served(server, client):
    assert "/items/{item_id}" in client.fetch("GET", f"{server.url}/openapi.json").json["paths"]


@pytest.mark.feature("WebSocket")
def test_websocket_gets_parameters_dependencies_and_state(server):
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
    site_checks.wait_for_event(server, "café ended with 3001 enough")


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
