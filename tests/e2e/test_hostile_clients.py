"""Clients that break off, send rubbish, never read, or come in too large a number."""

import random
import sys

import pytest

from .journal import read_journal, wait_for_journal
from .raw_client import RawClient
from .server_process import LOOPS
from .waiting import settled, wait_until

SITE = "asgi_site:app"

MIB = 1024 * 1024
SEED = 20260101
needs_proc = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@needs_proc
@pytest.mark.parametrize("loop", LOOPS)
def test_client_that_does_not_read_cannot_fill_the_memory(start_server, connect, loop):
    server = start_server("-m", "asgiserve", "asgi_site:app", "--port", "0", "--loop", loop)
    with RawClient(server.address) as raw:
        raw.get("/pour?case=warm-up&chunks=10")
    before = server.resident_bytes()
    deaf = [connect(server) for _ in range(5)]
    for number, client in enumerate(deaf):
        target = f"/pour?case=deaf-{number}&chunks=4000"
        client.send(f"GET {target} HTTP/1.1\r\nhost: e2e\r\n\r\n".encode())
    for number in range(len(deaf)):
        taken = settled(lambda number=number: read_journal(server, f"deaf-{number}")[0])
        assert taken < 400, "send should wait once the socket is full"  # of 4000
    assert server.resident_bytes() - before < 8 * MIB
    for client in deaf:
        client.reset()


@needs_proc
def test_application_that_does_not_read_cannot_fill_the_memory(server, tmp_path):
    before = server.resident_bytes()
    permission = tmp_path / "go"
    with RawClient(server.address) as raw:
        raw.send(
            f"POST /wait_for_file?path={permission} HTTP/1.1\r\nhost: e2e\r\n"
            f"content-length: {1024 * MIB}\r\n\r\n".encode()
        )
        sent = fill(raw)
        assert sent < 64 * MIB
        assert server.resident_bytes() - before < 8 * MIB
        permission.touch()
        assert raw.read_answer().status == 200


def fill(raw):
    """Send until the socket takes no more for a while; how much it took."""
    raw.socket.settimeout(0.3)
    sent = 0
    try:
        while sent < 256 * MIB:
            sent += raw.socket.send(b"x" * MIB)
    except TimeoutError:
        pass
    raw.socket.settimeout(20)
    return sent


@pytest.mark.parametrize("loop", LOOPS)
def test_stream_that_never_pauses_ends_when_its_client_is_killed(start_server, connect, loop):
    server = start_server("-m", "asgiserve", "asgi_site:app", "--port", "0", "--loop", loop)
    client = connect(server)
    client.send(b"GET /stream_without_pause?case=torn HTTP/1.1\r\nhost: e2e\r\n\r\n")
    client.read_until(b"xxxx")
    client.reset()
    wait_for_journal(server, "torn", ["ClientDisconnected"])
    assert server.log().count("socket.send() raised exception") == 0


def test_rubbish_on_many_connections_does_not_disturb_a_good_client(server):
    chance = random.Random(SEED)
    with RawClient(server.address) as good:
        for number in range(200):
            with RawClient(server.address) as bad:
                bad.send(rubbish(chance))
                if number % 2:
                    bad.half_close()
            if number % 10 == 0:
                assert good.get("/hello").body == b"Hello, world!"
        assert good.get("/hello").body == b"Hello, world!"


def rubbish(chance):
    """Random bytes, or a request with some of its bytes changed."""
    if chance.random() < 0.5:
        return chance.randbytes(chance.randrange(1, 3000))
    request = bytearray(
        b"POST /echo HTTP/1.1\r\nhost: e2e\r\ntransfer-encoding: chunked\r\n\r\n"
        b"5\r\nhello\r\n0\r\n\r\n"
    )
    for _ in range(chance.randrange(1, 6)):
        request[chance.randrange(len(request))] = chance.randrange(256)
    return bytes(request)


def test_clients_that_break_off_at_every_byte_leave_nothing_behind(server):
    request = b"POST /echo HTTP/1.1\r\nhost: e2e\r\ncontent-length: 5\r\n\r\nhello"
    with RawClient(server.address) as good:
        for size in range(len(request)):
            broken = RawClient(server.address)
            broken.send(request[:size])
            if size % 2:
                broken.reset()
            broken.close()
        assert good.get("/hello").status == 200


@needs_proc
@pytest.mark.parametrize("loop", LOOPS)
def test_server_survives_running_out_of_file_descriptors(start_server, connect, loop):
    options = ["--port", "0", "--loop", loop, "--backlog", "128"]
    server = start_server("-m", "asgiserve", "asgi_site:app", *options, max_open_files=48)
    assert is_served(server)  # what Python imports late takes a descriptor too
    crowd = [connect(server) for _ in range(100)]
    for client in crowd[:10]:
        assert client.get("/hello").status == 200
    for client in crowd:
        client.close()
    wait_until(lambda: is_served(server), "a good client to be served")
    assert server.terminate() == 0


def is_served(server):
    try:
        with RawClient(server.address) as good:
            return good.get("/hello").status == 200
    except (EOFError, ConnectionResetError):
        return False  # the server has not seen yet that the crowd is gone
