"""Answers are compared with the right ones: those of the floor, of nginx, and wrong ones."""

from __future__ import annotations

import shutil
import socket
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

import pytest

from benchmarks.apps.nginx_server import find_nginx
from benchmarks.certificate import make_certificate
from benchmarks.contenders import CONTENDERS
from benchmarks.load.answers import check_answer
from benchmarks.load.matrix import can_run
from benchmarks.load.scenarios import HTTP_SCENARIOS, Scenario
from benchmarks.server_process import ServerError, ServerProcess, find_free_port

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("cc") is None, reason="needs Linux and a C compiler"
)

PIPELINED = HTTP_SCENARIOS["http1-pipelined-16-c64"]
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 13\r\n\r\nHello, world!"


def serve(name: str, scenario: Scenario, port: int) -> ServerProcess:
    """Start a server for a scenario."""
    files = make_certificate() if scenario.is_tls else None
    command = CONTENDERS[name].command(
        app=scenario.app, port=port, workers=scenario.workers, key_files=files
    )
    return ServerProcess(command, port)


@contextmanager
def answer_once(answers: bytes) -> Iterator[int]:
    """Take one connection and send it *answers*, whatever it asks; yield the port."""

    def take_one() -> None:
        client, _ = listener.accept()
        with client:
            client.recv(65536)
            client.sendall(answers)

    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        ThreadPoolExecutor() as executor,
    ):
        taken = executor.submit(take_one)
        yield listener.getsockname()[1]
        taken.result()


@pytest.mark.skipif(find_nginx() is None, reason="needs nginx")
@pytest.mark.parametrize(
    "name", [name for name in HTTP_SCENARIOS if can_run(CONTENDERS["nginx"], HTTP_SCENARIOS[name])]
)
def test_nginx_answers_what_the_application_would(name):
    port = find_free_port()
    with serve("nginx", HTTP_SCENARIOS[name], port):
        assert check_answer(HTTP_SCENARIOS[name], port) is None


@pytest.mark.parametrize(
    "name", [name for name in HTTP_SCENARIOS if can_run(CONTENDERS["floor"], HTTP_SCENARIOS[name])]
)
def test_floor_answers_what_the_application_would(name):
    port = find_free_port()
    with serve("floor", HTTP_SCENARIOS[name], port):
        assert check_answer(HTTP_SCENARIOS[name], port) is None


def test_floor_answers_requests_in_pieces_once():
    port = find_free_port()
    requests = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 2
    with serve("floor", PIPELINED, port), socket.create_connection(("127.0.0.1", port)) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for place in range(len(requests)):
            client.send(requests[place : place + 1])
        client.shutdown(socket.SHUT_WR)
        with client.makefile("rb") as file:
            assert file.read().count(b"Hello, world!") == 2


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        (ANSWER * 15, "wrong answer: 0, 0 bytes b''"),
        (ANSWER * 15 + ANSWER.replace(b"200", b"500"), "wrong answer: 500, 13 bytes"),
        (
            ANSWER * 15 + ANSWER.replace(b"!", b"?"),
            r"200, 13 bytes b'Hello, world\?'",
        ),
    ],
)
def test_wrong_answer_among_pipelined_ones_is_found(answers, reason):
    with answer_once(answers) as port, pytest.raises(ServerError, match=reason):
        check_answer(PIPELINED, port)


def test_wrong_answer_is_found():
    wrong = replace(HTTP_SCENARIOS["http1-get-13b-c64"], answer=b"Hello, World!")
    with answer_once(ANSWER) as port, pytest.raises(ServerError, match="wrong answer: 200"):
        check_answer(wrong, port)
