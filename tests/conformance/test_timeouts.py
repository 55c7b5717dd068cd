"""The five ways of a client to do nothing, and how long each may last.

Time is a manual clock, which the worker's ticker divides into ticks: a time-out comes at its second
or up to two ticks later, never before.
"""

from __future__ import annotations

import asyncio
import socket
import sys

import pytest

from tests.apps import RecordingApp, answer, body, read_body, start
from tests.fakes import Wire
from tests.http_responses import read_responses

GET = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"
POST_HEAD = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\n"
MARGIN_S = 0.5
# How long a refused client may still send (RFC 9112 section 9.6).
LINGER_S = 2


def assert_closes_after(wire: Wire, seconds: float) -> None:
    wire.tick(seconds - 0.25)
    assert wire.is_open, f"closed before {seconds} s"
    wire.tick(0.25 + MARGIN_S)
    assert not wire.is_open, f"still open {MARGIN_S} s after {seconds} s"


def assert_gone(wire: Wire) -> None:
    """Lingering has come to its end too: the transport is closed."""
    wire.tick(LINGER_S + MARGIN_S)
    assert wire.transport.is_connection_lost
    assert not wire.context.connections


def statuses(wire: Wire) -> list[int]:
    return [response.status for response in read_responses(wire.sent)]


# --- a connection that sends nothing --------------------------------------------------------------


def test_silent_connection_is_closed(impl):
    with Wire(impl, RecordingApp()) as wire:
        assert_closes_after(wire, 30)
        assert statuses(wire) in ([], [408])
        assert_gone(wire)


def test_connection_that_sends_nothing_but_line_ends_is_closed(impl):
    with Wire(impl, RecordingApp()) as wire:
        for _ in range(29):
            wire.feed(b"\r\n")
            wire.tick(1)
        assert_closes_after(wire, 1)
        assert_gone(wire)


def test_timeout_of_silence_can_be_set(impl):
    with Wire(impl, RecordingApp(), timeout_request_header=3) as wire:
        assert_closes_after(wire, 3)


# --- half a head ----------------------------------------------------------------------------------


def test_half_a_head_is_408(impl):  # RFC 9110 section 15.5.9
    app = RecordingApp()
    with Wire(impl, app) as wire:
        wire.feed(b"GET / HTTP/1.1\r\nhost: a\r\n")
        assert_closes_after(wire, 30)
        assert statuses(wire) == [408]
        assert_gone(wire)
    assert app.requests == []


@pytest.mark.parametrize("piece", [b"x", b"x: y\r\n"], ids=["a byte", "a field"])
def test_head_that_drips_is_408(impl, piece):  # slowloris
    app = RecordingApp()
    with Wire(impl, app) as wire:
        wire.feed(b"GET / HTTP/1.1\r\nhost: a\r\n")
        for _ in range(29):
            wire.tick(1)
            wire.feed(piece)
        assert_closes_after(wire, 1)
        assert statuses(wire) == [408]
        assert_gone(wire)
    assert app.requests == []


def test_silence_and_head_share_one_deadline_on_a_new_connection(impl):
    with Wire(impl, RecordingApp()) as wire:
        wire.tick(20)
        wire.feed(b"GET / HTTP/1.1\r\n")
        assert_closes_after(wire, 10)
        assert statuses(wire) == [408]


def test_second_head_has_its_own_deadline(impl):
    with Wire(impl, RecordingApp()) as wire:
        wire.feed(GET)
        wire.tick(4)
        wire.feed(b"GET / HTTP/1.1\r\n")
        for _ in range(29):
            wire.tick(1)
            wire.feed(b"x: y\r\n")
        assert_closes_after(wire, 1)
        assert statuses(wire) == [200, 408]


def test_pipelined_half_head_has_a_deadline(impl):
    with Wire(impl, RecordingApp()) as wire:
        wire.feed(GET + b"GET / HT")
        assert_closes_after(wire, 30)
        assert statuses(wire) == [200, 408]


def test_head_that_comes_in_time_is_served(impl):
    with Wire(impl, RecordingApp()) as wire:
        wire.tick(29)
        wire.feed(GET)
        assert statuses(wire) == [200]


# --- between two requests -------------------------------------------------------------------------


def test_idle_connection_is_closed_without_a_word(impl):
    with Wire(impl, RecordingApp()) as wire:
        wire.feed(GET)
        assert_closes_after(wire, 5)
        assert statuses(wire) == [200]
        assert_gone(wire)


