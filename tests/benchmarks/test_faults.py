"""What the clients of the fault runs say of a request, against servers that fail on purpose."""

import socket
import struct
import threading
from contextlib import contextmanager

import pytest

from benchmarks.faults.client import Client, Kind, Load, LoadError
from benchmarks.faults.contenders import FAULT_CONTENDERS
from benchmarks.faults.kills import Kills
from benchmarks.faults.report import describe, format_table
from benchmarks.faults.restarts import Restarts
from benchmarks.faults.slow import Slow
from benchmarks.faults.stop import Stop
from benchmarks.faults.stuck import Stuck

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CLOSING_ANSWER = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok"


@contextmanager
def serve(*answers, reset=False):
    """A server that gives one of *answers* to each request of its first connection, then closes."""
    listener = socket.create_server(("127.0.0.1", 0))

    def run():
        connection, _ = listener.accept()
        with connection:
            for answer in answers:
                connection.recv(65536)
                connection.sendall(answer)
            connection.recv(65536)
            if reset:
                linger = struct.pack("ii", 1, 0)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    with listener:
        yield listener.getsockname()[1]
    thread.join()


def failure_of(port, requests):
    with Client(port) as client:
        for _ in range(requests - 1):
            client.get()
        with pytest.raises(LoadError) as caught:
            client.get()
    return caught.value.kind


def test_client_reads_answers_and_sees_the_last_one_announced():
    with serve(ANSWER, CLOSING_ANSWER) as port, Client(port) as client:
        assert client.get() == b"ok"
        assert not client.is_closing
        assert client.get() == b"ok"
        assert client.is_closing
        assert client.answered == 2


def test_refused_connection_has_its_kind():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(LoadError) as caught:
        Client(port)
    assert caught.value.kind is Kind.REFUSED


@pytest.mark.parametrize("reset", [False, True])
def test_first_request_without_an_answer_is_lost(reset):
    with serve(reset=reset) as port:
        assert failure_of(port, 1) is Kind.LOST


@pytest.mark.parametrize("reset", [False, True])
def test_later_request_without_an_answer_is_raced(reset):
    with serve(ANSWER, reset=reset) as port:
        assert failure_of(port, 2) is Kind.RACED


@pytest.mark.parametrize("sent", [ANSWER[:10], ANSWER[:-1]])
def test_answer_that_is_not_whole_is_cut(sent):
    with serve(sent) as port, Client(port) as client:
        client.send("/")
        client.socket.shutdown(socket.SHUT_WR)
        with pytest.raises(LoadError) as caught:
            client.read_answer()
    assert caught.value.kind is Kind.CUT


def test_answer_of_another_status_is_told():
    with serve(ANSWER.replace(b"200 OK", b"503 No")) as port:
        assert failure_of(port, 1) is Kind.STATUS


def test_load_counts_answers_and_failures():
    with serve(ANSWER, ANSWER) as port, Load(port, keep_alive=True, clients=1) as load:
        while not load.failures:
            pass
    assert load.total == 2
    assert load.failures[0].kind is Kind.RACED
    assert load.failures[0].answered == 2


def test_commands_name_workers_and_pid_file():
    for contender in FAULT_CONTENDERS.values():
        command = contender.command(app="a:b", port=1, workers=4, pid_file="p", options=("-x",))
        assert command[-1] == "-x"
        assert command[command.index("--workers") + 1] == "4"
        assert ("p" in command) == ("--pid" in command)


def test_table_has_a_case_a_row():
    row = {"a": Stuck("spin", 2.0, 4.0, has_stacks=True), "b": "fails: no"}
    lines = format_table({"stuck-spin": row}, ["a", "b"]).splitlines()
    assert lines[0] == "| case | a | b |"
    assert lines[2].endswith("| 2.0 s, stacks | fails: no |")


def test_cells_show_what_failed():
    restarts = Restarts(keep_alive=True, steps={"HUP": 2}, requests=10, failures={"x": 1})
    assert describe(restarts) == "**1** of 10 (2 HUP)"
    kills = Kills(True, 3, recoveries_s=[0.5], lost_connections=4, failed_elsewhere=1)
    assert describe(kills).startswith("0 / 4, **1 elsewhere**; back after 0.5 s")
    assert describe(Stuck("sleep")) == "not found"
    stop = Stop(2, 1, 10, (5, 6), (0, 2**20), 2, close_codes={"1012": 1}, workers=1, shut_down=1)
    assert describe(stop).startswith("2 of 2 answered; closed: 1 x 1012; 1 of 1 shut down; did not")
    assert describe(stop).endswith("+1 files, +1.0 MiB")
    slow = Slow("read", 5, quiet_ms=[1.0], beside_ms=[2.0], most=5, closed_s=9.0)
    assert describe(slow) == "2.0 (1.0 to 2.0 ms); 9 s (5 at once)"
