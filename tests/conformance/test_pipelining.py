"""Many requests on one connection, and its end: by the client, by errors, by a server that stops.

RFC 9112 sections 9.3 and 9.6.
"""

from __future__ import annotations

import asyncio

import pytest

from tests.apps import RecordingApp, answer, body, read_body, start
from tests.fakes import Wire
from tests.http_responses import read_responses

GET = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello"


def numbered(count: int) -> bytes:
    return b"".join(b"GET /%d HTTP/1.1\r\nhost: a\r\n\r\n" % number for number in range(count))


async def answer_at_once(scope, receive, send):
    await answer(send, scope["path"].encode())


async def answer_after_a_turn(scope, receive, send):
    await asyncio.sleep(0)
    await answer(send, scope["path"].encode())


async def answer_in_pieces(scope, receive, send):
    await read_body(receive)
    await send(start())
    for byte in scope["path"].encode():
        await asyncio.sleep(0)
        await send(body(bytes([byte]), more=True))
    await send(body())


@pytest.mark.parametrize("app", [answer_at_once, answer_after_a_turn, answer_in_pieces])
def test_thousand_requests_in_one_read_are_answered_in_order(impl, app):
    with Wire(impl, app) as wire:
        wire.feed(numbered(1000))
        bodies = [response.body for response in read_responses(wire.sent)]
        assert bodies == [b"/%d" % number for number in range(1000)]
        assert wire.is_open
        assert wire.context.requests_total == 1000


def test_thousand_requests_with_bodies_are_answered_in_order(impl):
    requests = b"".join(
        b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: %d\r\n\r\n%d" % (len(str(number)), number)
        for number in range(1000)
    )
    with Wire(impl, RecordingApp()) as wire:
        wire.feed(requests)
        bodies = [response.body for response in read_responses(wire.sent)]
        assert bodies == [b"%d" % number for number in range(1000)]


def test_requests_are_served_one_after_the_other(impl):
    running, most = 0, 0

    async def app(scope, receive, send):
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(1)
        running -= 1
        await answer(send)

    with Wire(impl, app) as wire:
        wire.feed(GET * 3)
        for _ in range(3):
            wire.loop.advance(1)
        assert len(read_responses(wire.sent)) == 3
    assert most == 1


