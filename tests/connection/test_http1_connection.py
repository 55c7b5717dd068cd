"""What a connection leaves behind and what logs call its peer.

How it behaves stands in ``tests/conformance``.
"""

from __future__ import annotations

import asyncio
import gc
import sys

import pytest

from asgiserve.config import Config
from tests.apps import RecordingApp, answer
from tests.fakes import Wire


async def app(scope, receive, send):
    await answer(send, b"hi")


class Transport(asyncio.Transport):
    """Takes everything and tells nothing."""

    def write(self, data):
        pass

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
