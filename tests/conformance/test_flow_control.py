"""Memory stays bounded when the client does not read, or when the application does not."""

from __future__ import annotations

import asyncio

import pytest

from tests.apps import RecordingApp, answer, body, read_body, start
from tests.fakes import HIGH_WATER_BYTES, Wire
from tests.http_responses import read_responses

GET = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"
PIECE = b"x" * 10_000


def post_head(size: int) -> bytes:
    return b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: %d\r\n\r\n" % size


# --- responses ------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_length_known", [True, False], ids=["length", "chunks"])
def test_send_waits_for_a_client_that_does_not_read(impl, is_length_known):
    pieces = 200
    sent = []

    async def app(scope, receive, send):
        headers = [(b"content-length", b"%d" % (pieces * len(PIECE)))] if is_length_known else []
        await send(start(*headers))
        for number in range(pieces):
            await send(body(PIECE, more=number < pieces - 1))
            sent.append(number)

    with Wire(impl, app) as wire:
        wire.transport.stall()
        wire.feed(GET)
        assert len(sent) * len(PIECE) <= HIGH_WATER_BYTES
        wire.drain(30_000)
        assert wire.transport.peak_buffer_bytes <= HIGH_WATER_BYTES + 2 * len(PIECE)
        wire.drain()
        assert len(sent) == pieces
        (response,) = read_responses(wire.sent)
        assert response.body == PIECE * pieces
        assert wire.transport.peak_buffer_bytes <= HIGH_WATER_BYTES + 2 * len(PIECE)
        wire.feed(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        assert len(read_responses(wire.sent)) == 2


def test_large_response_is_complete_when_it_is_read_at_last(impl):
    async def app(scope, receive, send):
        await answer(send, b"x" * 1_000_000)

    with Wire(impl, app) as wire:
        wire.transport.stall()
        wire.feed(GET)
        wire.drain()
        (response,) = read_responses(wire.sent)
        assert response.body == b"x" * 1_000_000
        assert wire.is_open


def test_large_last_response_is_complete_when_it_is_read_at_last(impl):
    async def app(scope, receive, send):
        await answer(send, b"x" * 1_000_000)

    with Wire(impl, app) as wire:
        wire.transport.stall()
        wire.feed(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        wire.drain(500_000)
        assert not wire.transport.is_connection_lost
        wire.drain()
        (response,) = read_responses(wire.sent)
        assert response.is_complete
        assert wire.transport.is_connection_lost


def test_waiting_send_raises_when_the_client_is_lost(impl, caplog):
    errors = []

    async def app(scope, receive, send):
        await send(start())
        try:
            while True:
                await send(body(PIECE, more=True))
        except OSError as error:
            errors.append(error)

    with Wire(impl, app) as wire:
        wire.transport.stall()
        wire.feed(GET)
        assert errors == []
        wire.lose(ConnectionResetError())
        assert len(errors) == 1
    assert not caplog.records


def test_several_tasks_that_wait_for_room_are_all_woken(impl):
    done = []

    async def app(scope, receive, send):
        await send(start())

        async def write(name):
            await send(body(PIECE * 7, more=True))
            done.append(name)

        await asyncio.gather(*(write(name) for name in "abc"))
        await send(body())

    with Wire(impl, app) as wire:
        wire.transport.stall()
        wire.feed(GET)
        assert done == []
        wire.drain()
        assert sorted(done) == ["a", "b", "c"]
        (response,) = read_responses(wire.sent)
        assert response.body == PIECE * 21


def test_cancelled_send_leaves_the_other_ones_waiting(impl):
    done = []

    async def app(scope, receive, send):
        await send(start())
        # The first wait is over high water; both tasks wait for the same room.
        first = asyncio.create_task(send(body(PIECE * 7, more=True)))
        second = asyncio.create_task(send(body(b"second", more=True)))
        await asyncio.sleep(0)
        first.cancel()
        await second
        done.append("second")
        await send(body())

    with Wire(impl, app) as wire:
        wire.transport.stall()
        wire.feed(GET)
        assert done == []
        wire.drain()
        assert done == ["second"]
        (response,) = read_responses(wire.sent)
        assert response.body == PIECE * 7 + b"second"


def test_client_that_pipelines_and_does_not_read_is_held_back(impl):
    calls = []

    async def app(scope, receive, send):
        calls.append(scope["path"])
        await answer(send, PIECE)

    with Wire(impl, app) as wire:
        wire.transport.stall()
        wire.feed(*[GET * 10] * 100)
        assert wire.transport.peak_buffer_bytes <= HIGH_WATER_BYTES + 2 * len(PIECE)
        assert len(calls) <= HIGH_WATER_BYTES // len(PIECE) + 2
        wire.drain()
        assert len(calls) == 1000
        responses = read_responses(wire.sent)
        assert len(responses) == 1000
        assert all(response.body == PIECE for response in responses)


# --- requests -------------------------------------------------------------------------------------


def upload(size: int) -> list[bytes]:
    return [post_head(size), *[PIECE] * (size // len(PIECE))]


def test_application_that_does_not_read_stops_the_upload(impl):
    resume = asyncio.Event()
    size = 1_000_000
    bodies = []

    async def app(scope, receive, send):
        await resume.wait()
        bodies.append(await read_body(receive))
        await answer(send)

    with Wire(impl, app) as wire:
        wire.feed(*upload(size))
        assert not wire.transport.is_reading()
        assert size - wire.transport.unread_bytes <= HIGH_WATER_BYTES + len(PIECE)
        wire.call(resume.set)
        assert bodies == [b"x" * size]
        assert wire.transport.is_reading()
        assert len(read_responses(wire.sent)) == 1
        wire.feed(GET)
        assert len(read_responses(wire.sent)) == 2


def test_application_that_reads_slowly_gets_it_all(impl):
    size = 1_000_000
    events = []

    async def app(scope, receive, send):
        more = True
        while more:
            await asyncio.sleep(1)
            message = await receive()
            events.append(message["body"])
            more = message["more_body"]
        await answer(send)

    with Wire(impl, app) as wire:
        wire.feed(*upload(size))
        while not wire.sent:
            wire.loop.advance(1)
        assert b"".join(events) == b"x" * size
        assert max(len(event) for event in events) <= HIGH_WATER_BYTES + len(PIECE)
        assert len(events) > size // (HIGH_WATER_BYTES + len(PIECE))


def test_chunked_upload_is_stopped_too(impl):
    resume = asyncio.Event()
    bodies = []

    async def app(scope, receive, send):
        await resume.wait()
        bodies.append(await read_body(receive))
        await answer(send)

    chunk = b"2710\r\n" + PIECE + b"\r\n"
    head = b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n"
    with Wire(impl, app) as wire:
        wire.feed(head, *[chunk] * 50, b"0\r\n\r\n")
        assert not wire.transport.is_reading()
        wire.call(resume.set)
        assert bodies == [PIECE * 50]
        assert wire.transport.is_reading()


def test_upload_is_read_on_when_the_application_answers_without_it(impl):
    async def app(scope, receive, send):
        await answer(send, b"no")

    with Wire(impl, app) as wire:
        wire.feed(*upload(60_000), GET)
        assert [response.body for response in read_responses(wire.sent)] == [b"no", b"no"]


def test_upload_that_stopped_is_dropped_when_the_application_answers_without_it(impl):
    resume = asyncio.Event()

    async def app(scope, receive, send):
        await resume.wait()
        await answer(send, b"no")

    with Wire(impl, app) as wire:
        wire.feed(*upload(1_000_000), GET)
        assert not wire.transport.is_reading()
        wire.call(resume.set)
        assert [response.body for response in read_responses(wire.sent)] == [b"no"]
        assert not wire.is_open
        # What still comes is read and dropped, so that no reset overtakes the answer.
        assert wire.transport.unread_bytes == 0


def test_requests_behind_a_slow_one_are_held_back(impl):
    resume = asyncio.Event()
    calls = []

    async def app(scope, receive, send):
        calls.append(scope["path"])
        await resume.wait()
        await answer(send)

    with Wire(impl, app) as wire:
        total = 40_000
        wire.feed(*[GET * 1000] * (total // 1000))
        assert calls == ["/"]
        taken = total * len(GET) - wire.transport.unread_bytes
        assert taken <= HIGH_WATER_BYTES + 2 * 1000 * len(GET)
        assert not wire.transport.is_reading()
        wire.call(resume.set)
        assert len(calls) == total
        assert len(read_responses(wire.sent)) == total


def test_reading_goes_on_for_small_requests_behind_a_slow_one(impl):
    resume = asyncio.Event()

    async def app(scope, receive, send):
        await resume.wait()
        await answer(send)

    with Wire(impl, app) as wire:
        wire.feed(GET, GET)
        assert wire.transport.is_reading()
        wire.call(resume.set)
        assert len(read_responses(wire.sent)) == 2


def test_body_over_the_limit_is_not_buffered(impl):
    app = RecordingApp()
    with Wire(impl, app, limit_request_body=50_000) as wire:
        chunk = b"2710\r\n" + PIECE + b"\r\n"
        head = b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n"
        wire.feed(head, *[chunk] * 50, b"0\r\n\r\n")
        assert [response.status for response in read_responses(wire.sent)] == [413]
        assert not wire.is_open
    assert len(app.requests[0].body) <= 50_000
    assert not app.requests[0].is_complete


def test_body_that_comes_in_tiny_pieces_counts_what_it_takes(impl):
    async def app(scope, receive, send):
        await asyncio.Event().wait()

    with Wire(impl, app) as wire:
        wire.feed(post_head(4_000), *[b"ab"] * 2_000)
        # A thousand pieces take 64 KiB of memory.
        assert 1_900 < wire.transport.unread_bytes < 2_100
