"""The Expect field (RFC 9110 section 10.1.1).

When ``100 Continue`` is sent stands in ``test_interim_responses.py``.
"""

from __future__ import annotations

from .cases import Request, accepts, refuses

POST = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n"
HELLO = Request("POST", body=b"hello")

UNKNOWN = [
    b"x",
    b"100",
    b"100-continues",
    b"200-ok",
    b"100-continue, x",
    b"x, 100-continue",
    b"100-continue x",
    b"y 100-continue",
    b"100-continue=1",
    b'"100-continue"',
]

CASES = [
    accepts("100-continue", "RFC 9110 10.1.1", POST + b"expect: 100-continue\r\n\r\nhello", HELLO),
    accepts(
        "100-continue in capitals",
        "RFC 9110 10.1.1",
        POST + b"Expect: 100-CONTINUE\r\n\r\nhello",
        HELLO,
    ),
    accepts(
        "spaces around 100-continue",
        "RFC 9112 5",
        POST + b"expect:  100-continue \r\n\r\nhello",
        HELLO,
    ),
    accepts(
        "100-continue with chunks",
        "RFC 9110 10.1.1",
        b"POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ntransfer-encoding: chunked\r\n\r\n"
        b"5\r\nhello\r\n0\r\n\r\n",
        HELLO,
    ),
    accepts(
        "100-continue without a body",
        "RFC 9110 10.1.1",
        b"GET / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\n\r\n",
    ),
    *(
        refuses(
            f"the unknown expectation {value.decode()!r}",
            "RFC 9110 10.1.1",
            417,
            POST + b"expect: %s\r\n\r\nhello" % value,
        )
        for value in UNKNOWN
    ),
    refuses(
        "an unknown expectation in a second field",
        "RFC 9110 10.1.1",
        417,
        POST + b"expect: 100-continue\r\nexpect: x\r\n\r\nhello",
    ),
    refuses(
        "an unknown expectation without a body",
        "RFC 9110 10.1.1",
        417,
        b"GET / HTTP/1.1\r\nhost: a\r\nexpect: x\r\n\r\n",
    ),
    accepts(
        "100-continue in HTTP/1.0",
        "RFC 9110 10.1.1",
        b"POST / HTTP/1.0\r\ncontent-length: 5\r\nexpect: 100-continue\r\n\r\nhello",
        Request("POST", body=b"hello", http_version="1.0"),
        closes=True,
    ),
    accepts(
        "an unknown expectation in HTTP/1.0",
        "RFC 9110 10.1.1",
        b"POST / HTTP/1.0\r\ncontent-length: 5\r\nexpect: x\r\n\r\nhello",
        Request("POST", body=b"hello", http_version="1.0"),
        closes=True,
        note="the expectation of an HTTP/1.0 request must be ignored",
    ),
]
