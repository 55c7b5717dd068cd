"""The examples of nginx, each run before a real server."""

import ast
import re
import signal
import sys
from contextlib import closing
from http.client import HTTPConnection

import pytest
from websockets.exceptions import ConnectionClosedError

from .programs import host_and_port
from .raw_client import RawClient
from .waiting import DEADLINE_S
from .websocket_clients import open_websocket_at

if sys.platform == "win32":
    pytest.skip("nginx is run on unix", allow_module_level=True)


@pytest.fixture
def start(start_server):
    def start_site(*options, **details):
        return start_server("-m", "asgiserve", "websocket_site:app", *options, **details)

    return start_site


def get(port, target, *lines):
    with RawClient(("127.0.0.1", port)) as raw:
        return raw.get(target, *lines)


def count_peers(server):
    """How many connections the access lines name."""
    server.wait_for_log("POST /echo")
    return len(set(re.findall(r"127\.0\.0\.1:\d+ - ", server.log_since_mark())))


def ask_scope(port, *lines, target="/page"):
    answer = get(port, target, "x-show-scope: yes", *lines)
    assert answer.status == 200, answer
    return ast.literal_eval(answer.body.decode())


def test_plain_example_tells_client_and_prefix_and_keeps_connections(start, programs):
    server = start("--port=0", "--forwarded-fields=for,proto,prefix", "--timeout-keep-alive=75")
    port = programs.start_nginx("nginx/plain.conf", {"127.0.0.1:8000": host_and_port(server)})
    # What a client says of itself is not believed.
    scope = ask_scope(port, "x-forwarded-proto: https", "x-forwarded-prefix: /evil")
    assert scope["client"] == ("127.0.0.1", 0)
    assert (scope["scheme"], scope["root_path"], scope["path"]) == ("http", "", "/page")
    assert (b"host", b"e2e") in scope["headers"]
    scope = ask_scope(port, "x-forwarded-prefix: /evil", target="/api/page")
    assert (scope["root_path"], scope["path"]) == ("/api", "/api/page")
    with RawClient(("127.0.0.1", port)) as raw:
        raw.send(
            b"POST /echo HTTP/1.1\r\nhost: e2e\r\ncontent-length: 70000\r\n\r\n" + b"x" * 70000
        )
        assert raw.read_answer().body == b"x" * 70000
    assert count_peers(server) == 1


def test_websocket_example_passes_messages_and_the_close(start, programs):
    server = start("--port=0", "--timeout-keep-alive=75")
    port = programs.start_nginx("nginx/websocket.conf", {"127.0.0.1:8000": host_and_port(server)})
    assert get(port, "/hello").body == b"Hello, world!"
    with open_websocket_at(("127.0.0.1", port), "/scope") as socket:
        scope = ast.literal_eval(socket.recv(DEADLINE_S))
        assert scope["client"] == ("127.0.0.1", 0)
    with open_websocket_at(("127.0.0.1", port), "/echo") as socket:
        for message in ("short", b"\0" * 100_000):
            socket.send(message)
            assert socket.recv(DEADLINE_S) == message
        server.send_signal(signal.SIGTERM)
        with pytest.raises(ConnectionClosedError) as caught:
            socket.recv(DEADLINE_S)
        assert caught.value.rcvd.code == 1012
    assert server.exit_status() == 0


def test_unix_socket_example_reaches_the_server(start, programs, tmp_path_factory):
    path = str(tmp_path_factory.mktemp("s") / "s")
    server = start(f"--uds={path}", "--forwarded-allow-ips=unix", wait=False)
    server.wait_for_log("unix:")
    changes = {"/run/asgiserve/site.sock": path}
    port = programs.start_nginx("nginx/unix-socket.conf", changes)
    scope = ask_scope(port)
    assert scope["client"] == ("127.0.0.1", 0)


@pytest.mark.skipif(sys.platform != "linux", reason="needs a second loopback address")
def test_client_that_invents_an_address_is_known_by_its_own(start, programs):
    server = start("--port=0")
    port = programs.start_nginx("nginx/plain.conf", {"127.0.0.1:8000": host_and_port(server)})
    with closing(HTTPConnection("127.0.0.1", port, source_address=("127.0.0.2", 0))) as client:
        fields = {"x-show-scope": "yes", "x-forwarded-for": "6.6.6.6"}
        client.request("GET", "/page", headers=fields)
        scope = ast.literal_eval(client.getresponse().read().decode())
    assert scope["client"] == ("127.0.0.2", 0)
