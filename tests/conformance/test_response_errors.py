"""Applications that break ASGI or HTTP: what the client, the application and the log are told.

ASGI 3.0 "Error Handling", ASGI HTTP 2.5. Until the head is on the wire the answer is 500;
afterwards the connection ends so that the client can see that something is missing.
"""

from __future__ import annotations

import asyncio
import logging

import pytest

from asgiserve.errors import AppError
from tests.apps import answer, body, scripted_app, start, trailers
from tests.fakes import Wire
from tests.http_responses import read_responses

GET = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello"
WANTS_TRAILERS = b"GET / HTTP/1.1\r\nhost: a\r\nte: trailers\r\nconnection: te\r\n\r\n"
EVIL = b"evil"

BAD_FIELDS = {
    "a CRLF in a value": (b"x", b"y\r\nset-cookie: evil=1"),
    "a CR in a value": (b"x", b"y\revil"),
    "an LF in a value": (b"x", b"y\nevil"),
    "a NUL in a value": (b"x", b"y\0evil"),
    "a CRLF at the end of a value": (b"x", b"evil\r\n"),
    "a fold in a value": (b"x", b"y\r\n evil"),
    "a second response in a value": (b"x", b"y\r\n\r\nHTTP/1.1 200 evil\r\n\r\n"),
    "a CRLF in a name": (b"x\r\nevil", b"y"),
    "an LF in a name": (b"x\nevil", b"y"),
    "a NUL in a name": (b"evil\0", b"y"),
    "a colon in a name": (b"evil: x", b"y"),
    "a space in a name": (b"evil x", b"y"),
    "a space behind a name": (b"evil ", b"y"),
    "a byte over 127 in a name": (b"evil\xe9", b"y"),
    "an empty name": (b"", EVIL),
    "a str name": ("x-evil", b"y"),
    "a str value": (b"x", "evil"),
    "a str pair": ("x", "evil"),
    "None for a value": (b"evil", None),
    "an int for a value": (b"evil", 5),
    "a bytearray for a name": (bytearray(b"evil"), b"y"),
    "one item": (b"evil",),
    "three items": (b"evil", b"y", b"z"),
    "bytes for a pair": b"evil",
    "None for a pair": None,
    "a length that is no number": (b"content-length", b"evil"),
    "an empty length": (b"content-length", b""),
    "a negative length": (b"content-length", b"-1"),
    "a length with a sign": (b"content-length", b"+2"),
    "a length with a comma": (b"content-length", b"2, 2"),
    "a length in hexadecimal": (b"content-length", b"0x2"),
    "a CRLF in the length": (b"content-length", b"2\r\nx: evil"),
    "a CRLF in transfer-encoding": (b"transfer-encoding", b"chunked\r\nx: evil"),
    "a CRLF in connection": (b"connection", b"close\r\nx: evil"),
}

BAD_STARTS = {
    "no status": {"type": "http.response.start"},
    "a str status": start(status="200"),
    "a float status": start(status=200.0),
    "None for a status": start(status=None),
    "a status of two digits": start(status=99),
    "a status of four digits": start(status=1000),
    "a negative status": start(status=-200),
    "an informational status": start(status=100),
    "switching protocols": start(status=101),
    "an early hint as a response": start(status=103),
    "str headers": {**start(), "headers": "x: evil"},
    "an int for headers": {**start(), "headers": 5},
    "two different lengths": start((b"content-length", b"2"), (b"content-length", b"3")),
}

BAD_BODIES = {
    "a str body": body("evil"),
    "None for a body": body(None),
    "an int for a body": body(4),
    "a list for a body": body([b"evil"]),
}

BAD_ORDERS = {
    "a body first": ([body(b"hi")], "http.response.body", "http.response.start"),
    "two starts": ([start(), start()], "http.response.start", "http.response.body"),
    "trailers first": ([trailers()], "http.response.trailers", "http.response.start"),
    "trailers before the body": (
        [start(), trailers()],
        "http.response.trailers",
        "http.response.body",
    ),
    "an unknown type": ([{"type": "http.response.x"}], "http.response.x", "http.response.start"),
    "a WebSocket message": (
        [{"type": "websocket.accept"}],
        "websocket.accept",
        "http.response.start",
    ),
    "a message to the application": (
        [{"type": "http.request"}],
        "http.request",
        "http.response.start",
    ),
}

