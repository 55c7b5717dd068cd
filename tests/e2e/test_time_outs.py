"""Every way in which a client can keep a connection for nothing has its time-out."""

import time

import pytest

from .journal import read_journal, wait_for_journal
from .raw_client import RawClient
from .waiting import wait_until

# A time-out may be late by two ticks of the timer (0.25 s); the rest is for a busy machine.
LATEST_S = 5.0


@pytest.fixture(scope="module")
def server(start_shared_server):
    options = ["--timeout-request-header=0.5", "--timeout-keep-alive=0.3"]
    options += ["--timeout-request-body=0.5", "--timeout-write=0.5"]
    return start_shared_server("-m", "asgiserve", "asgi_site:app", "--port", "0", *options)


def test_connection_that_sends_nothing_is_closed_without_a_word(raw):
    begin = time.monotonic()
    assert raw.read_to_end() == b""
    assert 0.4 < time.monotonic() - begin < LATEST_S


def test_half_a_head_is_a_408(raw):
    raw.send(b"GET / HTTP/1.1\r\nhost: e")
    assert raw.read_to_end().startswith(b"HTTP/1.1 408 ")


def test_head_that_drips_is_a_408_however_steadily_it_drips(raw):  # Slowloris
    begin = time.monotonic()
    raw.send(b"GET / HTTP/1.1\r\nhost: e2e\r\nx: ")
    raw.socket.settimeout(0.05)
    answer = b""
    while not answer:
        assert time.monotonic() - begin < LATEST_S
        raw.send(b"a")
        try:
            answer = raw.socket.recv(65536)
        except TimeoutError:
            continue
    assert answer.startswith(b"HTTP/1.1 408 ")


def test_second_head_that_drips_is_a_408(raw):
    raw.get("/hello")
    raw.send(b"GET / HTTP/1.1\r\nhost: e")
    assert raw.read_to_end().startswith(b"HTTP/1.1 408 ")


def test_idle_keep_alive_connection_is_closed_without_a_word(raw):
    raw.get("/hello")
    begin = time.monotonic()
    assert raw.read_to_end() == b""
    assert 0.2 < time.monotonic() - begin < LATEST_S


def test_connection_that_is_used_stays_open(raw):
    end = time.monotonic() + 1.0
    while time.monotonic() < end:
        assert raw.get("/hello").status == 200


def test_stalled_body_is_a_408_and_a_disconnect(server, raw):
    raw.send(b"POST /upload_slowly?case=stall HTTP/1.1\r\nhost: e2e\r\ncontent-length: 9\r\n\r\n1")
    assert raw.read_to_end().startswith(b"HTTP/1.1 408 ")
    wait_for_journal(server, "stall", ["http.request", "http.disconnect"])


def test_body_that_flows_slowly_arrives(raw):
    raw.send(b"POST /echo_stream HTTP/1.1\r\nhost: e2e\r\ncontent-length: 12\r\n\r\n")
    raw.socket.settimeout(0.1)
    for _ in range(11):
        raw.send(b"x")
        drain(raw)
    raw.socket.settimeout(LATEST_S)
    raw.send(b"x")
    assert raw.read_answer().body == b"x" * 12


def drain(raw):
    """Read what comes until nothing has come for the socket's time-out."""
    try:
        while True:
            raw.read_some()
    except TimeoutError:
        pass


def test_application_may_take_longer_than_every_time_out(server, raw, tmp_path):
    permission = tmp_path / "go"
    raw.send(
        f"GET /wait_for_file?case=long&path={permission} HTTP/1.1\r\nhost: e2e\r\n\r\n".encode()
    )
    begin = time.monotonic()
    wait_until(lambda: time.monotonic() > begin + 1.2, "the time-outs to pass")
    permission.touch()
    assert raw.read_answer().body == b"finished in peace"


def test_client_that_stops_reading_is_dropped(server):
    with RawClient(server.address, receive_buffer_bytes=4096) as deaf:
        deaf.send(b"GET /pour?case=deaf&chunks=4000 HTTP/1.1\r\nhost: e2e\r\n\r\n")
        wait_until(
            lambda: read_journal(server, "deaf")[1:] == ["OSError from send"], "send to raise"
        )
        # Nor does the kernel keep anything for it.
        assert deaf.ends_with_reset()


def test_client_that_reads_slowly_is_served(server):
    with RawClient(server.address, receive_buffer_bytes=262144) as slow:
        slow.send(b"GET /pour?case=slow&chunks=400 HTTP/1.1\r\nhost: e2e\r\n\r\n")
        for _ in range(24):
            slow.read_some(262144)
            time.sleep(0.05)  # the pace of this client, so that it takes longer than the time-out
        assert len(slow.read_answer().body) == 400 * 65536
