"""WSGI over real sockets, on asyncio's event loop: what PEP 3333 promises an application."""

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from .raw_client import RawClient


@pytest.fixture(scope="module", params=["app", "valid_app"])
def server(request, start_shared_server):
    # The only loop of Windows, and the one that asks in whose thread it is called.
    options = ["--port", "0", "--loop", "asyncio", "--interface", "wsgi"]
    return start_shared_server("-m", "asgiserve", f"wsgi_site:{request.param}", *options)


def head_of(path: str, *lines: str) -> bytes:
    return "\r\n".join([f"POST {path} HTTP/1.1", "host: e2e", *lines, "", ""]).encode()


def digest_of(body: bytes) -> bytes:
    return f"{len(body)} {hashlib.sha256(body).hexdigest()}".encode()


def test_uploads_of_many_clients_arrive_whole(server):
    def upload(number: int) -> tuple[list[int], list[bytes], bytes]:
        body = os.urandom(1000) * 400
        with RawClient(server.address) as client:
            answers = []
            for _ in range(5):
                client.send(head_of("/digest", f"content-length: {len(body)}") + body)
                answers.append(client.read_answer())
        return [each.status for each in answers], [each.body for each in answers], digest_of(body)

    with ThreadPoolExecutor(12) as clients:
        for statuses, bodies, digest in clients.map(upload, range(12)):
            assert statuses == [200] * 5
            assert bodies == [digest] * 5


def test_body_in_chunks_arrives_whole(raw):
    raw.send(head_of("/digest", "transfer-encoding: chunked"))
    for _ in range(5):
        raw.send(b"3e8\r\n%b\r\n" % (b"x" * 1000))
    raw.send(b"0\r\n\r\n")
    assert raw.read_answer().body == digest_of(b"x" * 5000)


def test_pieces_go_out_while_the_body_comes_in(raw):
    raw.send(head_of("/stream", "content-length: 6"))
    raw.read_until(b"\r\n\r\n")
    for piece in (b"1\n", b"2\n", b"3\n"):
        assert raw.read_until(b"next\n\r\n").endswith(b"5\r\nnext\n\r\n")
        raw.send(piece)
        assert raw.read_until(piece + b"\r\n") == b"2\r\n%b\r\n" % piece
    assert raw.read_until(b"0\r\n\r\n")


def test_error_page_has_its_own_status(raw):
    answer = raw.get("/late_error")
    assert (answer.status, answer.body) == (503, b"error page")


def test_write_and_its_length_reach_the_client(raw):
    for _ in range(2):
        answer = raw.get("/written")
        assert (answer.body, answer.header("content-length")) == (b"onetwo", "6")
        assert answer.header("transfer-encoding") is None


def test_head_has_no_body(raw):
    raw.send(b"HEAD /written HTTP/1.1\r\nhost: e2e\r\n\r\n")
    assert raw.read_answer("HEAD").header("content-length") == "6"
    assert raw.get("/written").body == b"onetwo"


def test_names_with_an_underscore_stay_outside(server, raw):
    names = raw.get("/environ_names", "x-real: 1", "x_forged: 1", "Content_Length: 9").body.split()
    assert b"HTTP_X_REAL" in names
    assert not {b"HTTP_X_FORGED", b"HTTP_CONTENT_LENGTH", b"CONTENT_LENGTH"} & set(names)
    server.wait_for_log("app: on stderr")


def test_clients_that_leave_free_their_threads(server, raw):
    # More than there are threads.
    for _ in range(12):
        with RawClient(server.address) as client:
            client.send(b"GET /endless HTTP/1.1\r\nhost: e2e\r\n\r\n")
            client.read_until(b"\r\n\r\n")
    assert raw.get("/written").status == 200
    server.wait_for_log("(?s)(app: closed.*){12}")
