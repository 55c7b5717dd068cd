"""The end of a TLS connection, whose transport waits for the peer to close too."""

from __future__ import annotations

from typing import Any

import pytest

from tests.apps import RecordingApp, answer
from tests.fakes import Wire
from tests.ws_peer import client_close, handshake

# Time-outs are late by up to a tick, and there are two of them in a row.
MARGIN_S = 0.75


@pytest.fixture
def open_wire(impl):
    """Open a connection whose peer does not answer the end; *unsent_bytes* are on the way to it."""

    def open_with(app: Any, *, unsent_bytes: int | None, **options: Any) -> Wire:
        wire = Wire(impl, app, extra={"sslcontext": object()}, **options)
        wire.transport.stall()
        if unsent_bytes is not None:
            wire.transport.get_local_write_buffer_size = lambda: unsent_bytes
        return wire

    return open_with


def test_peer_that_does_not_answer_the_end_is_waited_for_for_two_seconds(open_wire):
    with open_wire(RecordingApp(), unsent_bytes=0) as wire:
        wire.feed(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        wire.tick(2)
        assert not wire.transport.is_connection_lost
        wire.tick(MARGIN_S)
        assert wire.transport.was_aborted


def test_idle_connection_whose_peer_does_not_answer_the_end_is_closed(open_wire):
    with open_wire(RecordingApp(), unsent_bytes=0) as wire:
        wire.feed(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        wire.tick(5 + 2 + MARGIN_S)
        assert wire.transport.was_aborted


@pytest.mark.parametrize("unsent_bytes", [1, None])
def test_peer_that_has_yet_to_read_has_the_time_for_it(open_wire, unsent_bytes):
    with open_wire(RecordingApp(), unsent_bytes=unsent_bytes) as wire:
        wire.feed(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        wire.tick(59)
        assert not wire.transport.is_connection_lost
        wire.tick(1 + MARGIN_S)
        assert wire.transport.was_aborted


def test_body_that_nobody_wants_is_read_before_the_connection_is_closed(open_wire):
    async def app(scope, receive, send):
        await receive()
        await answer(send, b"no", status=413)

    with open_wire(app, unsent_bytes=0) as wire:
        wire.feed(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 900000\r\n\r\n" + b"x" * 200_000)
        # Paused, the socket would be closed with input that was not read, and so be reset.
        assert wire.transport.is_reading()
        wire.tick(2 + MARGIN_S)
        assert wire.transport.is_closing()


def test_websocket_whose_peer_does_not_answer_the_end_of_tls_is_closed(open_wire):
    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        await receive()

    with open_wire(app, unsent_bytes=0) as wire:
        wire.feed(handshake("/"))
        wire.feed(client_close(1000))
        assert wire.transport.is_closing()
        wire.tick(2 + MARGIN_S)
        assert wire.transport.was_aborted
