"""TLS with real clients: on both columns and event loops, with and without aiofastnet."""

import ast
import asyncio
import hashlib
import os
import re
import shutil
import signal
import ssl
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect as connect_websocket

from tests.ws_peer import TEXT, client_frame, handshake

from .raw_client import RawClient
from .tls_clients import STACKS, TlsClient, run_s_client, scope_of, serve, stack_of
from .waiting import DEADLINE_S, settled, wait_until

needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
needs_openssl = pytest.mark.skipif(
    shutil.which("openssl") is None, reason="openssl is not installed"
)
needs_proc = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

# Long enough for a loaded machine, but shorter than any time-out of the server.
AT_ONCE_S = 4.0


@pytest.fixture(scope="module")
def files(authority):
    return authority.issue("localhost", "127.0.0.1")


@pytest.fixture(scope="module", params=STACKS, ids="-".join)
def every_stack(request):
    return stack_of(*request.param)


@pytest.fixture(scope="module")
def server(start_shared_server, every_stack, files):
    """Logs what it refuses, too."""
    return serve(start_shared_server, every_stack, files, "--log-level", "debug")


@pytest.fixture
def secure(server, authority):
    """A connection to the server."""
    with TlsClient(server, authority.client_context()) as client:
        yield client


def url_of(server, path="/"):
    return f"https://localhost:{server.address[1]}{path}"


def journal_of(server, authority, case):
    """What the application has written down, asked for on a connection of its own."""
    with TlsClient(server, authority.client_context()) as client:
        return ast.literal_eval(client.get(f"/journal_of?case={case}").body.decode())


# Real clients.


@needs_curl
def test_curl_gets_an_answer_and_uses_its_connection_again(server, authority):
    command = ["curl", "-sv", "--cacert", str(authority.path), *[url_of(server, "/hello")] * 2]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S)
    assert finished.stdout == "Hello, world!" * 2
    assert finished.stderr.count("SSL connection using") == 1
    assert "ALPN: server accepted http/1.1" in finished.stderr


@needs_openssl
@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_s_client_gets_an_answer_and_an_orderly_end(server, authority, version):
    request = b"GET /hello HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
    options = ["-CAfile", str(authority.path), "-alpn", "h2,http/1.1", "-servername", "localhost"]
    output = run_s_client(server, request, version, *options)
    assert "Hello, world!" in output
    assert "ALPN protocol: http/1.1" in output
    assert "Verify return code: 0 (ok)" in output
    # What it prints for close_notify; a mere end of the socket is an error.
    assert output.rstrip().endswith("closed")
    assert "unexpected eof" not in output


