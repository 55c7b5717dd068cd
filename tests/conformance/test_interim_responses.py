"""100 Continue and 103 Early Hints: sent in time, once, and to who can read them.

RFC 9110 sections 10.1.1 and 15.2, RFC 8297.
"""

from __future__ import annotations

import asyncio

import pytest

from tests.apps import RecordingApp, answer, body, read_body, start, trailers
from tests.fakes import Wire
from tests.http_responses import read_responses

GET = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"
POST_HEAD = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\n"
CHUNKED_HEAD = b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n"
EXPECTING = POST_HEAD.replace(b"\r\n\r\n", b"\r\nexpect: 100-continue\r\n\r\n")
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


def test_continue_is_sent_when_the_application_first_receives(impl):  # RFC 9110 section 10.1.1
    resume = asyncio.Event()
    events = []

    async def app(scope, receive, send):
        await resume.wait()
        events.append(await receive())
        await answer(send, events[0]["body"])

    with Wire(impl, app) as wire:
        wire.feed(EXPECTING)
        assert wire.sent == b""
        wire.call(resume.set)
        assert wire.sent == CONTINUE
        wire.feed(b"hello")
        (response,) = read_responses(wire.sent)
        assert response.informational == [100]
        assert response.body == b"hello"
        assert wire.is_open


def test_continue_is_sent_once(impl):
    with Wire(impl, RecordingApp()) as wire:
        wire.feed(EXPECTING)
        wire.feed(b"he")
        wire.feed(b"llo")
        (response,) = read_responses(wire.sent)
        assert response.informational == [100]
        assert response.body == b"hello"


def test_continue_is_not_sent_to_who_never_receives(impl):
    async def app(scope, receive, send):
        await answer(send, status=401)

    with Wire(impl, app) as wire:
        wire.feed(EXPECTING)
        (response,) = read_responses(wire.sent)
        assert response.status == 401
        assert response.informational == []
        # Whether the body still comes cannot be known, so the connection cannot go on.
        assert response.says_close
        assert not wire.is_open


def test_continue_is_not_sent_when_the_body_is_there(impl):
    with Wire(impl, RecordingApp()) as wire:
        wire.feed(EXPECTING + b"hello")
        (response,) = read_responses(wire.sent)
        assert response.informational == []
        assert response.body == b"hello"
        assert wire.is_open


def test_continue_is_not_sent_when_half_of_the_body_is_there(impl):
    with Wire(impl, RecordingApp()) as wire:
        wire.feed(EXPECTING + b"he")
        wire.feed(b"llo")
        (response,) = read_responses(wire.sent)
        assert response.informational == []


def test_continue_is_not_sent_when_no_chunk_came_but_the_last(impl):
    async def app(scope, receive, send):
        await read_body(receive)
        # As frameworks do to hear of a disconnect while they stream.
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(receive(), 1)
        await answer(send)

    with Wire(impl, app) as wire:
        expecting = CHUNKED_HEAD.replace(b"\r\n\r\n", b"\r\nexpect: 100-continue\r\n\r\n")
        wire.feed(expecting + b"0\r\n\r\n")
        wire.loop.advance(1)
        (response,) = read_responses(wire.sent)
        assert response.informational == []
        assert not response.says_close


def test_continue_is_not_sent_without_a_body(impl):
    with Wire(impl, RecordingApp()) as wire:
        wire.feed(
            b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\nexpect: 100-continue\r\n\r\n"
        )
        (response,) = read_responses(wire.sent)
        assert response.informational == []
        assert wire.is_open


def test_continue_is_not_sent_to_http_1_0(impl):  # RFC 9110 section 15.2
    with Wire(impl, RecordingApp()) as wire:
        wire.feed(EXPECTING.replace(b"1.1", b"1.0"))
        assert wire.sent == b""
        wire.feed(b"hello")
        (response,) = read_responses(wire.sent)
        assert response.informational == []


def test_continue_is_not_sent_within_the_response(impl):  # RFC 9110 section 15.2
    async def app(scope, receive, send):
        await send(start())
        await send(body(b"x", more=True))
        await receive()
        await send(body(b"y"))

    with Wire(impl, app) as wire:
        wire.feed(EXPECTING)
        assert b"100" not in wire.sent
        wire.feed(b"hello")
        (response,) = read_responses(wire.sent)
        assert response.body == b"xy"


def test_continue_is_sent_between_start_and_body(impl):
    async def app(scope, receive, send):
        await send(start())
        data = await read_body(receive)
        await send(body(data))

    with Wire(impl, app) as wire:
        wire.feed(EXPECTING)
        assert wire.sent == CONTINUE
        wire.feed(b"hello")
        (response,) = read_responses(wire.sent)
        assert response.body == b"hello"


def test_continue_is_asked_for_by_each_request_anew(impl):
    with Wire(impl, RecordingApp()) as wire:
        for _ in range(2):
            wire.feed(EXPECTING)
            wire.feed(b"hello")
        first, second = read_responses(wire.sent)
        assert first.informational == second.informational == [100]


HINT = {"type": "http.response.early_hint", "links": [b"</a.css>; rel=preload", b"</b.js>"]}


@pytest.mark.parametrize("is_started", [False, True], ids=["before start", "behind start"])
def test_early_hint_is_an_interim_response(impl, is_started):  # RFC 8297
    async def app(scope, receive, send):
        assert scope["extensions"]["http.response.early_hint"] == {}
        if is_started:
            await send(start())
        await send(HINT)
        if not is_started:
            await send(start())
        await send(body(b"hi"))

    with Wire(impl, app) as wire:
        wire.feed(GET)
        (response,) = read_responses(wire.sent)
        assert response.informational == [103]
        assert response.body == b"hi"
        interim = wire.sent.partition(b"\r\n\r\n")[0].split(b"\r\n")
        assert interim == [
            b"HTTP/1.1 103 Early Hints",
            b"link: </a.css>; rel=preload",
            b"link: </b.js>",
        ]


def test_early_hint_is_kept_from_http_1_0(impl):  # RFC 9110 section 15.2
    async def app(scope, receive, send):
        await send(HINT)
        await answer(send, b"hi")

    with Wire(impl, app) as wire:
        wire.feed(b"GET / HTTP/1.0\r\n\r\n")
        (response,) = read_responses(wire.sent)
        assert response.informational == []


def test_early_hint_with_a_line_end_never_reaches_the_wire(impl, caplog):
    async def app(scope, receive, send):
        await send({**HINT, "links": [b"</a>\r\nevil: 1"]})

    with Wire(impl, app) as wire:
        wire.feed(GET)
        assert [response.status for response in read_responses(wire.sent)] == [500]
        assert b"evil" not in wire.sent
    assert len(caplog.records) == 1


def test_trailers_extension_is_named_and_works(impl):
    async def app(scope, receive, send):
        assert scope["extensions"]["http.response.trailers"] == {}
        await send(start(trailers=True))
        await send(body(b"hi"))
        await send(trailers((b"x", b"y")))

    with Wire(impl, app) as wire:
        wire.feed(b"GET / HTTP/1.1\r\nhost: a\r\nte: trailers\r\nconnection: te\r\n\r\n")
        (response,) = read_responses(wire.sent)
        assert response.trailers == [(b"x", b"y")]
