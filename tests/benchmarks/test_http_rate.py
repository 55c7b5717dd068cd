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

from benchmarks.load.counts import Load
from benchmarks.load.rate_load import run_program
from benchmarks.load.scenarios import HTTP_SCENARIOS, Scenario

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("cc") is None, reason="needs Linux and a C compiler"
)

RATE = HTTP_SCENARIOS["http1-get-13b-c64-rate"]
REQUEST = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\nHello, world!"
PEER_TIMEOUT_S = 20


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


def test_stall_of_300_ms_is_charged_to_all_requests_that_were_due_in_it():
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


def test_requests_that_a_stall_of_400_ms_kept_unsent_count_with_their_wait():
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