def test_httpx_uploads_and_downloads(server, authority):
    body = os.urandom(3_000_000)
    with httpx.Client(verify=authority.client_context(), base_url=url_of(server, "")) as client:
        for _ in range(2):
            told = client.post("/digest", content=body).json()
            assert told == {"bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}
            assert client.post("/echo", content=body).content == body


async def test_websocket_echoes_over_wss(server, authority):
    context = authority.client_context()
    uri = url_of(server, "/echo").replace("https", "wss")
    async with connect_websocket(uri, ssl=context, max_size=None) as websocket:
        for message in ("text", b"x" * 1_000_000, os.urandom(100_000)):
            await websocket.send(message)
            assert await websocket.recv() == message


async def test_websocket_scope_tells_of_tls(server, authority):
    uri = url_of(server, "/scope").replace("https", "wss")
    async with connect_websocket(uri, ssl=authority.client_context()) as websocket:
        scope = ast.literal_eval(await websocket.recv())
    assert scope["scheme"] == "wss"
    assert scope["extensions"]["tls"]["tls_version"] == 0x0304


# What the application is told.


def test_scope_tells_scheme_addresses_and_tls(secure, server, files):
    scope = scope_of(secure)
    assert scope["scheme"] == "https"
    assert scope["server"] == server.address
    assert scope["client"] == secure.tls.getsockname()
    assert scope["extensions"]["tls"] == {
        "server_cert": files.certificate_pem,
        "client_cert_chain": (),
        "client_cert_name": None,
        "client_cert_error": None,
        "tls_version": 0x0304,
        "cipher_suite": {"TLS_AES_256_GCM_SHA384": 0x1302}[secure.tls.cipher()[0]],
    }


def test_start_up_line_names_https(server):
    assert f"serves https://127.0.0.1:{server.address[1]} (" in server.log()


# Bytes.


def test_requests_in_one_record_are_answered_in_their_order(secure):
    secure.send(b"".join(b"GET /echo HTTP/1.1\r\nhost: %d\r\n\r\n" % n for n in range(20)))
    assert [secure.read_answer().status for _ in range(20)] == [200] * 20


def test_request_in_many_small_records_is_one(secure):
    for byte in b"GET /hello HTTP/1.1\r\nhost: a\r\n\r\n":
        secure.send(bytes([byte]))
    assert secure.read_answer().body == b"Hello, world!"


def test_body_of_many_megabytes_arrives_whole_in_both_directions(secure):
    body = os.urandom(65536) * 128
    secure.send(b"POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: %d\r\n\r\n" % len(body))
    secure.send(body)
    assert secure.read_answer().body == body


def test_answer_of_many_chunks_arrives_whole(secure):
    assert secure.get("/pour?case=whole&chunks=300").body == b"x" * 65536 * 300


def test_application_waits_for_a_client_that_does_not_read(server, authority):
    case, chunks = os.urandom(4).hex(), 500
    context = authority.client_context()
    with TlsClient(server, context, receive_buffer_bytes=4096) as slow:
        slow.send(f"GET /pour?case={case}&chunks={chunks} HTTP/1.1\r\nhost: a\r\n\r\n".encode())
        slow.read_until(b"\r\n\r\n")
        (taken,) = settled(lambda: tuple(journal_of(server, authority, case)))
        # What the kernel holds for the socket, some megabytes, comes on top of the marks.
        assert taken < 150
        size = 0
        while size < chunks * 65536:
            size += len(slow.socket.recv(1_000_000))


def test_server_waits_for_an_application_that_does_not_read(secure):
    """The upload is longer than what may wait, and is read once it is asked for."""
    secure.send(b"POST /digest HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n")
    for _ in range(200):
        secure.send(b"10000\r\n" + b"y" * 65536 + b"\r\n")
    secure.send(b"0\r\n\r\n")
    assert b'"bytes": %d' % (200 * 65536) in secure.read_answer().body


# Ends.


def test_server_ends_with_close_notify(secure):
    secure.get("/hello", "connection: close")
    # With suppress_ragged_eofs off, any other end is an exception.
    assert secure.socket.recv(1) == b""


def test_refused_client_gets_its_answer(secure):
    secure.send(b"GARBAGE\r\n\r\n" + b"x" * 500_000)
    assert secure.read_answer().status == 400


def test_upload_that_is_refused_half_way_gets_its_answer(secure):
    secure.send(b"POST /refuse_unread HTTP/1.1\r\nhost: a\r\ncontent-length: 90000000\r\n\r\n")
    secure.send(b"x" * 300_000)
    assert secure.read_answer().status == 403


@pytest.mark.parametrize("end", ["close_notify", "fin", "reset"])
def test_application_learns_that_its_client_has_left(server, authority, end):
    case = os.urandom(4).hex()
    client = TlsClient(server, authority.client_context())
    client.send(f"GET /stream_for_ever?case={case} HTTP/1.1\r\nhost: a\r\n\r\n".encode())
    client.read_until(b"data: tick")
    if end == "close_notify":
        client.tls.setblocking(False)
        try:
            client.tls.unwrap()
        except (ssl.SSLError, BlockingIOError):
            pass  # the rest of the stream is in its way
        client.close()
    elif end == "fin":
        client.end_plainly()
    else:
        client.reset()
    wait_until(
        lambda: "ClientDisconnected" in journal_of(server, authority, case), "the application"
    )


# Clients that are gone, data and all, before the server looks.


@contextmanager
def frozen(server):
    """The server does not run, while its kernel takes what clients send."""
    state = Path(f"/proc/{server.pid}/stat")
    server.send_signal(signal.SIGSTOP)
    try:
        wait_until(lambda: ") T " in state.read_text(), "the server to stop")
        yield
    finally:
        server.send_signal(signal.SIGCONT)


@needs_proc
def test_reset_right_behind_data_is_noticed_at_once_at_every_stage(server, authority):
    case = os.urandom(4).hex()
    head = f"/long_poll?case={case}-{{}} HTTP/1.1\r\nhost: a\r\n"
    websocket = handshake(f"/echo?case={case}-websocket")
    message = client_frame(TEXT, b"hello")
    # What is sent before the server stops, and while it does not run.
    requests = [
        (b"", f"GET {head.format('poll')}\r\n".encode()),
        (b"", f"POST {head.format('upload')}content-length: 9\r\n\r\n1".encode()),
        (b"", websocket),
        (websocket, message),
        (b"", b"GET /half"),
    ]
    # What the event loop opens once and keeps is open now.
    assert journal_of(server, authority, case) == []
    before = settled(server.open_files)
    clients = [TlsClient(server, authority.client_context()) for _ in requests]
    strangers = [RawClient(server.address) for _ in range(10)]
    for client, (early, _) in zip(clients, requests, strict=True):
        client.send(early)
        if early:
            client.read_until(b"\r\n\r\n")
    with frozen(server):
        for client, (_, late) in zip(clients, requests, strict=True):
            client.send(late)
            client.reset()
        for number, stranger in enumerate(strangers):
            # The beginning of a handshake.
            stranger.send(b"\x16\x03\x01\x02\x00\x01\x00"[: 5 + 2 * (number % 2)])
            stranger.close() if number < 5 else stranger.reset()
    wait_until(lambda: server.open_files() <= before, "files to be closed", deadline_s=AT_ONCE_S)

    def journal(name):
        return journal_of(server, authority, f"{case}-{name}")

    assert journal("poll") == ["waiting", "http.disconnect", "OSError from send"]
    assert journal("websocket") == [[1006, ""], [1006, ""]]
    assert not re.search("ERROR|WARNING", server.log_since_mark())


# Clients that are none.


def test_plain_upload_gets_its_answer_although_it_is_not_read(server):
    with RawClient(server.address) as plain:
        plain.send(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 300000\r\n\r\n" + b"x" * 300_000)
        assert plain.read_answer().status == 400


@pytest.mark.parametrize("data", [b"\x80garbage", b"\x16\x03\x01\x00\x05hello", b"\x00"])
def test_garbage_is_cut_off(server, data):
    with RawClient(server.address) as client:
        client.send(data)
        if data[0] == 0x16:
            client.half_close()
        client.read_to_end()
    server.wait_for_log(r"DEBUG:.*(speaks no TLS|TLS handshake failed)")


def test_client_that_distrusts_the_certificate_is_a_line_for_debugging(server):
    with pytest.raises(ssl.SSLCertVerificationError):
        TlsClient(server, ssl.create_default_context())
    server.wait_for_log(r"DEBUG:.*TLS handshake failed: .*(?i:unknown.ca)")


def test_clients_that_wait_with_their_handshake_are_in_nobodys_way(server, authority):
    idle = [RawClient(server.address) for _ in range(100)]
    with TlsClient(server, authority.client_context()) as client:
        assert client.get("/hello").status == 200
    for each in idle:
        each.close()


def test_connections_leave_nothing_behind(server, authority):
    context = authority.client_context()

    def connect_once():
        with TlsClient(server, context) as client:
            client.get("/hello")
        with RawClient(server.address) as plain:
            plain.send(b"\x80")

    connect_once()
    before = settled(server.open_files)
    for _ in range(50):
        connect_once()
    wait_until(lambda: server.open_files() <= before, "files to be closed")


async def test_many_clients_shake_hands_at_once(server, authority):
    context = authority.client_context()
    limit = asyncio.Semaphore(20)

    async def fetch():
        async with limit:
            reader, writer = await asyncio.open_connection(*server.address, ssl=context)
            writer.write(b"GET /hello HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
            answer = await reader.read()
            writer.close()
            return answer.endswith(b"Hello, world!")

    assert all(await asyncio.gather(*[fetch() for _ in range(100)]))
