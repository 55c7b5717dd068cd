"""The PROXY protocol at the beginning of real connections: raw bytes, TLS behind it, HAProxy."""

import ast
import socket
import ssl
import struct
import sys

import pytest

from .raw_client import RawClient
from .server_process import LOOPS
from .waiting import wait_until

if sys.platform == "win32":
    pytest.skip("needs a loop that watches sockets", allow_module_level=True)

CLIENT = ("203.0.113.7", 40000)
FRONT = ("198.51.100.1", 443)

V1 = b"PROXY TCP4 203.0.113.7 198.51.100.1 40000 443\r\n"
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
IPV4 = socket.inet_aton(CLIENT[0]) + socket.inet_aton(FRONT[0]) + struct.pack("!HH", 40000, 443)
# PP2_TYPE_AUTHORITY, and 600 bytes for private use.
TLVS = b"\x02\0\x03e2e" + b"\xe0\x02\x58" + bytes(600)


def v2(command: int, family: int, rest: bytes) -> bytes:
    return SIGNATURE + bytes((command, family)) + struct.pack("!H", len(rest)) + rest


V2 = v2(0x21, 0x11, IPV4 + TLVS)
UNIX = v2(0x21, 0x31, b"/run/client".ljust(108, b"\0") + b"/run/front".ljust(108, b"\0"))


@pytest.fixture
def start(start_server):
    def start_site(*options, **details):
        arguments = ("asgi_site:app", "--port=0", "--proxy-protocol", *options)
        return start_server("-m", "asgiserve", *arguments, **details)

    return start_site


@pytest.fixture(scope="module", params=LOOPS)
def server(request, start_shared_server):
    """A server that expects the PROXY protocol from this machine."""
    options = ("--port=0", "--proxy-protocol", f"--loop={request.param}", "--log-level=debug")
    return start_shared_server("-m", "asgiserve", "asgi_site:app", *options)


def ask(raw, *lines):
    """The scope of a request."""
    return ast.literal_eval(raw.get("/scope", *lines).body.decode())


@pytest.mark.parametrize("header", [V1, V2])
def test_addresses_are_those_of_the_header(server, connect, header):
    raw = connect(server)
    raw.send(header)
    for _ in range(2):
        scope = ask(raw)
        assert scope["client"] == CLIENT
        assert scope["server"] == FRONT
    server.wait_for_log(r'203.0.113.7:40000 - "GET /scope HTTP/1.1" 200')


@pytest.mark.parametrize("header", [V1, V2])
def test_header_and_requests_in_one_packet_are_told_apart(server, connect, header):
    request = b"GET /scope HTTP/1.1\r\nhost: e2e\r\n\r\n"
    raw = connect(server)
    raw.send(header + request + request)
    for _ in range(2):
        assert ast.literal_eval(raw.read_answer().body.decode())["client"] == CLIENT


@pytest.mark.parametrize("header", [V1, v2(0x21, 0x11, IPV4)])
def test_header_comes_byte_by_byte(server, connect, header):
    raw = connect(server)
    raw.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for at in range(len(header)):
        raw.send(header[at : at + 1])
    assert ask(raw)["client"] == CLIENT


@pytest.mark.parametrize(
    "header", [b"PROXY UNKNOWN\r\n", v2(0x20, 0, b""), v2(0x20, 0x11, IPV4), v2(0x21, 0, TLVS)]
)
def test_proxy_that_speaks_for_itself_is_the_client(server, connect, header):
    raw = connect(server)
    raw.send(header)
    scope = ask(raw)
    assert scope["client"] == raw.socket.getsockname()
    assert scope["server"] == server.address


def test_client_on_a_unix_socket_has_no_address(server, connect):
    raw = connect(server)
    raw.send(UNIX)
    scope = ask(raw)
    assert scope["client"] is None
    assert scope["server"] == ("/run/front", None)
    server.wait_for_log(r'unix - "GET /scope HTTP/1.1" 200')


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\nhost: e2e\r\n\r\n",
        b"PROXY TCP4 203.0.113.7\r\n",
        b"PROXY UNKNOWN " + b"x" * 200,
        v2(0x21, 0x21, IPV4),
        b"\x16\x03\x01\x02\0" + bytes(512),
    ],
)
def test_what_is_no_header_is_closed_without_an_answer(server, connect, garbage):
    raw = connect(server)
    raw.send(garbage)
    assert is_closed(raw)
    # The server is well.
    other = connect(server)
    other.send(V1)
    assert ask(other)["client"] == CLIENT


def is_closed(raw):
    """Whether the server has closed the connection, without a word."""
    try:
        return raw.socket.recv(1) == b""
    except ConnectionResetError:
        return True


def test_malformed_header_is_logged_once_in_a_while(start, connect):
    server = start()
    for _ in range(5):
        raw = connect(server)
        raw.send(b"GET / HTTP/1.1\r\n\r\n")
        assert is_closed(raw)
    assert server.log().count("no PROXY header: b'GET / HTTP/1.1") == 1


def test_peer_that_comes_and_goes_is_no_event(server, connect):
    connect(server).close()
    raw = connect(server)
    raw.send(V1[:10])
    raw.close()
    other = connect(server)
    other.send(V1)
    assert ask(other)["client"] == CLIENT
    assert "WARNING" not in server.log_since_mark()