def test_close_in_the_middle_ends_the_answers(impl):
    app = RecordingApp()
    with Wire(impl, app) as wire:
        wire.feed(GET + b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n" + GET * 5)
        responses = read_responses(wire.sent)
        assert [response.says_close for response in responses] == [False, True]
        assert not wire.is_open
    assert len(app.requests) == 2


def test_application_that_closes_in_the_middle_ends_the_answers(impl):
    calls = []

    async def app(scope, receive, send):
        calls.append(scope["path"])
        await answer(send, headers=[(b"connection", b"close")])

    with Wire(impl, app) as wire:
        wire.feed(numbered(5))
        assert len(read_responses(wire.sent)) == 1
        assert not wire.is_open
    assert calls == ["/0"]


def test_error_of_the_application_ends_the_answers(impl, caplog):
    calls = []

    async def app(scope, receive, send):
        calls.append(scope["path"])
        raise ZeroDivisionError

    with Wire(impl, app) as wire:
        wire.feed(numbered(5))
        assert [response.status for response in read_responses(wire.sent)] == [500]
        assert not wire.is_open
    assert calls == ["/0"]
    assert len(caplog.records) == 1


def test_bad_request_waits_for_the_answer_before_it(impl):
    resume = asyncio.Event()

    async def app(scope, receive, send):
        await resume.wait()
        await answer(send)

    with Wire(impl, app) as wire:
        wire.feed(GET + b"garbage\r\n\r\n")
        assert wire.sent == b""
        wire.call(resume.set)
        assert [response.status for response in read_responses(wire.sent)] == [200, 400]


# --- half-closed clients --------------------------------------------------------------------------


def test_client_that_ends_its_side_is_answered(impl):
    with Wire(impl, RecordingApp()) as wire:
        wire.transport.feed(GET)
        wire.feed_eof()
        assert len(read_responses(wire.sent)) == 1
        assert wire.transport.is_connection_lost


def test_client_that_ends_its_side_is_answered_late(impl):
    resume = asyncio.Event()

    async def app(scope, receive, send):
        data = await read_body(receive)
        await resume.wait()
        await answer(send, data)

    with Wire(impl, app) as wire:
        wire.feed(POST)
        wire.feed_eof()
        assert not wire.transport.is_connection_lost
        wire.call(resume.set)
        assert [response.body for response in read_responses(wire.sent)] == [b"hello"]
        assert wire.transport.is_connection_lost


def test_client_that_ends_its_side_gets_a_whole_stream(impl):
    async def app(scope, receive, send):
        await send(start())
        for _ in range(3):
            await asyncio.sleep(1)
            await send(body(b"x", more=True))
        await send(body())

    with Wire(impl, app) as wire:
        wire.feed(GET)
        wire.feed_eof()
        for _ in range(3):
            wire.loop.advance(1)
        (response,) = read_responses(wire.sent)
        assert response.is_complete
        assert response.body == b"xxx"
        assert wire.transport.is_connection_lost


def test_client_that_ends_its_side_gets_all_pipelined_answers(impl):
    with Wire(impl, answer_after_a_turn) as wire:
        wire.transport.feed(numbered(10))
        wire.feed_eof()
        assert len(read_responses(wire.sent)) == 10
        assert wire.transport.is_connection_lost


@pytest.mark.parametrize("data", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nhost: a\r\n"])
def test_end_before_a_request_closes_the_connection(impl, data):
    app = RecordingApp()
    with Wire(impl, app) as wire:
        wire.transport.feed(data)
        wire.feed_eof()
        assert wire.transport.is_connection_lost
    assert app.requests == []


def test_end_between_requests_closes_the_connection(impl):
    with Wire(impl, RecordingApp()) as wire:
        wire.feed(GET)
        wire.feed_eof()
        assert len(read_responses(wire.sent)) == 1
        assert wire.transport.is_connection_lost


def test_end_within_a_body_is_a_disconnect(impl, caplog):  # RFC 9112 section 8
    app = RecordingApp()
    with Wire(impl, app) as wire:
        wire.feed(POST[:-2])
        wire.feed_eof()
        assert wire.transport.is_connection_lost
        assert not wire.context.tasks
    assert not app.requests[0].is_complete
    assert not caplog.records


def test_tls_client_that_ends_its_side_is_answered_or_let_go(impl):
    # TLS cannot be closed by halves: the transport closes whatever the protocol says.
    app = RecordingApp()
    with Wire(impl, app, extra={"sslcontext": object()}) as wire:
        wire.feed(GET)
        wire.feed_eof()
        assert wire.transport.is_connection_lost
    assert len(app.requests) == 1


# --- a server that stops --------------------------------------------------------------------------


def drain(wire: Wire) -> None:
    wire.context.is_draining = True
    wire.call(wire.connection.start_draining)


@pytest.mark.parametrize("sent", [b"", GET])
def test_connection_on_which_nothing_happens_is_closed_by_draining(impl, sent):
    with Wire(impl, RecordingApp()) as wire:
        wire.feed(sent)
        wire.tick(1.5)
        drain(wire)
        assert wire.transport.is_connection_lost
        assert len(read_responses(wire.sent)) == (1 if sent else 0)


@pytest.mark.parametrize("sent", [b"", GET])
def test_request_that_is_on_its_way_is_answered_by_a_draining_server(impl, sent):
    with Wire(impl, RecordingApp()) as wire:
        wire.feed(sent)
        drain(wire)
        wire.tick(0.25)
        assert not wire.transport.is_connection_lost
        wire.feed(GET)
        response = read_responses(wire.sent)[-1]
        assert response.status == 200
        assert response.says_close
        assert not wire.is_open


@pytest.mark.parametrize("sent", [b"", GET])
def test_draining_server_waits_a_moment_for_requests(impl, sent):
    with Wire(impl, RecordingApp()) as wire:
        wire.feed(sent)
        drain(wire)
        wire.tick(0.25)
        assert not wire.transport.is_connection_lost
        wire.tick(0.25)
        assert wire.transport.is_connection_lost


def test_request_in_flight_is_answered_with_close(impl):
    resume = asyncio.Event()

    async def app(scope, receive, send):
        await resume.wait()
        await answer(send, b"hi")

    with Wire(impl, app) as wire:
        wire.feed(GET + GET)
        drain(wire)
        assert not wire.transport.is_connection_lost
        wire.call(resume.set)
        (response,) = read_responses(wire.sent)
        assert response.body == b"hi"
        assert response.says_close
        assert not wire.is_open


def test_client_that_has_sent_more_gets_an_orderly_end_from_a_draining_server(impl):
    """RFC 9112 section 9.6: closing with input that nobody has read would reset the connection."""
    resume = asyncio.Event()

    async def app(scope, receive, send):
        await resume.wait()
        await answer(send, b"hi")

    with Wire(impl, app) as wire:
        wire.feed(GET + GET)
        drain(wire)
        wire.call(resume.set)
        assert wire.transport.has_sent_eof
        wire.feed(GET)
        assert wire.transport.unread_bytes == 0
        assert not wire.transport.is_closing()
        wire.feed_eof()
        assert wire.transport.is_connection_lost
        assert not wire.transport.was_aborted
        assert len(read_responses(wire.sent)) == 1


def test_client_that_keeps_silent_holds_a_draining_server_up_for_two_seconds(impl):
    with Wire(impl, RecordingApp()) as wire:
        wire.feed(GET[:-2])
        drain(wire)
        wire.feed(GET[-2:])
        wire.tick(2.5)
        assert wire.transport.is_connection_lost


def test_client_that_asked_for_the_end_is_closed_at_once_by_a_draining_server(impl):
    with Wire(impl, RecordingApp()) as wire:
        wire.feed(GET[:-2])
        drain(wire)
        wire.feed(b"connection: close\r\n\r\n")
        assert wire.transport.is_connection_lost


def test_stream_in_flight_is_completed_and_closed(impl):
    resume = asyncio.Event()

    async def app(scope, receive, send):
        await send(start())
        await send(body(b"he", more=True))
        await resume.wait()
        await send(body(b"llo"))

    with Wire(impl, app) as wire:
        wire.feed(GET)
        drain(wire)
        wire.call(resume.set)
        (response,) = read_responses(wire.sent)
        assert response.body == b"hello"
        assert response.is_complete
        # Its head has not said that it would be the last.
        assert not wire.transport.is_connection_lost
        wire.feed(GET)
        assert read_responses(wire.sent)[1].says_close
        assert not wire.is_open


def test_request_whose_body_is_coming_is_answered_with_close(impl):
    with Wire(impl, RecordingApp()) as wire:
        wire.feed(POST[:-2])
        drain(wire)
        wire.feed(POST[-2:])
        (response,) = read_responses(wire.sent)
        assert response.body == b"hello"
        assert response.says_close
        assert not wire.is_open


def test_connection_whose_unread_body_is_coming_is_closed_by_draining(impl):
    async def app(scope, receive, send):
        await answer(send)

    with Wire(impl, app) as wire:
        wire.feed(POST[:-2])
        assert len(read_responses(wire.sent)) == 1
        drain(wire)
        wire.feed(POST[-2:])
        assert not wire.is_open


def test_head_that_is_coming_is_answered_with_close(impl):
    with Wire(impl, RecordingApp()) as wire:
        wire.feed(GET[:10])
        drain(wire)
        wire.feed(GET[10:])
        responses = read_responses(wire.sent)
        assert [response.says_close for response in responses] == [True]
        assert not wire.is_open


def test_endless_stream_is_told_to_end(impl, caplog):
    errors = []

    async def app(scope, receive, send):
        await send(start())
        try:
            while True:
                await send(body(b"tick", more=True))
                await asyncio.sleep(1)
        except OSError as error:
            errors.append(error)

    with Wire(impl, app) as wire:
        wire.feed(GET)
        drain(wire)
        wire.loop.advance(1)
        assert errors == []
        wire.call(wire.connection.tell_disconnect)
        wire.loop.advance(1)
        assert len(errors) == 1
        assert wire.transport.is_connection_lost
    assert not caplog.records


def test_stream_that_waits_for_its_client_is_told_to_end(impl):
    errors = []

    async def app(scope, receive, send):
        await send(start())
        try:
            while True:
                await send(body(b"x" * 10_000, more=True))
        except OSError as error:
            errors.append(error)

    with Wire(impl, app) as wire:
        wire.transport.stall()
        wire.feed(GET)
        drain(wire)
        assert errors == []
        wire.call(wire.connection.tell_disconnect)
        assert len(errors) == 1


def test_long_poll_is_told_to_end_and_may_answer(impl):
    async def app(scope, receive, send):
        await read_body(receive)
        while (await receive())["type"] != "http.disconnect":
            pass
        await answer(send, b"try again")

    with Wire(impl, app) as wire:
        wire.feed(GET)
        drain(wire)
        assert wire.sent == b""
        wire.call(wire.connection.tell_disconnect)
        (response,) = read_responses(wire.sent)
        assert response.body == b"try again"
        assert response.says_close
        assert not wire.is_open


def test_abort_ends_at_once(impl):
    with Wire(impl, RecordingApp()) as wire:
        wire.feed(POST[:-2])
        wire.call(wire.connection.abort)
        assert wire.transport.is_connection_lost
        assert not wire.context.connections
        assert not wire.context.tasks


def test_answer_of_a_busy_loop_is_not_lost_when_the_client_ends_its_side(impl):
    def request_and_eof():
        wire.connection.data_received(GET)
        assert wire.sent == b""
        if not wire.connection.eof_received():
            wire.transport.close()

    with Wire(impl, RecordingApp()) as wire:
        wire.make_busy()
        wire.call(request_and_eof)
        assert [response.status for response in read_responses(wire.sent)] == [200]
        assert not wire.is_open


def test_stream_without_a_pause_leaves_others_their_turn(impl):
    sent = []

    async def app(scope, receive, send):
        if scope["path"] == "/brief":
            sent.append("brief")
            await answer(send, b"")
            return
        await send(start())
        for _ in range(2000):
            await send(body(b"x" * 1024, more=True))
            sent.append("chunk")
        await send(body())

    with Wire(impl, app) as wire:
        streaming = wire.connection
        wire.connect()
        wire.loop.call_soon(streaming.data_received, GET)
        wire.call(wire.connection.data_received, GET.replace(b"/", b"/brief", 1))
        assert sent.index("brief") < 300
        assert len(sent) == 2001
