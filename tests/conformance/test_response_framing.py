"""What an application sends, and the bytes that the client gets: length, chunks, or the end.

RFC 9112 section 6, ASGI HTTP 2.5 "Response Start" and "Response Body".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from tests.apps import body, scripted_app, start, trailers
from tests.fakes import Wire
from tests.http_responses import read_responses

GET = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"
HEAD = b"HEAD / HTTP/1.1\r\nhost: a\r\n\r\n"
GET_CLOSE = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
OLD_GET = b"GET / HTTP/1.0\r\n\r\n"
OLD_HEAD = b"HEAD / HTTP/1.0\r\n\r\n"
OLD_KEEP = b"GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n"
WANTS_TRAILERS = b"GET / HTTP/1.1\r\nhost: a\r\nte: trailers\r\nconnection: te\r\n\r\n"

CHUNKED = (b"transfer-encoding", b"chunked")
CLOSE = (b"connection", b"close")
KEEP_ALIVE = (b"connection", b"keep-alive")


def length(size: int) -> tuple[bytes, bytes]:
    return b"content-length", b"%d" % size


@dataclass(frozen=True)
class Row:
    """What is sent for *request*: *fields* in any order, then *payload* to the byte."""

    name: str
    section: str
    request: bytes
    messages: tuple[dict[str, Any], ...]
    fields: tuple[tuple[bytes, bytes], ...]
    payload: bytes
    status: int = 200
    is_closed: bool = False


def row(
    name: str,
    section: str,
    request: bytes,
    messages: list[dict[str, Any]],
    fields: list[tuple[bytes, bytes]],
    payload: bytes = b"",
    *,
    status: int = 200,
    closes: bool = False,
) -> Row:
    return Row(name, section, request, tuple(messages), tuple(fields), payload, status, closes)


STREAM = [start(), body(b"he", more=True), body(b"llo")]
HELLO_CHUNKS = b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"

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

WITHOUT_BODY = [
    row("HEAD with a length", "RFC 9110 9.3.2", HEAD, [start(length(5)), body()], [length(5)]),
    row(
        "HEAD, length and body",
        "RFC 9110 9.3.2",
        HEAD,
        [start(length(5)), body(b"hello")],
        [length(5)],
    ),
    row("HEAD with a body", "RFC 9110 9.3.2", HEAD, [start(), body(b"hello")], [length(5)]),
    row(
        "HEAD with a length and pieces",
        "RFC 9110 9.3.2",
        HEAD,
        [start(length(5)), *STREAM[1:]],
        [length(5)],
    ),
    row("204", "RFC 9110 15.3.5", GET, [start(status=204), body()], [], status=204),
    row(
        "204 with a length",
        "RFC 9110 8.6",
        GET,
        [start(length(0), status=204), body()],
        [],
        status=204,
    ),
    row(
        "204 with a body", "RFC 9110 15.3.5", GET, [start(status=204), body(b"hi")], [], status=204
    ),
    row("204 with pieces", "RFC 9112 6.1", GET, [start(status=204), *STREAM[1:]], [], status=204),
    row("205", "RFC 9110 15.3.6", GET, [start(status=205), body()], [length(0)], status=205),
    row("304", "RFC 9110 15.4.5", GET, [start(status=304), body()], [], status=304),
    row(
        "304 with a length",
        "RFC 9110 8.6",
        GET,
        [start(length(5), status=304), body()],
        [length(5)],
        status=304,
    ),
    row(
        "304 with a length and a body",
        "RFC 9110 15.4.5",
        GET,
        [start(length(5), status=304), body(b"hello")],
        [length(5)],
        status=304,
    ),
    row(
        "304 with pieces", "RFC 9110 15.4.5", GET, [start(status=304), *STREAM[1:]], [], status=304
    ),
    row(
        "HEAD in HTTP/1.0",
        "RFC 9110 9.3.2",
        OLD_HEAD,
        [start(length(5)), body(b"hello")],
        [length(5), CLOSE],
        closes=True,
    ),
]

PERSISTENCE = [
    row(
        "close asked by the client",
        "RFC 9112 9.6",
        GET_CLOSE,
        [start(), body(b"hi")],
        [length(2), CLOSE],
        b"hi",
        closes=True,
    ),
    row(
        "close asked by the client, pieces",
        "RFC 9112 9.6",
        GET_CLOSE,
        STREAM,
        [CHUNKED, CLOSE],
        HELLO_CHUNKS,
        closes=True,
    ),
    row(
        "close by the application",
        "RFC 9112 9.6",
        GET,
        [start(CLOSE), body(b"hi")],
        [length(2), CLOSE],
        b"hi",
        closes=True,
    ),
    row(
        "close by the application among other options",
        "RFC 9110 7.6.1",
        GET,
        [start((b"Connection", b"x, Close")), body(b"hi")],
        [length(2), CLOSE],
        b"hi",
        closes=True,
    ),
    row(
        "keep-alive by the application, close by the client",
        "RFC 9112 9.6",
        GET_CLOSE,
        [start(KEEP_ALIVE), body(b"hi")],
        [length(2), CLOSE],
        b"hi",
        closes=True,
    ),
    row(
        "HTTP/1.0 with a length",
        "RFC 9112 9.3",
        OLD_GET,
        [start(length(2)), body(b"hi")],
        [length(2), CLOSE],
        b"hi",
        closes=True,
    ),
    row(
        "HTTP/1.0 without a length",
        "RFC 9112 9.3",
        OLD_GET,
        [start(), body(b"hi")],
        [length(2), CLOSE],
        b"hi",
        closes=True,
    ),
    row("HTTP/1.0 with pieces", "RFC 9112 6.1", OLD_GET, STREAM, [CLOSE], b"hello", closes=True),
    row(
        "HTTP/1.0 with pieces and a length",
        "RFC 9112 6.2",
        OLD_GET,
        [start(length(5)), *STREAM[1:]],
        [length(5), CLOSE],
        b"hello",
        closes=True,
    ),
    row(
        "keep-alive in HTTP/1.0",
        "RFC 9112 9.3",
        OLD_KEEP,
        [start(), body(b"hi")],
        [length(2), KEEP_ALIVE],
        b"hi",
    ),
    row(
        "keep-alive in HTTP/1.0 with pieces and a length",
        "RFC 9112 9.3",
        OLD_KEEP,
        [start(length(5)), *STREAM[1:]],
        [length(5), KEEP_ALIVE],
        b"hello",
    ),
    row(
        "keep-alive in HTTP/1.0 with pieces",
        "RFC 9112 9.3",
        OLD_KEEP,
        STREAM,
        [CLOSE],
        b"hello",
        closes=True,
    ),
    row(
        "keep-alive in HTTP/1.0 with 204",
        "RFC 9112 9.3",
        OLD_KEEP,
        [start(status=204), body()],
        [KEEP_ALIVE],
        status=204,
    ),
]

FIELDS = [
    row(
        "fields of the application",
        "RFC 9110 5.3",
        GET,
        [start((b"x", b"1"), (b"y", b""), (b"X", b"2")), body()],
        [(b"x", b"1"), (b"y", b""), (b"x", b"2"), length(0)],
    ),
    row(
        "cookies",
        "RFC 6265 4.1",
        GET,
        [start((b"set-cookie", b"a=1; Path=/"), (b"set-cookie", b"b=2")), body()],
        [(b"set-cookie", b"a=1; Path=/"), (b"set-cookie", b"b=2"), length(0)],
    ),
    row(
        "bytes over 127 in a value",
        "RFC 9110 5.5",
        GET,
        [start((b"x", b"\xe9\xff")), body()],
        [(b"x", b"\xe9\xff"), length(0)],
    ),
    row(
        "fields as lists",
        "ASGI HTTP 2.5",
        GET,
        [start([b"x", b"y"]), body()],
        [(b"x", b"y"), length(0)],
    ),
    row(
        "content-encoding is the application's",
        "ASGI HTTP 2.5",
        GET,
        [start((b"content-encoding", b"gzip")), body(b"zz")],
        [(b"content-encoding", b"gzip"), length(2)],
        b"zz",
    ),
    row(
        "a status without a known phrase",
        "RFC 9112 4",
        GET,
        [start(status=299), body()],
        [length(0)],
        status=299,
    ),
    row(
        "404",
        "RFC 9110 15.5.5",
        GET,
        [start(status=404), body(b"no")],
        [length(2)],
        b"no",
        status=404,
    ),
    row(
        "500 by the application",
        "RFC 9110 15.6.1",
        GET,
        [start(status=500), body()],
        [length(0)],
        status=500,
    ),
    row("599", "RFC 9110 15", GET, [start(status=599), body()], [length(0)], status=599),
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

ROWS = [*LENGTHS, *CHUNKS, *WITHOUT_BODY, *PERSISTENCE, *FIELDS, *TRAILERS]


@pytest.mark.parametrize("expected", ROWS, ids=lambda expected: expected.name)
def test_response_bytes_are(impl, expected):
    with Wire(impl, scripted_app(*expected.messages, read=True)) as wire:
        wire.feed(expected.request)
        method = expected.request.split()[0].decode()
        (response,) = read_responses(wire.sent, [method], is_closed=not wire.is_open)
        assert response.status == expected.status
        fields = [(name.lower(), value) for name, value in response.headers]
        assert sorted(fields) == sorted(expected.fields)
        names = {name for name, _ in expected.fields if name != b"connection"}
        assert [f for f in fields if f[0] in names] == [f for f in expected.fields if f[0] in names]
        assert wire.sent.partition(b"\r\n\r\n")[2] == expected.payload
        assert wire.is_open is not expected.is_closed
        assert response.is_complete


@pytest.mark.parametrize(
    "expected", [row for row in ROWS if not row.is_closed], ids=lambda r: r.name
)
def test_next_response_starts_where_this_one_ends(impl, expected):
    with Wire(impl, scripted_app(*expected.messages, read=True)) as wire:
        wire.feed(expected.request * 2)
        method = expected.request.split()[0].decode()
        first, second = read_responses(wire.sent, [method] * 2)
        assert first == second


def test_reason_phrases_are_those_of_the_registry(impl):  # RFC 9110 section 15.1
    for status, line in [(200, b"200 OK"), (404, b"404 Not Found"), (299, b"299 ")]:
        with Wire(impl, scripted_app(start(status=status), body())) as wire:
            wire.feed(GET)
            assert wire.sent.startswith(b"HTTP/1.1 %s\r\n" % line)


def test_small_response_is_one_write(impl):
    with Wire(impl, scripted_app(start(), body(b"hello"))) as wire:
        wire.feed(GET)
        assert len(wire.transport.write_sizes) == 1


def test_each_piece_is_written_before_send_returns(impl):  # ASGI HTTP 2.5, "Response Body"
    written = []

    async def app(scope, receive, send):
        await send(start())
        for piece in (b"a", b"b"):
            await send(body(piece, more=True))
            written.append(wire.sent.endswith(b"\r\n1\r\n" + piece + b"\r\n"))
        await send(body())

    with Wire(impl, app) as wire:
        wire.feed(GET)
        assert written == [True, True]


def test_head_is_held_until_the_first_body(impl):  # ASGI HTTP 2.5, "Response Start"
    async def app(scope, receive, send):
        await send(start())
        await receive()
        await receive()

    with Wire(impl, app) as wire:
        wire.feed(GET)
        assert wire.sent == b""
