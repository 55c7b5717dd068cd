"""The program that sends at a fixed rate times each answer from when its request was due."""

from __future__ import annotations

import shutil
import socket
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from benchmarks.contenders import CONTENDERS
from benchmarks.load.counts import Latency, Load
from benchmarks.load.rate_load import open_connections, read_counts, run_program
from benchmarks.load.rounds import Plan, measure_scenario
from benchmarks.load.scenarios import HTTP_SCENARIOS, Scenario

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("cc") is None, reason="needs Linux and a C compiler"
)

RATE = HTTP_SCENARIOS["http1-get-13b-c64-rate"]
REQUEST = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\nHello, world!"
PEER_TIMEOUT_S = 20


def send_all(peer: socket.socket, answers: list[bytes]) -> None:
    """Answer each request with the next answer, then close."""
    with peer:
        for answer in answers:
            assert peer.recv(1000) == REQUEST
            peer.sendall(answer)


def answer_to_the_end(peer: socket.socket) -> None:
    """Answer rightly until the program has ended."""
    with peer:
        while request := peer.recv(1000):
            assert request == REQUEST
            peer.sendall(ANSWER)


def run_beside(
    answer_all: Callable[[socket.socket], None], scenario: Scenario, duration_s: float
) -> Load:
    """Run the program over one connection whose peer does *answer_all*."""
    own, peer = socket.socketpair()
    own.setblocking(False)
    peer.settimeout(PEER_TIMEOUT_S)
    with ThreadPoolExecutor() as executor:
        answered = executor.submit(answer_all, peer)
        with own:
            load = run_program([own], scenario, duration_s=duration_s)
        answered.result()
    return load


def test_requests_are_sent_at_the_rate():
    scenario = replace(RATE, rate_per_s=200)
    load = run_beside(answer_to_the_end, scenario, 0.2)
    assert (load.exchanges, load.duration_s, load.failure) == (40, 0.2, None)
    assert load.latency is not None
    assert (load.latency.due_per_s, load.latency.share_answered) == (200.0, 1.0)


def test_stall_is_charged_to_all_requests_that_were_due_in_it():
    stall_s = 0.3

    def stall_once(peer: socket.socket) -> None:
        assert peer.recv(1000) == REQUEST
        time.sleep(stall_s)
        peer.sendall(ANSWER)
        answer_to_the_end(peer)

    # 30 of the 50 are due within the stall, one each 10 ms: of the shorter waits the fifth of
    # theirs is in the middle of all.
    load = run_beside(stall_once, replace(RATE, rate_per_s=100), 0.5)
    assert load.exchanges == 50
    assert load.latency is not None
    assert load.latency.p50_us > 20_000
    assert load.latency.p99_us > 250_000
    assert load.latency.max_us >= stall_s * 1e6


def test_requests_that_were_not_sent_count_with_their_wait():
    def answer_late(peer: socket.socket) -> None:
        assert peer.recv(1000) == REQUEST
        time.sleep(0.4)
        peer.sendall(ANSWER)
        answer_to_the_end(peer)

    load = run_beside(answer_late, replace(RATE, rate_per_s=100), 0.2)
    assert (load.exchanges, load.failure) == (1, None)
    assert load.latency is not None
    assert load.latency.share_answered == 1 / 20
    # Due at 0.01 s, 0.02 s ... 0.19 s, and at 0.2 s still there.
    assert load.latency.p50_us == pytest.approx(100_000)
    assert load.latency.max_us >= 400_000


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ([ANSWER, ANSWER + b"!"], "1 bytes after an answer, 1 requests answered"),
        ([ANSWER.replace(b"200", b"503")], "an answer of status 503, 0 requests answered"),
        ([ANSWER.replace(b"w", b"W")], "an answer with a wrong body, 0 requests answered"),
        ([ANSWER.replace(b"13", b"12")], "an answer of 12 bytes, not 13, 0 requests answered"),
        ([ANSWER.replace(b"t-L", b"t_L")], "an answer of -1 bytes, not 13, 0 requests answered"),
        ([b"x" * 5000], "a head of more than 4096 bytes, 0 requests answered"),
        ([ANSWER, b""], "the server closed a connection (end of stream), 1 requests answered"),
    ],
)
def test_wrong_answer_fails_the_run(answers, reason):
    load = run_beside(lambda peer: send_all(peer, answers), replace(RATE, rate_per_s=1000), 60)
    assert load.failure == reason


def test_answer_in_pieces_is_timed_at_its_end():
    def answer_slowly(peer: socket.socket) -> None:
        assert peer.recv(1000) == REQUEST
        for place in range(len(ANSWER)):
            time.sleep(0.002)
            peer.send(ANSWER[place : place + 1])
        answer_to_the_end(peer)

    load = run_beside(answer_slowly, replace(RATE, rate_per_s=10), 0.1)
    assert (load.exchanges, load.failure) == (1, None)
    assert load.latency is not None
    assert load.latency.p50_us == load.latency.max_us >= 2000 * len(ANSWER)


def test_missing_rate_is_refused():
    with pytest.raises(RuntimeError, match="no RATE"):
        run_beside(lambda peer: peer.close(), replace(RATE, rate_per_s=0), 1)


def test_scenario_has_as_many_connections_as_it_says():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with open_connections(replace(RATE, connections=3), port) as sockets:
            accepted = [listener.accept()[0] for _ in sockets]
            assert len(accepted) == 3
        for peer in accepted:
            with peer:
                assert peer.recv(1) == b""


def test_counts_are_read():
    output = (
        b'{"due": 200, "answered": 150, "duration_us": 2000000, "p50_us": 1.5, "p99_us": 2.5, '
        b'"p99_9_us": 3.5, "max_us": 4.5, "failure": null}'
    )
    assert read_counts(output) == Load(150, 2.0, None, Latency(100.0, 0.75, 1.5, 2.5, 3.5, 4.5))


def test_scenario_with_a_rate_is_measured_with_its_latencies():
    # The column that every Python has, wherever the kernel puts it.
    contender = CONTENDERS["asgiserve-pure-asyncio"]
    plan = Plan(rounds=2, round_s=1, warm_up_s=1, server_core=None, load_core=None)
    measured = measure_scenario(replace(RATE, rate_per_s=200), [contender], plan)[contender.name]
    assert measured.failure is None
    assert [each.due_per_s for each in measured.latencies] == [200.0, 200.0]
    for each in measured.latencies:
        assert 0 < each.p50_us <= each.p99_us <= each.p99_9_us <= each.max_us
