"""What a connection leaves behind and what logs call its peer.

How it behaves stands in ``tests/conformance``.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import weakref

import pytest

from asgiserve.config.config import Config
from asgiserve.connection.addresses import Addresses
from tests.apps import RecordingApp, answer
from tests.fakes import CLIENT, SERVER, Wire


async def app(scope, receive, send):
    await answer(send, b"hi")


class Held:
    """What an application has open while it answers."""


class Transport(asyncio.Transport):
    """Takes everything and tells nothing."""

    def write(self, data):
        pass

    def is_closing(self):
        return False

    def close(self):
        pass


async def serve_and_lose_connections(impl, count):
    worker = impl.context.WorkerContext(app, Config(app), asyncio.get_running_loop())
    for _ in range(count):
        connection = impl.http1_connection.Http1Connection(worker)
        connection.connection_made(Transport())
        connection.data_received(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        # Before Python 3.12 the application's task needs a turn of the loop.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        connection.connection_lost(None)


async def take_turns():
    """Let the loop run what is ready, and what that makes ready."""
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.mark.skipif(sys.implementation.name != "cpython", reason="no reference is counted")
async def test_lost_connection_is_freed_without_the_garbage_collector(impl):
    gc.collect()
    gc.disable()
    try:
        await serve_and_lose_connections(impl, 10)
        left = [type(thing).__name__ for thing in gc.get_objects()]
    finally:
        gc.enable()
    assert "Http1Connection" not in left
    assert "RequestParser" not in left


@pytest.mark.skipif(sys.implementation.name != "cpython", reason="no reference is counted")
@pytest.mark.parametrize("is_full", [False, True], ids=["room", "no room"])
async def test_application_that_lost_its_client_is_freed_without_the_garbage_collector(
    impl, is_full
):
    left = []

    async def stream(scope, receive, send):
        held = Held()
        left.append(weakref.ref(held))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while held:
            await send({"type": "http.response.body", "body": b"x", "more_body": True})
            await asyncio.sleep(0)

    worker = impl.context.WorkerContext(stream, Config(stream), asyncio.get_running_loop())
    connection = impl.http1_connection.Http1Connection(worker)
    connection.connection_made(Transport())
    gc.disable()
    try:
        connection.data_received(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        await take_turns()
        assert left[0]() is not None
        if is_full:
            connection.pause_writing()
            await take_turns()
        connection.connection_lost(None)
        await take_turns()
        assert left[0]() is None
    finally:
        gc.enable()


@pytest.mark.parametrize(
    ("extra", "text"),
    [
        ({"peername": ("::1", 5, 0, 0), "sockname": ("::1", 8000, 0, 0)}, "::1:5"),
        ({"peername": "", "sockname": "/run/a.sock"}, "unix"),
        ({"peername": None, "sockname": ("192.0.2.1", 8000)}, "unknown"),
    ],
)
def test_logs_name_the_peer(impl, extra, text):
    with Wire(impl, RecordingApp(), extra=extra) as wire:
        assert wire.connection.client_text == text


@pytest.mark.parametrize(
    ("addresses", "client", "server", "text"),
    [
        (
            Addresses(("203.0.113.9", 40), ("198.51.100.2", 443)),
            ("203.0.113.9", 40),
            ("198.51.100.2", 443),
            "203.0.113.9:40",
        ),
        (Addresses(None, ("/run/front.sock", None)), None, ("/run/front.sock", None), "unix"),
        (None, CLIENT, SERVER, "192.0.2.7:50505"),
    ],
)
def test_addresses_of_a_proxy_go_before_those_of_the_transport(
    impl, addresses, client, server, text
):
    app = RecordingApp()
    with Wire(impl, app) as wire:
        connection = impl.http1_connection.Http1Connection(wire.context, addresses)
        wire.call(wire.transport.connect, connection)
        wire.feed(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        scope = app.requests[0].scope
        assert scope["client"] == client
        assert scope["server"] == server
        assert connection.client_text == text


@pytest.mark.parametrize("is_split", [False, True])
@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"HEAD / HTTP/1.1\r\n\r\n", 400),
        (b"HEAD / HTTP/1.1\r\nhost: a\r\nb c: d\r\n\r\n", 400),
        (b"HEAD / HTTP/1.1\r\nhost: a\r\n" + b"a: b\r\n" * 200, 431),
    ],
)
def test_refused_head_gets_no_body(impl, head, status, is_split):
    with Wire(impl, RecordingApp()) as wire:
        wire.feed(*([head[at : at + 1] for at in range(len(head))] if is_split else [head]))
        assert wire.sent.startswith(b"HTTP/1.1 %d " % status)
        assert b"\r\ncontent-length: " in wire.sent
        assert wire.sent.endswith(b"\r\n\r\n")
        assert wire.sent.count(b"\r\n\r\n") == 1
