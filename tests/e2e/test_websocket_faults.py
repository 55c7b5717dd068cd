"""WebSocket peers that stop reading, vanish, break off or come in storms: nobody else notices."""

import random
import sys
import time

import pytest

from tests.ws_peer import (
    CLOSE,
    PING,
    TEXT,
    Frame,
    client_close,
    client_frame,
    handshake,
)

from .journal import read_journal, wait_for_journal
from .raw_client import RawClient
from .server_process import LOOPS
from .waiting import DEADLINE_S, settled, wait_until
from .websocket_clients import open_websocket

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

MIB = 1024 * 1024
SEED = 20260101


@pytest.fixture(scope="module", params=LOOPS)
def server(request, start_shared_server):
    options = ["--port", "0", "--loop", request.param]
    return start_shared_server("-m", "asgiserve", "websocket_site:app", *options)


@pytest.fixture(scope="module")
def open_files(server):
    """How many file descriptors the server has with nobody connected."""
    echo_once(server)
    read_journal(server, "nobody")
    return settled(server.open_files)


@pytest.fixture(autouse=True)
def good(server, open_files):
    """A client that must not notice anything; afterwards nothing may be left behind."""
    with open_websocket(server, "/echo") as socket:
        yield socket
        for number in range(50):
            socket.send(f"number {number}")
            assert socket.recv(DEADLINE_S) == f"number {number}"
    echo_once(server)
    wait_until(lambda: server.open_files() == open_files, "the file descriptors to be given back")


def echo_once(server):
    with open_websocket(server, "/echo") as socket:
        socket.send("still there?")
        assert socket.recv(DEADLINE_S) == "still there?"


def test_peer_that_stops_reading_in_mid_message_holds_up_its_own_sender_only(
    server, good, open_raw_websocket
):
    before = server.resident_bytes()
    target = f"/pour?case=deaf&size={4 * MIB}&count=100"
    deaf = open_raw_websocket(server, target, receive_buffer_bytes=4096)
    deaf.read_exactly(5000)
    taken = settled(lambda: read_journal(server, "deaf")[0])
    assert taken < 5, "send should wait once the socket is full"
    begin = time.monotonic()
    for number in range(100):
        good.send(f"number {number}")
        assert good.recv(DEADLINE_S) == f"number {number}"
    assert time.monotonic() - begin < 5
    assert server.resident_bytes() - before < 24 * MIB
    deaf.reset()
    wait_for_journal(server, "deaf", [taken, "OSError from send"])


def test_peer_that_reads_on_gets_every_byte(server, open_raw_websocket):
    target = f"/pour?case=slow&size={MIB}&count=20"
    slow = open_raw_websocket(server, target, receive_buffer_bytes=4096)
    settled(lambda: read_journal(server, "slow")[0])
    for _ in range(20):
        assert slow.read_frame().payload == b"x" * MIB
    assert slow.read_frame().opcode == CLOSE
    wait_for_journal(server, "slow", [20])


def test_application_that_does_not_read_stops_its_peer(server, open_raw_websocket, tmp_path):
    before = server.resident_bytes()
    permission = tmp_path / "go"
    raw = open_raw_websocket(server, f"/hold?path={permission}&case=held")
    data = client_frame(TEXT, b"x" * 65536) * 600
    sent = fill(raw, data)
    assert sent < 24 * MIB, "of 38 MiB"
    assert server.resident_bytes() - before < 16 * MIB
    permission.touch()
    raw.send(data[sent:] + client_frame(TEXT, b"how many?"))
    assert raw.read_frame() == Frame(TEXT, b"601")


def fill(raw, data):
    """Send until the socket takes no more for a while; how much it took."""
    raw.socket.settimeout(0.3)
    sent = 0
    try:
        while sent < len(data):
            sent += raw.socket.send(data[sent : sent + 65536])
    except TimeoutError:
        pass
    raw.socket.settimeout(DEADLINE_S)
    return sent


def test_thousand_connections_dropped_in_the_handshake_leave_nothing_behind(server, good):
    chance = random.Random(SEED)
    request = handshake("/accept_late?case=dropped")
    for _ in range(10):
        crowd = [RawClient(server.address) for _ in range(100)]
        for raw in crowd:
            size = len(request) if chance.random() < 0.3 else chance.randrange(len(request))
            raw.send(request[:size])
        good.send("hello")
        assert good.recv(DEADLINE_S) == "hello"
        for raw in crowd:
            chance.choice((raw.close, raw.reset))()

    def have_all_ended():
        journal = read_journal(server, "dropped")
        begun = journal.count("deciding")
        return begun >= 100 and journal.count("OSError from send") == begun

    wait_until(have_all_ended, "the applications to see that their clients have gone")


@pytest.mark.parametrize(
    "last_words",
    [b"", b"\x81", client_frame(TEXT, b"half of a message")[:12], client_frame(PING, b"ping")],
    ids=["nothing", "a-byte", "half-a-frame", "a-ping"],
)
def test_half_close_is_the_end(server, open_raw_websocket, last_words):
    case = f"half-{len(last_words)}"
    raw = open_raw_websocket(server, f"/echo?case={case}")
    raw.send(last_words)
    raw.half_close()
    raw.read_to_end()
    wait_for_journal(server, case, [[1006, ""]])


def test_storm_of_closes_leaves_nothing_behind(server, open_raw_websocket):
    crowd = [open_raw_websocket(server, "/echo?case=storm") for _ in range(300)]
    busy = client_frame(TEXT, b"x" * 100) * 20
    for number, raw in enumerate(crowd):
        if number % 3:
            raw.send(busy * (number % 2) + client_close(3000 + number))
        else:
            raw.send(busy)
            raw.reset()
    for number, raw in enumerate(crowd):
        if number % 3:
            assert raw.read_to_end().endswith((3000 + number).to_bytes(2, "big"))
    codes = sorted(3000 + number if number % 3 else 1006 for number in range(300))
    wait_until(lambda: len(read_journal(server, "storm")) == 300, "every end in the journal")
    assert sorted(code for code, _ in read_journal(server, "storm")) == codes


def test_closes_that_cross_are_the_end(server, open_raw_websocket):
    target = "/close?case=crossed&code=4000&reason=mine"
    crowd = [open_raw_websocket(server, target, data=client_close(3000)) for _ in range(100)]
    for raw in crowd:
        raw.read_to_end()
    wait_until(lambda: len(read_journal(server, "crossed")) == 100, "every end in the journal")


def test_application_that_sends_to_a_peer_that_has_gone_gets_an_oserror(server, open_raw_websocket):
    open_raw_websocket(server, "/send_late?case=gone").reset()
    wait_for_journal(server, "gone", [[1006, ""], "OSError from send"])
