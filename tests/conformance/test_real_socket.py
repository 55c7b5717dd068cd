"""The raw-bytes table against a real server process over TCP, one process for each column."""

from __future__ import annotations

import json
import random
import socket
from pathlib import Path

import pytest

from tests.apps import SeenRequest
from tests.e2e.server_process import ServerProcess
from tests.http_responses import read_responses

from .raw_bytes import CASES, FOLLOW_UP, Case
from .verdicts import assert_answered, assert_saw

SITE_DIR = Path(__file__).parent
DEADLINE_S = 10
# How long a connection is watched that has to stay open without an answer.
QUIET_S = 0.02

ROWS = [case for case in CASES if not case.options]


@pytest.fixture(scope="module")
def address(column, tmp_path_factory):
    arguments = ["recording_site:app", "--app-dir", str(SITE_DIR), "--port", "0"]
    options = ["--lifespan", "off", "--no-access-log"]
    server = ServerProcess(
        ["-m", "asgiserve", *arguments, *options],
        column=column,
        work_dir=tmp_path_factory.mktemp("server"),
    )
    server.start()
    try:
        server.wait_until_listening()
        yield server.address
        assert server.terminate() == 0
        assert not server.complaints(), server.log()
    finally:
        server.kill()


def connect(address) -> socket.socket:
    client = socket.create_connection(address, timeout=DEADLINE_S)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return client


def read_to_end(client: socket.socket) -> bytes:
    data = b""
    try:
        while piece := client.recv(65536):
            data += piece
    except ConnectionResetError:
        # What follows a request that asked to close may find the socket closed (RFC 9112
        # section 9.6).
        pass
    return data


def read_what_comes(client: socket.socket, answers: int) -> tuple[bytes, bool]:
    """Read *answers* responses and wait a moment; give the bytes, and whether the end came."""
    data = b""
    while True:
        complete = data.endswith(b"\r\n\r\n") or answers == 0
        client.settimeout(
            QUIET_S if complete and len(read_responses(data)) >= answers else DEADLINE_S
        )
        try:
            piece = client.recv(65536)
        except TimeoutError:
            return data, True
        if not piece:
            return data, False
        data += piece


def seen_from(address, port: int) -> list[SeenRequest]:
    with connect(address) as client:
        client.sendall(b"GET /seen?%d HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n" % port)
        (response,) = read_responses(read_to_end(client))
    return [seen_request(record) for record in json.loads(response.body)]


def seen_request(record: dict) -> SeenRequest:
    for key in ("raw_path", "query_string", "body"):
        record[key] = record[key].encode("latin-1")
    record["headers"] = [
        tuple(part.encode("latin-1") for part in pair) for pair in record["headers"]
    ]
    return SeenRequest(record, record["body"], record["is_complete"])


def send(client: socket.socket, data: bytes, pieces: int) -> None:
    cuts = sorted(random.Random(len(data)).randrange(len(data) + 1) for _ in range(pieces - 1))
    for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
        client.sendall(data[start:end])


@pytest.mark.parametrize("pieces", [1, 3], ids=["whole", "split"])
@pytest.mark.parametrize("case", ROWS, ids=lambda case: case.name)
def test_server_answers(address, case: Case, pieces: int):
    with connect(address) as client:
        port = client.getsockname()[1]
        send(client, case.wire if case.is_waiting else case.wire + FOLLOW_UP, pieces)
        if case.is_waiting:
            sent, is_open = read_what_comes(client, len(case.seen))
        else:
            sent, is_open = read_to_end(client), False
    assert_answered(case, sent, is_open=is_open)
    assert_saw(case, seen_from(address, port))
