"""Lengths, chunks and trailers (RFC 9112 sections 6 and 7)."""

from __future__ import annotations

from tests.apps import body, start, trailers

from .rows import CHUNKED, CLOSE, GET, HELLO_CHUNKS, STREAM, WANTS_TRAILERS, length, row

LENGTHS = [
    row("a length", "RFC 9112 6.2", GET, [start(length(5)), body(b"hello")], [length(5)], b"hello"),
    row(
        "a length and pieces",
        "RFC 9112 6.2",
        GET,
        [start(length(5)), body(b"he", more=True), body(b"", more=True), body(b"llo")],
        [length(5)],
        b"hello",
    ),
    row(
        "a length, pieces and an empty end",
        "RFC 9112 6.2",
        GET,
        [start(length(5)), body(b"hello", more=True), body()],
        [length(5)],
        b"hello",
    ),
    row(
        "one piece without a length",
        "RFC 9112 6.3",
        GET,
        [start(), body(b"hi")],
        [length(2)],
        b"hi",
    ),
    row("no bytes", "RFC 9112 6.3", GET, [start(), body()], [length(0)]),
    row("a length of zero", "RFC 9112 6.2", GET, [start(length(0)), body()], [length(0)]),
    row(
        "messages without their optional keys",
        "ASGI HTTP 2.5",
        GET,
        [{"type": "http.response.start", "status": 200}, {"type": "http.response.body"}],
        [length(0)],
    ),
    row(
        "keys that nobody knows",
        "ASGI 3.0",
        GET,
        [{**start(), "x": 1}, {**body(b"hi"), "y": 2}],
        [length(2)],
        b"hi",
    ),
    row(
        "a body of 100,000 bytes",
        "RFC 9112 6.2",
        GET,
        [start(), body(b"x" * 100_000)],
        [length(100_000)],
        b"x" * 100_000,
    ),
    row(
        "the length's name in capitals",
        "RFC 9110 5.1",
        GET,
        [start((b"Content-Length", b"2")), body(b"hi")],
        [length(2)],
        b"hi",
    ),
    row(
        "the same length twice",
        "RFC 9110 8.6",
        GET,
        [start(length(2), length(2)), body(b"hi")],
        [length(2)],
        b"hi",
    ),
]

CHUNKS = [
    row("pieces without a length", "RFC 9112 7.1", GET, STREAM, [CHUNKED], HELLO_CHUNKS),
    row(
        "an empty piece first",
        "RFC 9112 7.1",
        GET,
        [start(), body(b"", more=True), body(b"hello")],
        [CHUNKED],
        b"5\r\nhello\r\n0\r\n\r\n",
    ),
    row(
        "an empty piece between others",
        "RFC 9112 7.1",
        GET,
        [start(), body(b"he", more=True), body(b"", more=True), body(b"llo")],
        [CHUNKED],
        HELLO_CHUNKS,
    ),
    row(
        "an empty piece last",
        "RFC 9112 7.1",
        GET,
        [start(), body(b"hello", more=True), body()],
        [CHUNKED],
        b"5\r\nhello\r\n0\r\n\r\n",
    ),
    row(
        "empty pieces alone",
        "RFC 9112 7.1",
        GET,
        [start(), body(more=True), body(more=True), body()],
        [CHUNKED],
        b"0\r\n\r\n",
    ),
    row(
        "a piece of 20,000 bytes",
        "RFC 9112 7.1",
        GET,
        [start(), body(b"x" * 20_000, more=True), body()],
        [CHUNKED],
        b"4e20\r\n" + b"x" * 20_000 + b"\r\n0\r\n\r\n",
    ),
    row(
        "transfer-encoding by the application, one piece",
        "ASGI HTTP 2.5",
        GET,
        [start(CHUNKED), body(b"hi")],
        [length(2)],
        b"hi",
    ),
    row(
        "transfer-encoding by the application, pieces",
        "ASGI HTTP 2.5",
        GET,
        [start((b"Transfer-Encoding", b"gzip, chunked")), *STREAM[1:]],
        [CHUNKED],
        HELLO_CHUNKS,
    ),
    row(
        "transfer-encoding and a length by the application",
        "RFC 9112 6.2",
        GET,
        [start(CHUNKED, length(5)), *STREAM[1:]],
        [length(5)],
        b"hello",
    ),
]

TRAILERS = [
    row(
        "trailers that are asked for",
        "RFC 9112 7.1.2",
        WANTS_TRAILERS,
        [start((b"trailer", b"x"), trailers=True), body(b"hi"), trailers((b"x", b"y"))],
        [(b"trailer", b"x"), CHUNKED],
        b"2\r\nhi\r\n0\r\nx: y\r\n\r\n",
    ),
    row(
        "trailers in two messages",
        "ASGI extension http.response.trailers",
        WANTS_TRAILERS,
        [
            start(trailers=True),
            body(b"hi", more=True),
            body(),
            trailers((b"x", b"1"), more=True),
            trailers((b"y", b"2")),
        ],
        [CHUNKED],
        b"2\r\nhi\r\n0\r\nx: 1\r\ny: 2\r\n\r\n",
    ),
    row(
        "no trailers in the end",
        "RFC 9112 7.1.2",
        WANTS_TRAILERS,
        [start(trailers=True), body(b"hi"), trailers()],
        [CHUNKED],
        b"2\r\nhi\r\n0\r\n\r\n",
    ),
    row(
        "trailers that nobody asked for, pieces",
        "RFC 9110 6.5.1",
        GET,
        [start(trailers=True), *STREAM[1:], trailers((b"x", b"y"))],
        [CHUNKED],
        HELLO_CHUNKS,
    ),
    row(
        "trailers that nobody asked for, a length",
        "RFC 9110 6.5.1",
        GET,
        [start(length(2), trailers=True), body(b"hi"), trailers((b"x", b"y"))],
        [length(2)],
        b"hi",
    ),
    row(
        "trailers behind a length",
        "RFC 9110 6.5",
        WANTS_TRAILERS,
        [start(length(2), trailers=True), body(b"hi"), trailers((b"x", b"y"))],
        [length(2)],
        b"hi",
    ),
    row(
        "trailers with HEAD",
        "RFC 9110 9.3.2",
        WANTS_TRAILERS.replace(b"GET", b"HEAD"),
        [start(length(2), trailers=True), body(b"hi"), trailers((b"x", b"y"))],
        [length(2)],
    ),
    row(
        "trailers in HTTP/1.0",
        "RFC 9112 7.1",
        b"GET / HTTP/1.0\r\nte: trailers\r\nconnection: te\r\n\r\n",
        [start(trailers=True), *STREAM[1:], trailers((b"x", b"y"))],
        [CLOSE],
        b"hello",
        closes=True,
    ),
]

ROWS = [*LENGTHS, *CHUNKS, *TRAILERS]
