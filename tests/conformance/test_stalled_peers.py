"""Peers that are waited for while the server drains: what counts as moving, and how they end."""

from __future__ import annotations

import asyncio

import pytest

from asgiserve.errors import ClientDisconnected
from tests.apps import RecordingApp, body, read_body, start
from tests.fakes import Wire
from tests.http_responses import read_responses

GET = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"
POST_HEAD = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\n"
CONTINUE_HEAD = POST_HEAD[:-2] + b"expect: 100-continue\r\n\r\n"


def begin_draining(wire):
    wire.context.is_draining = True
    wire.call(wire.connection.start_draining)


async def wait_for_ever(scope, receive, send):
    await asyncio.Event().wait()


@pytest.mark.parametrize("data", [GET[:-2], POST_HEAD + b"he"], ids=["half a head", "upload"])
def test_peer_that_sends_moves_and_one_that_does_not_gets_408(impl, data):
    app = RecordingApp()
    with Wire(impl, app) as wire:
        wire.feed(data[:-1])
        begin_draining(wire)
        count = wire.connection.count_progress()
        assert wire.connection.count_progress() == count >= 0
        wire.feed(data[-1:])
        assert wire.connection.count_progress() > count
        assert wire.sent == b""
        wire.call(wire.connection.end_stalled)
        (response,) = read_responses(wire.sent)
        assert response.status == 408
        assert not wire.is_open
        assert not wire.context.tasks


def test_peer_that_reads_moves_and_one_that_does_not_is_reset(impl):
    errors = []

    async def app(scope, receive, send):
        await send(start())
        try:
            while True:
                await send(body(b"x" * 50_000, more=True))
        except ClientDisconnected as error:
            errors.append(error)

    with Wire(impl, app) as wire:
        wire.transport.stall()
        wire.feed(GET)
        begin_draining(wire)
        count = wire.connection.count_progress()
        wire.drain(1000)
        assert wire.connection.count_progress() == count + 1000
        wire.call(wire.connection.end_stalled)
        assert wire.transport.was_aborted
        assert errors


def test_peer_that_does_not_read_the_end_of_its_answer_is_reset(impl):
    async def app(scope, receive, send):
        await send(start((b"connection", b"close")))
        await send(body(b"x" * 50_000))

    with Wire(impl, app) as wire:
        wire.transport.stall()
        wire.feed(GET)
        wire.tick(3)
        assert not wire.is_open
        begin_draining(wire)
        assert wire.connection.count_progress() >= 0
        wire.call(wire.connection.end_stalled)
        assert wire.transport.was_aborted


@pytest.mark.parametrize(
    "data",
    [GET, POST_HEAD + b"hello", CONTINUE_HEAD, POST_HEAD[:-5] + b"99999\r\n\r\n" + b"x" * 90_000],
)
def test_application_that_is_waited_for_is_no_peer_that_stalls(impl, data):
    with Wire(impl, wait_for_ever) as wire:
        wire.feed(data)
        begin_draining(wire)
        assert wire.connection.count_progress() == -1


def test_client_that_waits_for_100_continue_stalls_once_it_has_that(impl):
    async def app(scope, receive, send):
        await go_on.wait()
        await read_body(receive)

    with Wire(impl, app) as wire:
        go_on = asyncio.Event()
        wire.feed(CONTINUE_HEAD)
        begin_draining(wire)
        assert wire.connection.count_progress() == -1
        wire.call(go_on.set)
        assert wire.sent == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert wire.connection.count_progress() >= 0
