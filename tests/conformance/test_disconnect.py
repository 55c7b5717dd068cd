"""Clients that leave: what ``receive`` and ``send`` say, and what is logged (ASGI HTTP 2.5)."""

from __future__ import annotations

import asyncio

from asgiserve.errors import ClientDisconnected
from tests.apps import answer, body, read_body, receiving_app, start
from tests.fakes import Wire
from tests.http_responses import read_responses

GET = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"
POST_HEAD = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\n"
DISCONNECT = {"type": "http.disconnect"}


def test_receive_behind_the_response_is_a_disconnect(impl):
    events = []

    async def app(scope, receive, send):
        await read_body(receive)
        await answer(send)
        events.append(await receive())
        events.append(await receive())

    with Wire(impl, app) as wire:
        wire.feed(GET)
        assert wire.is_open
    assert events == [DISCONNECT] * 2


def test_receive_behind_the_response_is_a_disconnect_even_with_an_unread_body(impl):
    events = []

    async def app(scope, receive, send):
        await answer(send)
        events.append(await receive())

    with Wire(impl, app) as wire:
        wire.feed(POST_HEAD + b"hello")
    assert events == [DISCONNECT]


def test_waiting_receive_is_told_of_a_lost_connection(impl):
    events = []
    with Wire(impl, receiving_app(3, events)) as wire:
        wire.feed(GET)
        assert len(events) == 1
        wire.lose(ConnectionResetError())
        assert events[1:] == [DISCONNECT] * 2


def test_waiting_receive_is_told_that_the_client_ended_its_side(impl):
    events = []
    with Wire(impl, receiving_app(2, events)) as wire:
        wire.feed(GET)
        wire.feed_eof()
        # Some frameworks drop an answer that is nearly ready as soon as they are told.
        assert events[1:] == []
        wire.tick(1)
        assert events[1:] == [DISCONNECT]


def test_head_that_never_ends_does_not_outlast_half_of_the_grace_period(impl):
    with Wire(impl, receiving_app(1, [])) as wire:
        wire.feed(GET[:-2])
        wire.context.is_draining = True
        wire.connection.start_draining()
        assert wire.is_open
        wire.connection.tell_disconnect()
        assert not wire.is_open


def test_receive_within_a_body_is_told_of_a_lost_connection(impl):
    events = []
    with Wire(impl, receiving_app(2, events)) as wire:
        wire.feed(POST_HEAD + b"he")
        wire.lose()
    assert [event["type"] for event in events] == ["http.request", "http.disconnect"]


def test_send_after_a_disconnect_raises_an_os_error(impl, caplog):
    errors = []

    async def app(scope, receive, send):
        await read_body(receive)
        assert await receive() == DISCONNECT
        for message in (start(), body(b"hi")):
            try:
                await send(message)
            except OSError as error:
                errors.append(error)

    with Wire(impl, app) as wire:
        wire.feed(GET)
        wire.lose()
    assert [type(error) for error in errors] == [ClientDisconnected] * 2
    assert not caplog.records


def test_send_within_a_body_raises_once_the_client_is_gone(impl, caplog):
    errors = []

    async def app(scope, receive, send):
        await send(start())
        try:
            while True:
                await send(body(b"x", more=True))
                await asyncio.sleep(1)
        except OSError as error:
            errors.append(error)

    with Wire(impl, app) as wire:
        wire.feed(GET)
        wire.lose()
        wire.loop.advance(1)
    assert [type(error) for error in errors] == [ClientDisconnected]
    assert not caplog.records


def test_os_error_that_the_application_lets_go_is_not_logged(impl, caplog):
    async def app(scope, receive, send):
        await read_body(receive)
        await receive()
        await send(start())

    with Wire(impl, app) as wire:
        wire.feed(GET)
        wire.lose()
    assert not caplog.records


def test_os_error_that_a_framework_wraps_is_not_logged(impl, caplog):
    async def app(scope, receive, send):
        await read_body(receive)
        await receive()
        try:
            await send(start())
        except OSError as error:
            raise RuntimeError("wrapped") from error

    with Wire(impl, app) as wire:
        wire.feed(GET)
        wire.lose()
    assert not caplog.records


def test_error_of_the_application_after_a_disconnect_is_logged(impl, caplog):
    async def app(scope, receive, send):
        await read_body(receive)
        await receive()
        raise ZeroDivisionError

    with Wire(impl, app) as wire:
        wire.feed(GET)
        wire.lose()
    assert [record.exc_info[0] for record in caplog.records] == [ZeroDivisionError]


def test_send_after_the_response_and_the_connection_is_no_error(impl, caplog):
    errors = []

    async def app(scope, receive, send):
        await answer(send)
        await asyncio.sleep(1)
        try:
            await send(body(b"late"))
        except OSError as error:
            errors.append(error)

    with Wire(impl, app) as wire:
        wire.feed(GET)
        wire.lose()
        wire.loop.advance(1)
    assert errors == []
    assert not caplog.records


def test_application_goes_on_after_its_response(impl):
    done = []

    async def app(scope, receive, send):
        await answer(send)
        await asyncio.sleep(5)
        done.append(scope["path"])

    with Wire(impl, app) as wire:
        wire.feed(GET)
        wire.feed(b"GET /b HTTP/1.1\r\nhost: a\r\n\r\n")
        assert len(read_responses(wire.sent)) == 2
        assert len(wire.context.tasks) == 2
        wire.loop.advance(5)
        assert done == ["/", "/b"]
        assert not wire.context.tasks
