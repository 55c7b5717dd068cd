"""A Django project behind Django's own ASGI handler, driven by every client."""

import hashlib
import os

import pytest
from websockets.exceptions import InvalidStatus

from .clients import Form, Upload
from .raw_client import RawClient
from .server_process import APPS_DIR
from .waiting import DEADLINE_S, wait_until
from .websocket_clients import open_websocket

pytest.importorskip("django")


@pytest.fixture(scope="module")
def server(start_shared_server):
    return start_shared_server("-m", "asgiserve", "django_site:application", "--port", "0")


@pytest.mark.parametrize("view", ["hello-async", "hello-sync"])
def test_view_answers(server, client, view):
    assert client.fetch("GET", f"{server.url}/{view}/you").text == "Hello, you!"


def test_request_tells_path_query_host_and_client(server, client):
    answer = client.fetch("GET", f"{server.url}/request/caf%C3%A9?q=%26&r=")
    assert answer.json == {
        "path": "/request/café",
        "query": {"q": "&", "r": ""},
        "host": server.url.removeprefix("http://"),
        "remote": "127.0.0.1",
        "absolute": f"{server.url}/request/caf%C3%A9?q=%26&r=",
    }


def test_form_is_posted(server, client):
    form = Form({"name": "zoë", "note": "a&b=c"})
    answer = client.fetch("POST", f"{server.url}/form", body=form)
    assert answer.json == {"method": "POST", "form": form.values}


def test_upload_larger_than_memory_limit_arrives_whole(server, client):
    content = os.urandom(3_000_000)  # Django keeps 2.5 MiB in memory
    form = Form({"note": "big"}, {"file": Upload("data.bin", content)})
    answer = client.fetch("POST", f"{server.url}/upload", body=form)
    sha256 = hashlib.sha256(content).hexdigest()
    assert answer.json == {"name": "data.bin", "bytes": 3_000_000, "sha256": sha256, "note": "big"}


@pytest.mark.parametrize(
    "view",
    [
        "stream-async",
        pytest.param("stream-sync", marks=pytest.mark.filterwarnings("ignore")),
    ],
)
def test_stream_arrives_whole(server, client, view):
    answer = client.fetch("GET", f"{server.url}/{view}")
    assert answer.text.split() == [str(number) for number in range(100)]


def test_client_that_leaves_cancels_the_stream(server):
    with RawClient(server.address) as leaving:
        leaving.send(b"GET /ticks HTTP/1.1\r\nhost: e2e\r\n\r\n")
        leaving.read_until(b"tick")

    def is_cancelled():
        with RawClient(server.address) as raw:
            return b"cancelled" in raw.get("/stream-events", "connection: close").body

    wait_until(is_cancelled, "the stream to be cancelled")


def test_file_arrives_whole(server, client):
    answer = client.fetch("GET", f"{server.url}/file")
    assert answer.body == (APPS_DIR / "django_site.py").read_bytes()


def test_redirect_keeps_its_location(server, client):
    answer = client.fetch("GET", f"{server.url}/redirect")
    assert (answer.status, answer.header("location")) == (302, "/hello-sync/again")


def test_unknown_page_is_a_404_and_unknown_host_a_400(server, client):
    assert client.fetch("GET", f"{server.url}/nowhere").status == 404
    answer = client.fetch("GET", f"{server.url}/hello-sync/you", headers={"host": "elsewhere"})
    assert answer.status == 400


def test_exception_in_a_view_is_a_500(server, client):
    assert client.fetch("GET", f"{server.url}/crash").status == 500


def test_missing_lifespan_is_no_error(server):
    # Django raises on a lifespan scope before its first receive: it has none, and nothing is wrong.
    assert "can only handle" not in server.log()


def test_websocket_to_django_alone_is_a_500(server):
    with pytest.raises(InvalidStatus) as caught, open_websocket(server, "/hello-async/you"):
        pass
    assert caught.value.response.status_code == 500
    server.expect_traceback("Django can only handle ASGI/HTTP connections, not websocket.")


def test_websocket_beside_django_is_served(start_server, client):
    server = start_server("-m", "asgiserve", "django_site:with_websockets", "--port", "0")
    with open_websocket(server, "/chat/caf%C3%A9") as socket:
        socket.send("hello")
        assert socket.recv(DEADLINE_S) == "/chat/café: hello"
        assert client.fetch("GET", f"{server.url}/hello-async/you").text == "Hello, you!"