def test_peer_that_is_not_named_may_not_send_a_header(start, connect):
    server = start("--proxy-protocol-allow-ips", "192.0.2.1,10.0.0.0/8")
    for _ in range(3):
        raw = connect(server)
        raw.send(V1 + b"GET / HTTP/1.1\r\nhost: e2e\r\n\r\n")
        assert is_closed(raw)
    server.wait_for_log(r"127.0.0.1:\d+ - closed: proxy_protocol_allow_ips does not name this peer")
    assert server.log().count("proxy_protocol_allow_ips") == 1


def test_header_that_does_not_come_is_not_waited_for(start, connect):
    server = start("--timeout-request-header=0.3")
    silent, slow = connect(server), connect(server)
    slow.send(V1[:20])
    assert is_closed(silent)
    assert is_closed(slow)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_connections_that_are_refused_leave_no_file_open(start, connect):
    server = start("--timeout-request-header=0.3")
    files = server.open_files()
    for data in (b"", V1[:20], b"GET / HTTP/1.1\r\n\r\n"):
        raw = connect(server)
        raw.send(data)
        assert is_closed(raw)
    wait_until(lambda: server.open_files() <= files, "files to be closed")


@pytest.mark.parametrize("allowed", ["unix", "*", "{path}"])
def test_peers_on_a_unix_socket_are_named_by_its_path(start_server, tmp_path_factory, allowed):
    path = str(tmp_path_factory.mktemp("s") / "s")
    options = ["--uds", path, "--proxy-protocol", "--proxy-protocol-allow-ips"]
    server = start_server(
        "-m", "asgiserve", "asgi_site:app", *options, allowed.format(path=path), wait=False
    )
    server.wait_for_log("unix:")
    with RawClient(path) as raw:
        raw.send(V2)
        assert ask(raw)["client"] == CLIENT


def test_peers_on_a_unix_socket_are_not_allowed_by_default(start_server, tmp_path_factory):
    path = str(tmp_path_factory.mktemp("s") / "s")
    options = ["--uds", path, "--proxy-protocol"]
    server = start_server("-m", "asgiserve", "asgi_site:app", *options, wait=False)
    server.wait_for_log("unix:")
    # Closed as soon as it is connected, so there may be nobody to send a header to.
    with RawClient(path) as raw:
        assert is_closed(raw)
    server.wait_for_log("unix - closed: proxy_protocol_allow_ips")


@pytest.mark.parametrize(
    ("trusted", "client"), [("203.0.113.7", ("192.0.2.99", 0)), ("127.0.0.1", CLIENT)]
)
def test_forwarded_fields_are_trusted_only_from_that_client(start, connect, trusted, client):
    server = start("--forwarded-allow-ips", trusted)
    raw = connect(server)
    raw.send(V1)
    assert ask(raw, "x-forwarded-for: 192.0.2.99")["client"] == client


@pytest.mark.parametrize("loop", LOOPS)
def test_tls_begins_behind_the_header(start, connect, authority, loop):
    files = authority.issue("localhost")
    options = ["--ssl-certfile", str(files.certificate), "--ssl-keyfile", str(files.key)]
    server = start(*options, f"--loop={loop}", wait=False)
    server.wait_for_log(r"https://127.0.0.1:\d+")
    port = int(server.log().split("https://127.0.0.1:")[1].split()[0])
    with socket.create_connection(("127.0.0.1", port), 10) as sock:
        sock.sendall(V2)
        context = authority.client_context()
        with context.wrap_socket(sock, server_hostname="localhost") as tls:
            tls.sendall(b"GET /scope HTTP/1.1\r\nhost: e2e\r\nconnection: close\r\n\r\n")
            answer = b"".join(iter(lambda: read_some(tls), b""))
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"'client': ('203.0.113.7', 40000)" in answer
    assert b"'scheme': 'https'" in answer


def read_some(tls: ssl.SSLSocket) -> bytes:
    return tls.recv(65536)


@pytest.mark.parametrize("word", ["send-proxy", "send-proxy-v2"])
def test_haproxy_tells_the_client(start, programs, word):
    server = start()
    changes = {
        "10.0.0.11:8000": "{}:{}".format(*server.address),
        "    server site2 10.0.0.12:8000\n": "",
        "send-proxy-v2 check check-send-proxy": word,
        "maxconn 4096": "maxconn 64",
    }
    port = programs.start_haproxy("haproxy/haproxy.cfg", changes)
    with RawClient(("127.0.0.1", port)) as raw:
        scope = ask(raw)
        assert scope["client"] == raw.socket.getsockname()
        assert scope["server"] == ("127.0.0.1", port)


def test_stopping_server_waits_a_moment_for_headers_that_have_begun(start, connect):
    server = start()
    slow = connect(server)
    slow.send(V1[:20])
    # The server has it, since it took one that came later.
    other = connect(server)
    other.send(V1)
    assert ask(other)["client"] == CLIENT
    files = server.open_files()
    server.send_signal(15)
    wait_until(lambda: server.open_files() < files, "the listening socket to be closed")
    slow.send(V1[20:] + b"GET /scope HTTP/1.1\r\nhost: e2e\r\n\r\n")
    assert slow.read_answer().status == 200
    # Or the server would wait two seconds for what its clients may yet say.
    slow.close()
    other.close()
    assert server.exit_status() == 0
