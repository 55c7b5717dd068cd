"""Accepting at its limits: no file descriptors left, too many connections, a server that stops."""

import os
import re
import signal
import socket
import sys
import time

import pytest

from .raw_client import RawClient
from .server_process import LOOPS
from .waiting import settled, wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

MAX_OPEN_FILES = 48


@pytest.fixture(params=LOOPS)
def start(request, start_server):
    def start_site(*options, site="asgi_site", **details):
        arguments = (f"{site}:app", "--port=0", f"--loop={request.param}", *options)
        return start_server("-m", "asgiserve", *arguments, **details)

    return start_site


def has_answer(raw):
    """Whether a connection has something to read."""
    raw.socket.settimeout(0)
    try:
        return bool(raw.socket.recv(1, socket.MSG_PEEK))
    except BlockingIOError:
        return False
    finally:
        raw.socket.settimeout(20)


def ask_for_hello(raw):
    raw.send(b"GET /hello HTTP/1.1\r\nhost: e2e\r\n\r\n")


def cpu_ticks(server):
    """User and system time that a process has had."""
    with open(f"/proc/{server.pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def test_lack_of_file_descriptors_pauses_accepting_until_some_are_free(start, connect):
    server = start(max_open_files=MAX_OPEN_FILES)
    clients = [connect(server) for _ in range(2 * MAX_OPEN_FILES)]
    for raw in clients:
        ask_for_hello(raw)
    server.wait_for_log("Cannot accept connections at .*Too many open files")
    served = settled(lambda: sum(map(has_answer, clients)))
    assert 0 < served < MAX_OPEN_FILES
    assert server.open_files() == MAX_OPEN_FILES
    # Those that are served still are, and nobody is turned away.
    first = clients[0]
    assert first.read_answer().body == b"Hello, world!"
    assert first.get("/hello").status == 200
    # One gone, one more served, and so on until all were.
    first.close()
    for raw in clients[1:]:
        assert raw.read_answer().status == 200
        raw.close()
    assert connect(server).get("/hello").status == 200
    assert server.log().count("Cannot accept connections") <= 2


def test_server_without_file_descriptors_does_not_turn_in_vain(start, connect):
    server = start(max_open_files=MAX_OPEN_FILES)
    for _ in range(2 * MAX_OPEN_FILES):
        connect(server)
    server.wait_for_log("Cannot accept connections")
    before = cpu_ticks(server)
    end_s = time.monotonic() + 1
    wait_until(lambda: time.monotonic() > end_s, "a second to pass")
    # All of it, if it did.
    assert cpu_ticks(server) - before < os.sysconf("SC_CLK_TCK") / 4


def test_connections_above_the_limit_wait_for_others_to_end(start, connect):
    server = start("--limit-connections=2")
    first, second, third = (connect(server) for _ in range(3))
    assert first.get("/hello").status == 200
    assert second.get("/hello").status == 200
    ask_for_hello(third)
    server.wait_for_log("At the limit of 2 connections: more have to wait")
    assert first.get("/hello").status == 200
    assert not has_answer(third)
    second.close()
    assert third.read_answer().body == b"Hello, world!"
    assert first.get("/hello").status == 200


def test_websocket_counts_as_a_connection(start, connect, open_raw_websocket):
    server = start("--limit-connections=1", site="websocket_site")
    websocket = open_raw_websocket(server, "/echo")
    waiting = connect(server)
    waiting.send(b"GET / HTTP/1.1\r\nhost: e2e\r\n\r\n")
    server.wait_for_log("At the limit of 1 connections")
    assert not has_answer(waiting)
    websocket.close()
    assert waiting.read_answer().status >= 200


def test_stopping_server_serves_what_the_kernel_has_connected(start, connect):
    server = start()
    # It stands still while they come.
    server.send_signal(signal.SIGSTOP)
    clients = [connect(server) for _ in range(20)]
    for raw in clients:
        ask_for_hello(raw)
    server.send_signal(signal.SIGTERM)
    server.send_signal(signal.SIGCONT)
    for raw in clients:
        assert raw.read_answer().status == 200
        # Also one that was answered before the server came to see the signal.
        assert raw.read_to_end() == b""
    assert server.exit_status() == 0


def test_stopping_server_without_file_descriptors_ends(start, connect):
    server = start(max_open_files=MAX_OPEN_FILES)
    clients = [connect(server) for _ in range(2 * MAX_OPEN_FILES)]
    for raw in clients:
        ask_for_hello(raw)
    server.wait_for_log("Cannot accept connections")
    assert clients[0].read_answer().status == 200
    assert server.terminate() == 0


def test_burst_of_connections_is_served(start):
    server = start()
    clients = [RawClient(server.address) for _ in range(300)]
    try:
        for raw in clients:
            ask_for_hello(raw)
        assert all(raw.read_answer().status == 200 for raw in clients)
    finally:
        for raw in clients:
            raw.close()
    assert not re.search("WARNING|ERROR", server.log())
