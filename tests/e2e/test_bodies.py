"""Bodies over real sockets: streamed, large, waited for, forbidden, and with trailers."""

import os
import socket

import pytest

from .raw_client import RawClient


@pytest.fixture(scope="module")
def server(start_shared_server):
    return start_shared_server("-m", "asgiserve", "asgi_site:app", "--port", "0")


@pytest.fixture
def raw(server):
    with RawClient(server.address) as raw_client:
        yield raw_client


def test_request_is_streamed_into_the_answer(raw):
    raw.send(b"POST /echo_stream HTTP/1.1\r\nhost: e2e\r\ntransfer-encoding: chunked\r\n\r\n")
    for number, piece in enumerate((b"one", b"two")):
        raw.send(b"%x\r\n%b\r\n" % (len(piece), piece))
        if number == 0:
            raw.read_until(b"\r\n\r\n")
        assert raw.read_until(b"\r\n") == b"3\r\n"
        assert raw.read_until(b"\r\n") == piece + b"\r\n"
    raw.send(b"0\r\n\r\n")
    assert raw.read_until(b"\r\n\r\n") == b"0\r\n\r\n"


def test_body_of_many_megabytes_arrives_whole(server, raw):
    size = 8 * 1024 * 1024
    body = os.urandom(65536) * (size // 65536)
    raw.send(b"POST /echo HTTP/1.1\r\nhost: e2e\r\ncontent-length: %d\r\n\r\n" % size)
    raw.send(body)
    assert raw.read_answer().body == body


def test_continue_is_sent_when_the_application_reads(raw):  # RFC 9110 section 10.1.1
    raw.send(
        b"POST /echo HTTP/1.1\r\nhost: e2e\r\ncontent-length: 4\r\nexpect: 100-continue\r\n\r\n"
    )
    assert raw.read_until(b"\r\n\r\n").startswith(b"HTTP/1.1 100 ")
    raw.send(b"body")
    answer = raw.read_answer()
    assert (answer.interim, answer.body) == ([], b"body")


def test_continue_is_not_sent_when_the_application_refuses_the_body(raw):
    raw.send(b"POST /refuse_unread HTTP/1.1\r\nhost: e2e\r\ncontent-length: 4\r\n")
    raw.send(b"expect: 100-continue\r\n\r\n")
    answer = raw.read_answer()
    assert (answer.interim, answer.status) == ([], 403)


@pytest.mark.parametrize("code", [204, 304])
def test_statuses_without_a_body_write_none(raw, code):
    raw.send(
        b"GET /status?code=%d HTTP/1.1\r\nhost: e2e\r\n\r\nGET /hello HTTP/1.1\r\nhost: e2e\r\n\r\n"
        % code
    )
    assert raw.read_answer().status == code
    assert raw.read_answer().body == b"Hello, world!"


def test_head_writes_no_body(raw):
    raw.send(b"HEAD /hello HTTP/1.1\r\nhost: e2e\r\n\r\nGET /hello HTTP/1.1\r\nhost: e2e\r\n\r\n")
    head = raw.read_answer("HEAD")
    assert (head.status, head.header("content-length"), head.body) == (200, "13", b"")
    assert raw.read_answer().body == b"Hello, world!"


def test_stream_to_an_http_1_0_client_is_ended_by_the_close(raw):  # RFC 9112 section 6.3
    raw.send(b"GET /gather_sends HTTP/1.0\r\n\r\n")
    answer = raw.read_answer()
    assert answer.header("transfer-encoding") is None
    assert answer.body.endswith(b"19;end")


def test_many_small_writes_on_a_keep_alive_connection_do_not_wait_for_acknowledgements(server, raw):
    assert raw.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 0) is None
    for _ in range(200):  # 40 ms of delayed acknowledgement each would be 8 s
        assert raw.get("/gather_sends").body.endswith(b"end")


def test_trailers_go_to_a_client_that_takes_them(raw):  # RFC 9110 section 6.5
    answer = raw.get("/trailers", "te: trailers", "connection: te")
    assert answer.header("trailer") == "x-sum"
    assert answer.trailers == [("x-sum", "42")]


def test_trailers_are_kept_from_a_client_that_does_not_take_them(raw):
    assert raw.get("/trailers").trailers == []
    assert raw.get("/hello").status == 200


def test_early_hint_goes_before_the_answer(raw):  # RFC 8297
    answer = raw.get("/early_hint")
    assert (answer.interim, answer.body) == ([103], b"Hello, world!")
