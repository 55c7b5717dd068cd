"""A Starlette application, with and without BaseHTTPMiddleware, driven by every client.

https://www.starlette.io/
"""

import gzip
import hashlib
import os
import time

import pytest
from websockets.exceptions import InvalidStatus

from ..clients import fetch_json
from ..raw_client import RawClient
from ..server_process import SITES_DIR
from ..waiting import DEADLINE_S, wait_until
from ..websocket_clients import open_websocket
from . import site_checks
from .packages import need

need("starlette", "python_multipart")
pytestmark = pytest.mark.framework("Starlette", "starlette")


@pytest.fixture(scope="module")
def server(start_shared_server):
    return start_shared_server("-m", "asgiserve", "starlette_site:app", "--port", "0")


@pytest.fixture(params=["", "/stamped"], ids=["plain", "middleware"])
def mount(request):
    """Where the routes stand: bare, and behind a BaseHTTPMiddleware."""
    return request.param


def wait_for_journal(server, case, entry):
    def is_there():
        with RawClient(server.address) as raw:
            return entry.encode() in raw.get(f"/journal?case={case}", "connection: close").body

    wait_until(is_there, f"{entry!r} in the journal of {case}")


def test_plain_answer_arrives(server, client, mount):
    answer = client.fetch("GET", f"{server.url}{mount}/hello?name=you")
    assert answer.text == "Hello, you!"
    assert answer.header("x-seats") == ("3" if mount else None)


def test_json_comes_back(server, client, mount):
    value = {"list": [1, 2.5, None], "text": "ü"}
    assert fetch_json(client, "PUT", f"{server.url}{mount}/echo-json", value).json == value


@pytest.mark.feature("streaming")
def test_body_is_streamed_to_the_application(server, client, mount):
    content = os.urandom(2_000_000)
    answer = client.fetch("POST", f"{server.url}{mount}/digest", body=content)
    assert answer.json == {"bytes": 2_000_000, "sha256": hashlib.sha256(content).hexdigest()}


@pytest.mark.feature("streaming")
def test_stream_arrives_whole(server, client, mount):
    answer = client.fetch("GET", f"{server.url}{mount}/count")
    assert answer.text.split() == [str(number) for number in range(1000)]


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
    assert gzip.decompress(answer.body).split()[-1] == b"999"


@pytest.mark.feature("disconnect")
def test_client_that_leaves_cancels_the_stream(server, mount):
    case = f"ticks{mount.strip('/')}"
    with RawClient(server.address) as leaving:
        leaving.send(f"GET {mount}/ticks?case={case} HTTP/1.1\r\nhost: e2e\r\n\r\n".encode())
        leaving.read_until(b"tick")
    # Starlette drops its generator and leaves it to the garbage collector: no ``finally`` to see.
    wait_until(lambda: count_ticks(server, case) == count_ticks(server, case), "the ticks to end")


def count_ticks(server, case):
    time.sleep(0.05)  # five ticks
    with RawClient(server.address) as raw:
        return len(raw.get(f"/journal?case={case}", "connection: close").body)


@pytest.mark.feature("disconnect")
def test_client_that_leaves_is_seen_by_is_disconnected(server):
    with RawClient(server.address) as leaving:
        leaving.send(b"GET /poll?case=poll HTTP/1.1\r\nhost: e2e\r\n\r\n")
        wait_for_journal(server, "poll", "working")
    wait_for_journal(server, "poll", "is_disconnected")


@pytest.mark.feature("disconnect")
def test_client_that_leaves_in_mid_body_raises_client_disconnect(server):
    with RawClient(server.address) as leaving:
        leaving.send(b"POST /digest?case=body HTTP/1.1\r\nhost: e2e\r\ncontent-length: 9\r\n\r\n1")
        wait_for_journal(server, "body", "chunk")
    wait_for_journal(server, "body", "ClientDisconnect")


@pytest.mark.feature("WebSocket")
def test_websocket_endpoint_is_served(server, mount):
    case = f"shout{mount.strip('/')}"
    options = {"subprotocols": ["loud", "louder"]}
    with open_websocket(server, f"{mount}/shout?case={case}", **options) as socket:
        assert socket.subprotocol == "loud"
        socket.send(b"hello")
        assert socket.recv(DEADLINE_S) == b"HELLO!!!"
        socket.close(4000)
    wait_for_journal(server, case, "ended with 4000")


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


@pytest.mark.feature("upload")
def test_multipart_upload_arrives_whole(server, client, mount):
    site_checks.check_upload(server, client, f"{mount}/upload")


@pytest.mark.feature("background")
def test_background_task_goes_on_after_the_answer(server, client, mount):
    site_checks.check_background(server, client, f"{mount}/work")


@pytest.mark.feature("lifespan")
def test_start_and_stop_are_told(start_server):
    site_checks.check_lifespan(start_server, "starlette_site:app")