NO_MESSAGES = {
    "no type": {"status": 200},
    "an empty dict": {},
    "None": None,
    "bytes": b"http.response.start",
    "a list": ["http.response.start"],
    "None for a type": {"type": None},
}


class Trial:
    """An application that sends *messages*, and keeps the exception that ``send`` raised."""

    def __init__(self, *messages) -> None:
        self.messages = messages
        self.error: Exception | None = None

    async def __call__(self, scope, receive, send) -> None:
        try:
            for message in self.messages:
                await send(message)
        except Exception as error:
            self.error = error
            raise


def assert_answers_500(impl, caplog, app, request=GET) -> None:
    with caplog.at_level(logging.DEBUG, "asgiserve"), Wire(impl, app) as wire:
        wire.feed(request, GET)
        (response,) = read_responses(wire.sent)
        assert response.status == 500
        assert response.says_close
        assert not wire.is_open
        assert EVIL not in wire.sent
    assert_logged_once(caplog)


def assert_logged_once(caplog) -> None:
    errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(errors) == 1, errors
    assert errors[0].name == "asgiserve.error"
    assert errors[0].exc_info
    assert "GET /" in errors[0].getMessage() or "POST /" in errors[0].getMessage()


@pytest.mark.parametrize("pair", BAD_FIELDS.values(), ids=BAD_FIELDS)
def test_bad_field_never_reaches_the_wire(impl, caplog, pair):
    app = Trial(start((b"ok", b"1"), pair), body(b"hi"))
    assert_answers_500(impl, caplog, app)
    assert isinstance(app.error, AppError)


@pytest.mark.parametrize("message", BAD_STARTS.values(), ids=BAD_STARTS)
def test_bad_start_is_500(impl, caplog, message):
    app = Trial(message, body(b"hi"))
    assert_answers_500(impl, caplog, app)
    assert isinstance(app.error, (AppError, TypeError))


@pytest.mark.parametrize("message", BAD_BODIES.values(), ids=BAD_BODIES)
def test_bad_first_body_is_500(impl, caplog, message):
    app = Trial(start(), message)
    assert_answers_500(impl, caplog, app)
    assert isinstance(app.error, AppError)


@pytest.mark.parametrize(("messages", "came", "expected"), BAD_ORDERS.values(), ids=BAD_ORDERS)
def test_bad_order_is_500_and_named(impl, caplog, messages, came, expected):
    app = Trial(*messages)
    assert_answers_500(impl, caplog, app)
    assert isinstance(app.error, AppError)
    assert came in str(app.error)
    assert expected in str(app.error)


@pytest.mark.parametrize("message", NO_MESSAGES.values(), ids=NO_MESSAGES)
def test_what_is_no_message_is_500(impl, caplog, message):
    app = Trial(message)
    assert_answers_500(impl, caplog, app)
    assert isinstance(app.error, AppError)


def test_exception_before_the_start_is_500(impl, caplog):
    async def app(scope, receive, send):
        raise ZeroDivisionError("evil")

    assert_answers_500(impl, caplog, app)
    assert caplog.records[-1].exc_info[0] is ZeroDivisionError


def test_exception_with_an_unread_body_is_500(impl, caplog):
    async def app(scope, receive, send):
        raise ZeroDivisionError("evil")

    assert_answers_500(impl, caplog, app, POST)


def test_exception_between_start_and_body_is_500(impl, caplog):
    async def app(scope, receive, send):
        await send(start((b"x", EVIL)))
        raise ZeroDivisionError

    assert_answers_500(impl, caplog, app)


def test_exception_before_the_first_await_is_500(impl, caplog):
    def app(scope, receive, send):
        raise ZeroDivisionError

    assert_answers_500(impl, caplog, app)


def test_application_that_is_no_coroutine_is_500(impl, caplog):
    assert_answers_500(impl, caplog, lambda scope, receive, send: None)


