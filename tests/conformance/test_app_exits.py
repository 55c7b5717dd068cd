"""An application raises what would end a program: its request fails, and the server goes on."""

from __future__ import annotations

import asyncio
import logging
import signal
import struct

import pytest

from tests.apps import RecordingApp, answer
from tests.fakes import Wire
from tests.http_responses import read_responses
from tests.ws_peer import CLOSE, TEXT, Frame, client_frame, handshake, read_frames, split_answer

GET = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"
INTERNAL_ERROR = struct.pack("!H", 1011)


class Panic(BaseException):
    """As pyo3's PanicException."""


# Classes: an exception that is raised keeps the frames of its test.
ERRORS = [SystemExit, KeyboardInterrupt, GeneratorExit, asyncio.CancelledError, Panic]
MOMENTS = ["in the call", "at once", "after a wait"]


@pytest.fixture(autouse=True)
def _handles_sigint():
    """SIGINT has a handler, as it has while a server serves."""
    before = signal.signal(signal.SIGINT, lambda number, frame: None)
    yield
    signal.signal(signal.SIGINT, before)


def app_that_raises(error, moment, before=None):
    """The application raises *error* at a moment of its first call, and then answers all others."""
    calls = []

    def app(scope, receive, send):
        calls.append(scope)
        if len(calls) > 1:
            return answer(send, b"hi")
        if moment == "in the call":
            raise error
        return run(receive, send)

    async def run(receive, send):
        if before is not None:
            await before(receive, send)
        if moment == "after a wait":
            await asyncio.sleep(0)
        raise error

    return app


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("error", ERRORS)
def test_request_is_answered_with_500_and_counted_no_more(impl, caplog, error, moment):
    with Wire(impl, app_that_raises(error, moment), limit_concurrency=1) as wire:
        wire.feed(GET)
        (response,) = read_responses(wire.sent)
        assert response.status == 500
        assert wire.context.active_requests == 0
        wire.connect()
        wire.feed(GET)
        assert wire.sent.endswith(b"hi")
    (record,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert "serving GET /" in record.getMessage()


@pytest.mark.parametrize("error", ERRORS)
def test_response_that_has_begun_is_cut_off(impl, error):
    async def begin(receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x", "more_body": True})

    with Wire(impl, app_that_raises(error, "after a wait", begin)) as wire:
        wire.feed(GET)
        assert wire.sent.startswith(b"HTTP/1.1 200")
        assert not wire.sent.endswith(b"0\r\n\r\n")
        assert not wire.is_open
        assert wire.context.active_requests == 0


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("error", ERRORS)
def test_handshake_is_answered_with_500(impl, error, moment):
    with Wire(impl, app_that_raises(error, moment)) as wire:
        wire.feed(handshake())
        assert wire.sent.startswith(b"HTTP/1.1 500")
        assert wire.context.active_requests == 0


@pytest.mark.parametrize("takes_message", [False, True], ids=["accepted", "has a message"])
@pytest.mark.parametrize("error", ERRORS)
def test_websocket_is_closed_with_1011(impl, error, takes_message):
    async def accept(receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        if takes_message:
            # The task goes on within the call that brings the message.
            await receive()

    with Wire(impl, app_that_raises(error, "at once", accept)) as wire:
        wire.feed(handshake())
        wire.feed(client_frame(TEXT, b"a"))
        assert read_frames(split_answer(wire.sent)[1])[0] == Frame(CLOSE, INTERNAL_ERROR)
        assert wire.context.active_requests == 0


def test_log_shows_where_the_application_has_exited(impl, caplog):
    with Wire(impl, app_that_raises(SystemExit("the end"), "after a wait")) as wire:
        wire.feed(GET)
    (record,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert record.exc_info[1].code == "the end"


def test_hundred_exits_leave_a_server_that_serves(impl):
    app = RecordingApp()

    async def exit_mostly(scope, receive, send):
        if scope["path"] == "/exit":
            raise SystemExit
        await app(scope, receive, send)

    with Wire(impl, exit_mostly, limit_concurrency=2) as wire:
        for _ in range(100):
            wire.feed(GET.replace(b"/ ", b"/exit "))
            wire.connect()
        wire.feed(GET)
        assert read_responses(wire.sent)[0].status == 200
