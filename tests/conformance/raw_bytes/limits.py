"""Sizes: target, head, number of fields, body.

RFC 9110 sections 15.5.14 and 15.5.15, RFC 6585 section 5.
"""

from __future__ import annotations

from .cases import Request, accepts, refuses, waits

CHUNKED = b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n"


def head_of(size: int) -> bytes:
    """A whole request head of *size* bytes."""
    start = b"GET / HTTP/1.1\r\nhost: a\r\nx: "
    return start + b"y" * (size - len(start) - 4) + b"\r\n\r\n"


def target_of(size: int) -> bytes:
    return b"/" + b"a" * (size - 1)


CASES = [
    accepts(
        "a target of 8 KiB",
        "RFC 9112 3",
        b"GET " + target_of(8192) + b" HTTP/1.1\r\nhost: a\r\n\r\n",
        Request(path=target_of(8192).decode()),
    ),
    refuses(
        "a target over 8 KiB",
        "RFC 9110 15.5.15",
        414,
        b"GET " + target_of(8193) + b" HTTP/1.1\r\nhost: a\r\n\r\n",
    ),
    refuses("a target without end", "RFC 9110 15.5.15", 414, b"GET " + target_of(70_000)),
    refuses(
        "a query over 8 KiB",
        "RFC 9110 15.5.15",
        414,
        b"GET /?" + b"a" * 8192 + b" HTTP/1.1\r\nhost: a\r\n\r\n",
    ),
    refuses(
        "an absolute target over 8 KiB",
        "RFC 9110 15.5.15",
        414,
        b"GET http://a" + target_of(8192) + b" HTTP/1.1\r\nhost: a\r\n\r\n",
    ),
    waits("a long target and silence", "RFC 9112 3", b"GET " + target_of(8000)),
    accepts("a head of 64 KiB", "RFC 6585 5", head_of(65536), Request()),
    refuses("a head over 64 KiB", "RFC 6585 5", 431, head_of(65537)),
    accepts(
        "empty lines do not count as head", "RFC 9112 2.2", b"\r\n" * 20 + head_of(65536), Request()
    ),
    accepts(
        "each head of a connection counts alone",
        "RFC 6585 5",
        head_of(40_000) * 3,
        *[Request()] * 3,
    ),
    refuses(
        "a head over 64 KiB behind a request",
        "RFC 6585 5",
        431,
        head_of(100) + head_of(65537),
        Request(),
    ),
    refuses(
        "a value without end",
        "RFC 6585 5",
        431,
        b"GET / HTTP/1.1\r\nhost: a\r\nx: " + b"y" * 70_000,
    ),
    refuses(
        "a name without end", "RFC 6585 5", 431, b"GET / HTTP/1.1\r\nhost: a\r\n" + b"x" * 70_000
    ),
    accepts(
        "128 fields", "RFC 6585 5", b"GET / HTTP/1.1\r\nhost: a\r\n" + b"x: y\r\n" * 127 + b"\r\n"
    ),
    refuses(
        "129 fields",
        "RFC 6585 5",
        431,
        b"GET / HTTP/1.1\r\nhost: a\r\n" + b"x: y\r\n" * 128 + b"\r\n",
    ),
    refuses(
        "fields without end",
        "RFC 6585 5",
        431,
        b"GET / HTTP/1.1\r\nhost: a\r\n" + b"x: y\r\n" * 5000,
    ),
    accepts(
        "a target at a lower limit",
        "RFC 9112 3",
        b"GET /1234567?9 HTTP/1.1\r\nhost: a\r\n\r\n",
        Request(path="/1234567", query_string=b"9"),
        limit_request_target=10,
    ),
    refuses(
        "a target over a lower limit",
        "RFC 9110 15.5.15",
        414,
        b"GET /1234567?90 HTTP/1.1\r\nhost: a\r\n\r\n",
        limit_request_target=10,
    ),
    accepts("a head at a lower limit", "RFC 6585 5", head_of(100), limit_request_head=100),
    refuses("a head over a lower limit", "RFC 6585 5", 431, head_of(101), limit_request_head=100),
    accepts(
        "fields at a lower limit",
        "RFC 6585 5",
        b"GET / HTTP/1.1\r\nhost: a\r\nx: y\r\nz: q\r\n\r\n",
        limit_request_fields=3,
    ),
    refuses(
        "fields over a lower limit",
        "RFC 6585 5",
        431,
        b"GET / HTTP/1.1\r\nhost: a\r\nx: y\r\nz: q\r\nx: r\r\n\r\n",
        limit_request_fields=3,
    ),
    refuses(
        "trailers over a lower limit",
        "RFC 6585 5",
        431,
        CHUNKED + b"0\r\nx: 1\r\nx: 2\r\nx: 3\r\n\r\n",
        begins=True,
        limit_request_fields=2,
    ),
    accepts(
        "a body at the limit",
        "RFC 9110 15.5.14",
        b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello",
        Request("POST", body=b"hello"),
        limit_request_body=5,
    ),
    refuses(
        "a length over the limit",
        "RFC 9110 15.5.14",
        413,
        b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 6\r\n\r\nhello!",
        limit_request_body=5,
    ),
    accepts(
        "chunks at the limit",
        "RFC 9110 15.5.14",
        CHUNKED + b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
        Request("POST", body=b"hello"),
        limit_request_body=5,
    ),
    refuses(
        "chunks over the limit",
        "RFC 9110 15.5.14",
        413,
        CHUNKED + b"2\r\nhe\r\n4\r\nllo!\r\n0\r\n\r\n",
        begins=True,
        limit_request_body=5,
    ),
    refuses(
        "a body where none is allowed",
        "RFC 9110 15.5.14",
        413,
        b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\n\r\nh",
        limit_request_body=0,
    ),
    refuses(
        "a length over the limit that is expected to be continued",
        "RFC 9110 10.1.1",
        413,
        b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 6\r\nexpect: 100-continue\r\n\r\n",
        limit_request_body=5,
        note="the point of 100-continue: no 100, no body",
    ),
]
