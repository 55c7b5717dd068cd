"""A Starlette application, with and without BaseHTTPMiddleware, driven by every client.

https://www.starlette.io/
"""

import gzip

import pytest
from websockets.exceptions import InvalidStatus

from ..raw_client import RawClient
from ..server_process import SITES_DIR
from ..waiting import DEADLINE_S, settled
from ..websocket_clients import open_websocket
from . import site_checks
from .packages import need

need("starlette", "python_multipart")
pytestmark = pytest.mark.framework("Starlette", "starlette")
SITE = "starlette_site:app"


@pytest.fixture(params=["", "/stamped"], ids=["plain", "middleware"])
def mount(request):
    """Where the routes stand: bare, and behind a BaseHTTPMiddleware."""
    return request.param


@pytest.fixture
def site_url(server, mount):
    return server.url + mount


class TestSite(
    site_checks.JsonBody,
    site_checks.FileUpload,
    site_checks.BodyStream,
    site_checks.Stream,
    site_checks.Background,
    site_checks.StartAndStop,
):
    pass


class TestBareSite(site_checks.LeftPoll):
    """What a BaseHTTPMiddleware keeps from its routes."""

    @pytest.fixture
    def site_url(self, server):
        return server.url


def test_plain_answer_arrives(server, client, mount):
    answer = client.fetch("GET", f"{server.url}{mount}/hello?name=you")
    assert answer.text == "Hello, you!"
    assert answer.header("x-seats") == ("3" if mount else None)


def test_head_of_a_file_has_its_length_and_no_body(server, client):
    answer = client.fetch("HEAD", f"{server.url}/file")
    assert answer.header("content-length") == str((SITES_DIR / "starlette_site.py").stat().st_size)
    assert answer.body == b""


def test_file_is_served_whole_in_ranges_and_not_twice(server, client):
    content = (SITES_DIR / "starlette_site.py").read_bytes()
    whole = client.fetch("GET", f"{server.url}/file")
    assert whole.body == content
    part = client.fetch("GET", f"{server.url}/file", headers={"range": "bytes=10-19"})
    assert (part.status, part.body) == (206, content[10:20])
    parts = client.fetch("GET", f"{server.url}/file", headers={"range": "bytes=0-1,5-6"})
    assert (parts.status, parts.header("content-type").split(";")[0]) == (
        206,
        "multipart/byteranges",
    )
    beyond = client.fetch("GET", f"{server.url}/file", headers={"range": "bytes=9999999-"})
    assert beyond.status == 416


def test_static_file_is_not_sent_again_to_a_client_that_has_it(server, client):
    url = f"{server.url}/static/starlette_site.py"
    etag = client.fetch("GET", url).header("etag")
    answer = client.fetch("GET", url, headers={"if-none-match": etag})
    assert (answer.status, answer.body) == (304, b"")


def test_redirect_and_cookies_keep_their_headers(server, client):
    redirect = client.fetch("GET", f"{server.url}/redirect")
    assert (redirect.status, redirect.header("location")) == (307, "/hello?name=again")
    cookies = client.fetch("GET", f"{server.url}/cookies")
    assert [value for name, value in cookies.headers if name.lower() == "set-cookie"] == [
        "one=1; Path=/; SameSite=lax",
        "two=2; HttpOnly; Path=/; SameSite=lax",
    ]


@pytest.mark.feature("streaming")
def test_compressed_stream_arrives_whole(server):
    with RawClient(server.address) as raw:
        answer = raw.get("/small/count", "accept-encoding: gzip")
    assert answer.header("content-encoding") == "gzip"
    assert gzip.decompress(answer.body).split()[-1] == b"99"


@pytest.mark.feature("disconnect")
def test_client_that_leaves_cancels_the_stream(server, mount):
    case = f"ticks{mount.strip('/')}"
    with RawClient(server.address) as leaving:
        leaving.send(f"GET {mount}/ticks?case={case} HTTP/1.1\r\nhost: e2e\r\n\r\n".encode())
        leaving.read_until(b"tick")
    # Starlette drops its generator and leaves it to the garbage collector: no ``finally`` to see.
    settled(lambda: site_checks.events(server).count(f"{case}: tick"))


@pytest.mark.feature("disconnect")
def test_client_that_leaves_in_mid_body_raises_client_disconnect(server):
    with RawClient(server.address) as leaving:
        leaving.send(b"POST /digest?case=body HTTP/1.1\r\nhost: e2e\r\ncontent-length: 9\r\n\r\n1")
        site_checks.wait_for_event(server, "body: chunk")
    site_checks.wait_for_event(server, "body: ClientDisconnect")


@pytest.mark.feature("WebSocket")
def test_websocket_endpoint_is_served(server, mount):
    case = f"shout{mount.strip('/')}"
    options = {"subprotocols": ["loud", "louder"]}
    with open_websocket(server, f"{mount}/shout?case={case}", **options) as socket:
        assert socket.subprotocol == "loud"
        socket.send(b"hello")
        assert socket.recv(DEADLINE_S) == b"HELLO!!!"
        socket.close(4000)
    site_checks.wait_for_event(server, f"{case} ended with 4000")


@pytest.mark.feature("WebSocket")
def test_websocket_is_denied_by_a_response(server, mount):
    with (
        pytest.raises(InvalidStatus) as caught,
        open_websocket(server, f"{mount}/shout?case=denied"),
    ):
        pass
    answer = caught.value.response
    assert (answer.status_code, answer.body) == (401, b"not you")
    assert answer.headers["x-seats"] == "none"
