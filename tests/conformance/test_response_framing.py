"""What an application sends, and the bytes that the client gets: length, chunks, or the end.

RFC 9112 section 6, ASGI HTTP 2.5 "Response Start" and "Response Body".
"""

from __future__ import annotations

import pytest

from tests.apps import body, scripted_app, start
from tests.fakes import Wire
from tests.http_responses import read_responses

from .response_rows import GET, ROWS


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
