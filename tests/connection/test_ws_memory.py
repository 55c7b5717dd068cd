"""What a WebSocket takes in memory while its application does not read: bounded by ws_max_size."""

from __future__ import annotations

import asyncio
import zlib

import pytest

from tests.fakes import Wire
from tests.ws_peer import BINARY, TEXT, client_frame, handshake

tracemalloc = pytest.importorskip("tracemalloc", reason="it counts what CPython allocates")

MAX_SIZE = 1 << 20
# A message that is nearly too large after a queue that is nearly full, four bytes for each of its
# characters; while it is decoded, what it is made of as well. So docs/security.md says.
QUEUE_FACTOR = 5
PEAK_FACTOR = 6
# What the rest takes: connection, cycle, inflater, the bytes of one read.
SLACK_BYTES = 256 * 1024

# One character that needs four bytes makes all of a str's need as many.
WIDE_TEXT = "\N{GRINNING FACE}".encode() + b"a" * (MAX_SIZE - 4)
NARROW_TEXT = b"a" * (MAX_SIZE - 4)


def deflated(payload):
    deflater = zlib.compressobj(wbits=-15)
    return (deflater.compress(payload) + deflater.flush(zlib.Z_SYNC_FLUSH))[:-4]


def measure(impl, frames, reads=0):
    """What 64 KiB a read of *frames*, again and again, cost, now and at most; how many are left.

    The application takes *reads* of them when the queue is full.
    """
    go_on = asyncio.Event()

    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        await go_on.wait()
        for _ in range(reads):
            await receive()
        await asyncio.Event().wait()

    with Wire(impl, app, ws_max_size=MAX_SIZE, ws_max_queue=1_000_000) as wire:
        wire.feed(
            handshake(sec_websocket_extensions="permessage-deflate; client_no_context_takeover")
        )
        stream = b"".join(frames)
        pieces = [stream[start : start + 65536] for start in range(0, len(stream), 65536)]
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            wire.feed(*pieces)
            wire.call(go_on.set)
            now, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        return now - before, peak - before, wire.transport.unread_bytes


WIDE = client_frame(TEXT, deflated(WIDE_TEXT), is_compressed=True)
NARROW = client_frame(TEXT, deflated(NARROW_TEXT), is_compressed=True)

STREAMS = {
    "inflated text of four bytes a character": ([WIDE] * 200, 0),
    "such text behind a queue that is nearly full": ([NARROW, *[WIDE] * 200], 0),
    "such text behind small messages, some of which are taken": (
        [client_frame(TEXT, b"a")] * 50 + [WIDE] * 200,
        40,
    ),
    "inflated bytes": (
        [client_frame(BINARY, deflated(bytes(MAX_SIZE)), is_compressed=True)] * 200,
        0,
    ),
    "empty messages": ([client_frame(TEXT, b"")] * 60_000, 0),
    "messages of a few bytes": ([client_frame(BINARY, b"abc")] * 40_000, 0),
}


@pytest.mark.parametrize("name", STREAMS)
def test_messages_that_wait_are_bounded_by_what_they_take(impl, name):
    frames, reads = STREAMS[name]
    now, peak, unread_bytes = measure(impl, frames, reads)
    assert unread_bytes > 0
    assert now < QUEUE_FACTOR * MAX_SIZE + SLACK_BYTES
    assert peak < PEAK_FACTOR * MAX_SIZE + SLACK_BYTES
