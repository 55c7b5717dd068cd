"""What is not expected to fail, fails: its connection is aborted and logged, others go on."""

from __future__ import annotations

import asyncio
import errno
import logging

import pytest

from tests.apps import answer
from tests.fakes import Wire
from tests.ws_peer import TEXT, client_frame, handshake

GET = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"


class Broken(Exception):
    """A bug of ours."""


def fail(*_, **__):
    raise Broken


async def app(scope, receive, send):
    if scope["type"] == "http":
        await answer(send, b"hi")
        return
    await receive()
    await send({"type": "websocket.accept"})
    await asyncio.Event().wait()


async def app_that_waits(scope, receive, send):
    await receive()
    await asyncio.sleep(0)
    await answer(send, b"hi")


@pytest.fixture
def bugs(caplog):
    """The errors that were logged; each with a traceback."""

    def read():
        records = [record for record in caplog.records if record.levelno >= logging.ERROR]
        assert all(record.exc_info[0] is Broken for record in records)
        return [record.getMessage() for record in records]

    return read


ABORTED = ["192.0.2.7:50505 - internal error, connection aborted"]


def assert_is_aborted(wire):
    assert wire.transport.was_aborted
    assert wire.transport.is_connection_lost
    assert wire.context.connections == set()
    assert wire.context.active_requests == 0


@pytest.mark.parametrize("first_app", [app, app_that_waits])
@pytest.mark.parametrize("before", [b"", GET, GET * 3])
def test_error_in_a_parsed_head_aborts_the_connection(impl, monkeypatch, bugs, before, first_app):
    monkeypatch.setattr(impl.http1_connection, "read_handshake", fail)
    with Wire(impl, first_app) as wire:
        wire.feed(before + handshake() + GET)
        assert bugs() == ABORTED
        assert_is_aborted(wire)
        # What is still on its way is of no interest.
        wire.connection.data_received(GET)
        assert bugs() == ABORTED


def test_error_in_a_body_aborts_the_connection(impl, monkeypatch, bugs):
    async def wait_for_ever(scope, receive, send):
        await asyncio.Event().wait()

    with Wire(impl, wait_for_ever) as wire:
        monkeypatch.setattr(wire.transport, "pause_reading", fail)
        wire.feed(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 99999\r\n\r\n" + bytes(90_000))
        assert bugs() == ABORTED
        assert wire.transport.was_aborted


def test_error_while_writing_is_resumed_aborts_the_connection(impl, monkeypatch, bugs):
    with Wire(impl, app) as wire:
        module = impl.flow_control
        monkeypatch.setattr(module, "trust_reader", fail)
        wire.call(wire.connection.pause_writing)
        wire.call(wire.connection.resume_writing)
        assert bugs() == ABORTED
        assert_is_aborted(wire)


def test_error_when_the_application_has_ended_aborts_the_connection(impl, monkeypatch, bugs):
    async def end_without_an_answer(scope, receive, send):
        await receive()
        await asyncio.sleep(0)

    with Wire(impl, end_without_an_answer) as wire:
        monkeypatch.setattr(impl.http1_connection, "log_no_answer", fail)
        wire.feed(GET)
        assert bugs() == ABORTED
        assert_is_aborted(wire)


def test_error_in_a_tick_keeps_no_tick_from_other_connections(impl, monkeypatch, bugs):
    with Wire(impl, app, timeout_keep_alive=5) as wire:
        transports = []
        for _ in range(3):
            wire.feed(GET)
            transports.append(wire.transport)
            wire.connect()
        for transport in transports:
            monkeypatch.setattr(transport, "close", fail)
        wire.lose()
        wire.tick(6)
        assert bugs() == ABORTED * 3
        assert all(transport.was_aborted for transport in transports)
        assert wire.context.connections == set()


def test_error_of_an_admitted_request_is_its_own(impl, monkeypatch, bugs):
    gate = asyncio.Event()

    async def wait_for_the_gate(scope, receive, send):
        await gate.wait()
        await answer(send, b"hi")

    with Wire(impl, wait_for_the_gate, limit_concurrency=1, limit_queue=5) as wire:
        wire.feed(GET)
        first = wire.transport
        wire.connect()
        monkeypatch.setattr(impl.http1_connection, "WsConnection", fail)
        wire.feed(handshake())
        broken = wire.transport
        wire.connect()
        wire.feed(GET)
        wire.call(gate.set)
        assert bytes(first.sent).endswith(b"hi")
        assert broken.was_aborted
        assert wire.sent.endswith(b"hi")
        assert bugs() == ABORTED


def test_error_in_a_websocket_aborts_the_connection(impl, monkeypatch, bugs):
    with Wire(impl, app, ws_max_queue=2) as wire:
        wire.feed(handshake())
        monkeypatch.setattr(wire.transport, "pause_reading", fail)
        wire.feed(client_frame(TEXT, b"a") * 8)
        assert bugs() == ABORTED
        assert wire.transport.was_aborted
        assert wire.context.connections == set()


def test_error_while_a_websocket_is_read_on_aborts_the_connection(impl, monkeypatch, bugs):
    class BrokenInflater:
        def __init__(self, parameters):
            pass

        inflate = fail

    monkeypatch.setattr(impl.ws_connection, "Inflater", BrokenInflater)
    with Wire(impl, app) as wire:
        # It comes behind the handshake, and is read by a callback of the loop.
        offer = handshake(sec_websocket_extensions="permessage-deflate")
        wire.feed(offer + b"\xc1" + client_frame(TEXT, b"a")[1:])
        assert bugs() == ABORTED
        assert wire.transport.was_aborted


def test_error_in_a_tick_of_a_websocket_aborts_it(impl, monkeypatch, bugs):
    monkeypatch.setattr(impl.ws_connection.os, "urandom", fail)
    with Wire(impl, app, ws_ping_interval=1.0) as wire:
        wire.feed(handshake())
        wire.tick(3)
        assert bugs() == ABORTED
        assert wire.transport.was_aborted


def test_connection_that_is_reset_before_its_last_response_is_no_internal_error(impl, caplog):
    with Wire(impl, app) as wire:

        def raise_not_connected():
            raise OSError(errno.ENOTCONN, "not connected")

        wire.transport.write_eof = raise_not_connected
        wire.feed(b"\xee\r\n\r\n")
        assert wire.transport.is_closing()
    assert not caplog.records