def test_application_that_cancels_itself_is_500(impl):
    async def app(scope, receive, send):
        raise asyncio.CancelledError

    with Wire(impl, app) as wire:
        wire.feed(GET)
        assert [response.status for response in read_responses(wire.sent)] == [500]
        assert not wire.is_open


def test_exception_within_chunks_cuts_the_connection(impl, caplog):  # RFC 9112 section 8
    async def app(scope, receive, send):
        await send(start())
        await send(body(b"hello", more=True))
        raise ZeroDivisionError

    with caplog.at_level(logging.DEBUG, "asgiserve"), Wire(impl, app) as wire:
        wire.feed(GET)
        (response,) = read_responses(wire.sent, is_closed=True)
        assert response.status == 200
        assert response.body == b"hello"
        assert not response.is_complete
        assert not wire.is_open
    assert_logged_once(caplog)


def test_exception_within_a_length_cuts_the_connection(impl, caplog):  # RFC 9112 section 8
    async def app(scope, receive, send):
        await send(start((b"content-length", b"9")))
        await send(body(b"hello", more=True))
        raise ZeroDivisionError

    with Wire(impl, app) as wire:
        wire.feed(GET)
        (response,) = read_responses(wire.sent, is_closed=True)
        assert response.body == b"hello"
        assert not response.is_complete
        assert not wire.is_open
    assert_logged_once(caplog)


def test_exception_within_a_body_that_the_end_delimits_resets_the_connection(impl, caplog):
    # RFC 9112 section 8: an orderly end would be the mark of a complete body.
    async def app(scope, receive, send):
        await send(start())
        await send(body(b"hello", more=True))
        raise ZeroDivisionError

    with Wire(impl, app) as wire:
        wire.feed(b"GET / HTTP/1.0\r\n\r\n")
        assert wire.transport.was_aborted
    assert_logged_once(caplog)


def test_exception_behind_the_response_harms_nobody(impl, caplog):
    async def app(scope, receive, send):
        await answer(send, b"hi")
        raise ZeroDivisionError

    with Wire(impl, app) as wire:
        wire.feed(GET)
        (response,) = read_responses(wire.sent)
        assert response.status == 200
        assert wire.is_open
    assert_logged_once(caplog)


def test_return_without_a_response_is_500(impl, caplog):
    async def app(scope, receive, send):
        await receive()

    with Wire(impl, app) as wire:
        wire.feed(GET)
        assert [response.status for response in read_responses(wire.sent)] == [500]
        assert not wire.is_open
    assert "without a response" in caplog.text


def test_return_between_start_and_body_is_500(impl, caplog):
    with Wire(impl, scripted_app(start())) as wire:
        wire.feed(GET)
        assert [response.status for response in read_responses(wire.sent)] == [500]
        assert not wire.is_open
    assert caplog.text


def test_return_within_the_body_cuts_the_connection(impl, caplog):
    with Wire(impl, scripted_app(start(), body(b"hello", more=True))) as wire:
        wire.feed(GET)
        (response,) = read_responses(wire.sent, is_closed=True)
        assert not response.is_complete
        assert not wire.is_open
    assert "in the middle of its response" in caplog.text


def test_return_without_trailers_cuts_the_connection(impl, caplog):
    with Wire(impl, scripted_app(start(trailers=True), body(b"hello"))) as wire:
        wire.feed(WANTS_TRAILERS)
        (response,) = read_responses(wire.sent, is_closed=True)
        assert response.body == b"hello"
        assert not response.is_complete
        assert not wire.is_open
    assert caplog.text


def test_body_longer_than_its_length_is_500(impl, caplog):  # RFC 9110 section 8.6
    app = Trial(start((b"content-length", b"3")), body(b"evil"))
    assert_answers_500(impl, caplog, app)
    assert isinstance(app.error, AppError)


def test_body_where_the_length_is_zero_is_500(impl, caplog):  # RFC 9110 section 8.6
    assert_answers_500(impl, caplog, Trial(start((b"content-length", b"0")), body(b"evil")))