def test_idle_connection_that_sends_nothing_but_line_ends_is_closed(impl):
    with Wire(impl, RecordingApp()) as wire:
        wire.feed(GET)
        for _ in range(4):
            wire.tick(1)
            wire.feed(b"\r\n")
        assert_closes_after(wire, 1)


def test_each_request_gives_idleness_a_new_start(impl):
    with Wire(impl, RecordingApp()) as wire:
        for _ in range(5):
            wire.feed(GET)
            wire.tick(4)
        assert len(statuses(wire)) == 5
        assert_closes_after(wire, 1)


def test_keep_alive_timeout_can_be_set(impl):
    with Wire(impl, RecordingApp(), timeout_keep_alive=75) as wire:
        wire.feed(GET)
        assert_closes_after(wire, 75)


@pytest.mark.skipif(sys.platform == "win32", reason="no poll() there")
@pytest.mark.parametrize("is_draining", [False, True], ids=["serving", "draining"])
def test_request_that_the_loop_has_yet_to_read_is_not_lost_by_closing(impl, is_draining):
    ours, theirs = socket.socketpair()
    with ours, theirs, Wire(impl, RecordingApp(), extra={"socket": ours}) as wire:
        wire.feed(GET)
        theirs.send(GET)
        wire.tick(4)
        if is_draining:
            wire.context.is_draining = True
            wire.call(wire.connection.start_draining)
        wire.tick(2)
        assert wire.is_open
        wire.feed(ours.recv(100))
        assert statuses(wire) == [200, 200]
        assert wire.is_open is not is_draining


@pytest.mark.skipif(sys.platform == "win32", reason="no poll() there")
def test_idle_connection_with_nothing_to_read_is_closed(impl):
    ours, theirs = socket.socketpair()
    with ours, theirs, Wire(impl, RecordingApp(), extra={"socket": ours}) as wire:
        wire.feed(GET)
        assert_closes_after(wire, 5)


# --- a body that stalls ---------------------------------------------------------------------------


def test_stalled_body_is_408(impl):  # RFC 9110 section 15.5.9
    app = RecordingApp()
    with Wire(impl, app) as wire:
        wire.feed(POST_HEAD + b"he")
        assert_closes_after(wire, 60)
        assert statuses(wire) == [408]
        assert_gone(wire)
        assert not wire.context.tasks
    assert not app.requests[0].is_complete


def test_body_that_never_begins_is_408(impl):
    with Wire(impl, RecordingApp()) as wire:
        wire.feed(POST_HEAD)
        assert_closes_after(wire, 60)
        assert statuses(wire) == [408]


