"""Bodies over real sockets: streamed, large, waited for, forbidden, and with trailers."""

import os
import socket

SITE = "asgi_site:app"


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


def test_many_small_writes_on_a_keep_alive_connection_do_not_wait_for_acknowledgements(server, raw):
    assert raw.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 0) is None
    for _ in range(200):  # 40 ms of delayed acknowledgement each would be 8 s
        assert raw.get("/gather_sends").body.endswith(b"end")