def test_piece_over_the_length_is_not_written(impl, caplog):  # RFC 9110 section 8.6
    app = Trial(
        start((b"content-length", b"6")), body(b"hello", more=True), body(EVIL, more=True), body()
    )
    with Wire(impl, app) as wire:
        wire.feed(GET)
        (response,) = read_responses(wire.sent, is_closed=True)
        assert response.body == b"hello"
        assert not response.is_complete
        assert EVIL not in wire.sent
        assert not wire.is_open
    assert isinstance(app.error, AppError)
    assert_logged_once(caplog)


def test_body_shorter_than_its_length_closes_the_connection(impl, caplog):  # RFC 9112 section 6.3
    with Wire(impl, scripted_app(start((b"content-length", b"9")), body(b"hello"))) as wire:
        wire.feed(GET, GET)
        (response,) = read_responses(wire.sent, is_closed=True)
        assert response.body == b"hello"
        assert not response.is_complete
        assert not wire.is_open
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


def test_pieces_shorter_than_their_length_close_the_connection(impl, caplog):
    app = scripted_app(start((b"content-length", b"9")), body(b"he", more=True), body(b"llo"))
    with Wire(impl, app) as wire:
        wire.feed(GET, GET)
        (response,) = read_responses(wire.sent, is_closed=True)
        assert response.body == b"hello"
        assert not response.is_complete
        assert not wire.is_open
    assert caplog.text


def test_trailer_with_a_line_end_never_reaches_the_wire(impl, caplog):
    app = Trial(start(trailers=True), body(b"hi"), trailers((b"x", b"y\r\nevil: 1")))
    with Wire(impl, app) as wire:
        wire.feed(WANTS_TRAILERS)
        (response,) = read_responses(wire.sent, is_closed=True)
        assert not response.is_complete
        assert EVIL not in wire.sent
        assert not wire.is_open
    assert isinstance(app.error, AppError)
    assert_logged_once(caplog)


def test_wrong_message_in_the_middle_raises_and_cuts(impl, caplog):
    app = Trial(start(), body(b"hello", more=True), start())
    with Wire(impl, app) as wire:
        wire.feed(GET)
        (response,) = read_responses(wire.sent, is_closed=True)
        assert not response.is_complete
        assert not wire.is_open
    assert "'http.response.start'" in str(app.error)
    assert "'http.response.body'" in str(app.error)
    assert_logged_once(caplog)


def test_application_may_catch_the_error_and_answer_well(impl, caplog):
    async def app(scope, receive, send):
        with pytest.raises(AppError):
            await send(start((b"x", b"y\r\nevil: 1")))
        await send(start(status=201))
        with pytest.raises(AppError):
            await send(body("evil"))
        await send(body(b"hi"))

    with Wire(impl, app) as wire:
        wire.feed(GET)
        (response,) = read_responses(wire.sent)
        assert response.status == 201
        assert response.body == b"hi"
        assert EVIL not in wire.sent
        assert wire.is_open
    assert not caplog.records


def test_messages_behind_the_response_are_ignored(impl, caplog):  # ASGI HTTP 2.5, "Response Body"
    app = Trial(start(), body(b"hi"), body(EVIL), start(), trailers(), {"type": "evil"})
    with Wire(impl, app) as wire:
        wire.feed(GET, GET)
        first, second = read_responses(wire.sent)
        assert first == second
        assert first.body == b"hi"
        assert wire.is_open
    assert app.error is None
    assert not caplog.records


def test_error_does_not_reach_another_connection(impl):
    async def app(scope, receive, send):
        if scope["path"] == "/fail":
            raise ZeroDivisionError
        await answer(send, b"hi")

    with Wire(impl, app) as wire:
        wire.feed(b"GET /fail HTTP/1.1\r\nhost: a\r\n\r\n")
        assert not wire.is_open
        wire.connect()
        wire.feed(GET)
        assert [response.status for response in read_responses(wire.sent)] == [200]


def test_500_to_head_has_no_body(impl):  # RFC 9110 section 9.3.2
    async def app(scope, receive, send):
        raise ZeroDivisionError

    with Wire(impl, app) as wire:
        wire.feed(b"HEAD / HTTP/1.1\r\nhost: a\r\n\r\n")
        (response,) = read_responses(wire.sent, ["HEAD"])
        assert response.status == 500
        assert wire.sent.endswith(b"\r\n\r\n")