def test_chunked_body_that_stalls_is_408(impl):
    with Wire(impl, RecordingApp()) as wire:
        wire.feed(b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhe")
        assert_closes_after(wire, 60)
        assert statuses(wire) == [408]


def test_slow_body_is_read_to_its_end(impl):
    app = RecordingApp()
    with Wire(impl, app) as wire:
        wire.feed(POST_HEAD)
        for byte in b"hello":
            wire.tick(59)
            wire.feed(bytes([byte]))
        assert statuses(wire) == [200]
    assert app.requests[0].body == b"hello"


def test_stalled_body_behind_the_start_of_the_response_cuts_the_connection(impl):
    async def app(scope, receive, send):
        await send(start())
        await send(body(b"x", more=True))
        await read_body(receive)
        await send(body(b"y"))

    with Wire(impl, app) as wire:
        wire.feed(POST_HEAD + b"he")
        assert_closes_after(wire, 60)
        (response,) = read_responses(wire.sent, is_closed=True)
        assert not response.is_complete
        assert_gone(wire)


def test_stalled_rest_of_an_unread_body_closes_the_connection(impl):
    async def app(scope, receive, send):
        await answer(send)

    with Wire(impl, app) as wire:
        wire.feed(POST_HEAD + b"he")
        assert statuses(wire) == [200]
        assert_closes_after(wire, 60)
        assert statuses(wire) == [200]


def test_slow_application_does_not_count_as_a_stalled_body(impl):
    resume = asyncio.Event()

    async def app(scope, receive, send):
        await resume.wait()
        await answer(send, b"%d" % len(await read_body(receive)))

    with Wire(impl, app) as wire:
        size = 400_000
        wire.feed(POST_HEAD.replace(b": 5", b": %d" % size), *[b"x" * 10_000] * (size // 10_000))
        assert not wire.transport.is_reading()
        wire.tick(600)
        wire.call(resume.set)
        assert [response.body for response in read_responses(wire.sent)] == [b"%d" % size]


def test_slow_application_has_no_time_limit(impl):
    resume = asyncio.Event()

    async def app(scope, receive, send):
        await resume.wait()
        await answer(send, b"late")

    with Wire(impl, app) as wire:
        wire.feed(GET)
        wire.tick(600)
        assert wire.is_open
        wire.call(resume.set)
        assert [response.body for response in read_responses(wire.sent)] == [b"late"]
        assert_closes_after(wire, 5)


def test_slow_stream_has_no_time_limit(impl):
    async def app(scope, receive, send):
        await send(start())
        for _ in range(10):
            await asyncio.sleep(100)
            await send(body(b"x", more=True))
        await send(body())

    with Wire(impl, app) as wire:
        wire.feed(GET)
        for _ in range(10):
            wire.tick(100)
        (response,) = read_responses(wire.sent)
        assert response.is_complete
        assert response.body == b"x" * 10


# --- a response that nobody reads -----------------------------------------------------------------


def endless_app(sent, errors):
    async def app(scope, receive, send):
        try:
            await send(start())
            while True:
                await send(body(b"x" * 10_000, more=True))
                sent.append(10_000)
        except OSError as error:
            errors.append(error)

    return app


def test_response_that_nobody_reads_is_aborted(impl):
    sent, errors = [], []
    with Wire(impl, endless_app(sent, errors)) as wire:
        wire.transport.stall()
        wire.feed(GET)
        wire.tick(59.5)
        assert not wire.transport.is_connection_lost
        wire.tick(0.5 + MARGIN_S)
        assert wire.transport.was_aborted
        assert wire.transport.is_connection_lost
    assert len(errors) == 1


def test_response_that_is_read_slowly_goes_on(impl):
    sent, errors = [], []
    with Wire(impl, endless_app(sent, errors)) as wire:
        wire.transport.stall()
        wire.feed(GET)
        for _ in range(20):
            wire.tick(55)
            wire.drain(100)
        assert not wire.transport.is_connection_lost
        wire.tick(60 + MARGIN_S)
        assert wire.transport.was_aborted


def test_small_response_that_nobody_reads_is_aborted(impl):
    with Wire(impl, RecordingApp()) as wire:
        wire.transport.stall()
        wire.feed(GET)
        wire.tick(5 + 60 + 2 * MARGIN_S)
        assert wire.transport.was_aborted
        assert wire.transport.is_connection_lost


def test_last_response_that_nobody_reads_is_aborted(impl):
    with Wire(impl, RecordingApp()) as wire:
        wire.transport.stall()
        wire.feed(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        wire.tick(59)
        assert not wire.transport.is_connection_lost
        wire.tick(1 + MARGIN_S)
        assert wire.transport.was_aborted


def test_refusal_that_nobody_reads_is_aborted(impl):
    with Wire(impl, RecordingApp()) as wire:
        wire.transport.stall()
        wire.feed(b"garbage\r\n\r\n")
        wire.tick(LINGER_S + 60 + 2 * MARGIN_S)
        assert wire.transport.is_connection_lost


def test_write_timeout_can_be_set(impl):
    with Wire(impl, endless_app([], []), timeout_write=3) as wire:
        wire.transport.stall()
        wire.feed(GET)
        wire.tick(3 + MARGIN_S)
        assert wire.transport.was_aborted


# --- a refused client that does not stop ----------------------------------------------------------


def test_refused_client_may_not_go_on_for_ever(impl):  # RFC 9112 section 9.6
    app = RecordingApp()
    with Wire(impl, app) as wire:
        wire.feed(b"garbage\r\n\r\n")
        assert statuses(wire) == [400]
        # A close at once would reset the connection, and the reset might overtake the answer.
        assert not wire.transport.is_connection_lost
        for _ in range(LINGER_S * 4):
            wire.feed(GET)
            wire.tick(0.25)
        wire.tick(MARGIN_S)
        assert wire.transport.is_connection_lost
        assert statuses(wire) == [400]
    assert app.requests == []


def test_refused_client_that_closes_is_let_go_at_once(impl):
    with Wire(impl, RecordingApp()) as wire:
        wire.feed(b"garbage\r\n\r\n")
        wire.feed_eof()
        assert wire.transport.is_connection_lost


# --- a client that sends on after its answer ------------------------------------------------------

UPLOAD_HEAD = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000000\r\n\r\n"
CHUNKED_HEAD = b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n"
CHUNK = b"4000\r\n" + b"x" * 0x4000 + b"\r\n"
TLS = {"sslcontext": object()}


async def refuse(scope, receive, send):
    await answer(send, b"no", status=401)


def upload(wire: Wire, seconds: float, piece: bytes) -> None:
    """Send one *piece* every quarter of a second, while the server takes it."""
    for _ in range(round(seconds * 4)):
        wire.feed(piece)
        wire.tick(0.25)


@pytest.mark.parametrize("is_draining", [False, True], ids=["serving", "draining"])
@pytest.mark.parametrize("extra", [{}, TLS], ids=["plain", "tls"])
@pytest.mark.parametrize(
    ("head", "piece"),
    [(UPLOAD_HEAD, b"x" * 5_000), (CHUNKED_HEAD, CHUNK)],
    ids=["length", "chunked"],
)
def test_upload_is_dropped_for_half_a_minute_after_its_answer(
    impl, head, piece, extra, is_draining
):
    with Wire(impl, refuse, extra=extra) as wire:
        wire.feed(head)
        if is_draining:
            wire.context.is_draining = True
            wire.call(wire.connection.start_draining)
        # The first 64 KiB of chunks might have ended a short body.
        upload(wire, 28, piece)
        assert wire.transport.unread_bytes == 0
        assert not wire.transport.is_closing()
        upload(wire, 3, piece)
        assert wire.transport.is_closing()
        assert statuses(wire) == [401]


def test_upload_that_pauses_after_its_answer_is_cut_off(impl):
    with Wire(impl, refuse) as wire:
        wire.feed(UPLOAD_HEAD)
        upload(wire, 10, b"x" * 5_000)
        wire.tick(2 * LINGER_S + MARGIN_S)
        assert wire.transport.is_connection_lost


def test_upload_that_trickles_after_its_answer_is_cut_off(impl):
    with Wire(impl, refuse) as wire:
        wire.feed(UPLOAD_HEAD)
        upload(wire, LINGER_S + MARGIN_S, b"x" * 100)
        assert wire.transport.is_connection_lost


def test_upload_over_the_limit_is_dropped_for_two_seconds_after_its_answer(impl):
    with Wire(impl, RecordingApp(), limit_request_body=50_000) as wire:
        wire.feed(UPLOAD_HEAD)
        upload(wire, LINGER_S, b"x" * 10_000)
        assert not wire.transport.is_closing()
        upload(wire, MARGIN_S, b"x" * 10_000)
        assert wire.transport.is_connection_lost
        assert statuses(wire) == [413]


def test_upload_below_the_limit_is_dropped_after_its_answer(impl):
    with Wire(impl, refuse, limit_request_body=1_000_000_000) as wire:
        wire.feed(UPLOAD_HEAD)
        upload(wire, 10, b"x" * 10_000)
        assert not wire.transport.is_closing()


def test_tls_is_closed_at_the_end_of_an_upload_whose_answer_did_not_say_so(impl):
    """The client might take the connection for one that goes on."""
    with Wire(impl, refuse, extra=TLS) as wire:
        wire.feed(CHUNKED_HEAD)
        upload(wire, 10, CHUNK)
        assert not wire.transport.is_closing()
        wire.feed(b"0\r\n\r\n")
        assert wire.transport.is_closing()
        assert not read_responses(wire.sent)[0].says_close


def test_tls_whose_end_is_that_of_the_response_is_closed_at_once(impl):
    async def app(scope, receive, send):
        await send(start(status=401))
        await send(body(b"n", more=True))
        await send(body(b"o"))

    with Wire(impl, app, extra=TLS) as wire:
        wire.feed(b"POST / HTTP/1.0\r\ncontent-length: 1000000\r\n\r\n")
        assert wire.transport.is_closing()


def test_malformed_rest_of_a_body_does_not_reset_the_answer(impl):
    with Wire(impl, refuse) as wire:
        wire.feed(CHUNKED_HEAD)
        wire.feed(b"no chunk\r\n")
        assert wire.transport.has_sent_eof
        assert not wire.transport.is_closing()
        wire.feed_eof()
        assert statuses(wire) == [401]


def test_worker_that_was_blocked_does_not_close_its_connections(impl):
    with Wire(impl, RecordingApp()) as wire:
        wire.loop.now_s += 3600
        wire.tick(0.25)
        wire.feed(GET)
        assert statuses(wire) == [200]
