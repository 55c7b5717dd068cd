"""Trailer sections (RFC 9110 section 6.5, RFC 9112 section 7.1.2): read by the rules of fields."""

from __future__ import annotations

from .cases import Request, accepts, waits
from .chunks import HEAD, broken, chunked

CASES = [
    chunked("a trailer", "RFC 9112 7.1.2", b"5\r\nhello\r\n0\r\nx: y\r\n\r\n"),
    chunked("two trailers", "RFC 9112 7.1.2", b"5\r\nhello\r\n0\r\nx: y\r\nX: z\r\n\r\n"),
    chunked("a trailer without a value", "RFC 9112 7.1.2", b"5\r\nhello\r\n0\r\nx:\r\n\r\n"),
    accepts(
        "a trailer that is not merged into the headers",
        "RFC 9110 6.5.1",
        HEAD + b"5\r\nhello\r\n0\r\nauthorization: secret\r\nhost: b\r\n\r\n",
        Request(
            "POST", body=b"hello", headers=((b"host", b"a"), (b"transfer-encoding", b"chunked"))
        ),
    ),
    chunked(
        "a Connection: close trailer",
        "RFC 9110 6.5.1",
        b"5\r\nhello\r\n0\r\nconnection: close\r\n\r\n",
        note="connection options may not be trailers; llhttp alone would end the connection",
    ),
    chunked(
        "an upgrade in the trailers",
        "RFC 9110 6.5.1",
        b"5\r\nhello\r\n0\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
    ),
    broken(
        "a Content-Length trailer",
        "RFC 9110 6.5.1",
        b"5\r\nhello\r\n0\r\ncontent-length: 5\r\n\r\nhello",
    ),
    broken(
        "a Transfer-Encoding trailer",
        "RFC 9110 6.5.1",
        b"5\r\nhello\r\n0\r\ntransfer-encoding: chunked\r\n\r\n",
    ),
    broken(
        "a trailer with a space before its colon",
        "RFC 9112 5.1",
        b"5\r\nhello\r\n0\r\nx : y\r\n\r\n",
    ),
    broken("a folded trailer", "RFC 9112 5.2", b"5\r\nhello\r\n0\r\nx: y\r\n z\r\n\r\n"),
    broken("a trailer behind a space", "RFC 9112 5.2", b"5\r\nhello\r\n0\r\n x: y\r\n\r\n"),
    broken("a trailer without a colon", "RFC 9112 5", b"5\r\nhello\r\n0\r\nx\r\n\r\n"),
    broken("a trailer without a name", "RFC 9112 5", b"5\r\nhello\r\n0\r\n: y\r\n\r\n"),
    broken("a trailer with a NUL", "RFC 9110 5.5", b"5\r\nhello\r\n0\r\nx: \0\r\n\r\n"),
    broken("a trailer ended by a bare LF", "RFC 9112 2.2", b"5\r\nhello\r\n0\r\nx: y\n\r\n"),
    broken("a trailer with a bare CR", "RFC 9112 2.2", b"5\r\nhello\r\n0\r\nx: y\rz\r\n\r\n"),
    broken("129 trailers", "RFC 6585 5", b"5\r\nhello\r\n0\r\n" + b"x: y\r\n" * 129 + b"\r\n", 431),
    broken(
        "trailers over 64 KiB",
        "RFC 6585 5",
        b"5\r\nhello\r\n0\r\nx: " + b"y" * 65536 + b"\r\n\r\n",
        431,
    ),
    waits(
        "a trailer but for the empty line",
        "RFC 9112 7.1.2",
        HEAD + b"5\r\nhello\r\n0\r\nx: y\r\n",
        begins=True,
    ),
]
