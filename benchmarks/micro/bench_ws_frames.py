"""Reading a client's WebSocket frames and framing answers, beside websockets and wsproto.

Both have a layer without I/O. picows has none: it reads and writes on a transport itself.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture
from websockets.frames import Frame, Opcode
from websockets.protocol import SERVER, Protocol
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, TextMessage

MAX_SIZE = 16 * 1024 * 1024

CHAT_TEXT = "message 0042 of a chat, 32 bytes"
JSON_TEXT = '{"id": 42, "name": "Jürgen", "ok": true}' * 25
LONG_JSON_TEXT = JSON_TEXT * 4
PICTURE = bytes(range(256)) * 256
LARGE_PICTURE = PICTURE * 16

# As they are sent: opcode and payload, masked.
MESSAGES = {
    "text_32b": (Opcode.TEXT, CHAT_TEXT.encode()),
    "text_1kib": (Opcode.TEXT, JSON_TEXT.encode()),
    "text_4kib": (Opcode.TEXT, LONG_JSON_TEXT.encode()),
    "binary_64kib": (Opcode.BINARY, PICTURE),
    "binary_1mib": (Opcode.BINARY, LARGE_PICTURE),
}
ANSWERS: dict[str, str | bytes] = {
    "text_32b": CHAT_TEXT,
    "text_1kib": JSON_TEXT,
    "text_4kib": LONG_JSON_TEXT,
    "binary_64kib": PICTURE,
    "binary_1mib": LARGE_PICTURE,
}

# What a socket gives in one read.
READ_BYTES = 65536


@pytest.mark.parametrize("name", MESSAGES)
def bench_ws_read(benchmark: BenchmarkFixture, impl: SimpleNamespace, name: str) -> None:
    class Sink(impl.ws_messages.MessageSink):  # type: ignore[misc, name-defined]
        def on_message(self, message: str | bytes) -> None:
            pass

    reader = impl.ws_messages.MessageReader(Sink(), MAX_SIZE, None)
    benchmark(make_feeder(reader.feed, name))


@pytest.mark.parametrize("name", MESSAGES)
def bench_ws_read_websockets(benchmark: BenchmarkFixture, name: str) -> None:
    protocol = Protocol(SERVER, max_size=MAX_SIZE)

    def read(data: bytes) -> None:
        protocol.receive_data(data)
        for frame in protocol.events_received():
            if isinstance(frame, Frame) and frame.opcode is Opcode.TEXT:
                bytes(frame.data).decode()

    benchmark(make_feeder(read, name))


@pytest.mark.parametrize("name", MESSAGES)
def bench_ws_read_wsproto(benchmark: BenchmarkFixture, name: str) -> None:
    connection = Connection(ConnectionType.SERVER)

    def read(data: bytes) -> None:
        connection.receive_data(data)
        for _ in connection.events():
            pass

    benchmark(make_feeder(read, name))


@pytest.mark.parametrize("name", ANSWERS)
def bench_ws_frame(benchmark: BenchmarkFixture, impl: SimpleNamespace, name: str) -> None:
    answer: Any = ANSWERS[name]
    ws_frames = impl.ws_frames
    benchmark(ws_frames.frame_text if isinstance(answer, str) else ws_frames.frame_binary, answer)


@pytest.mark.parametrize("name", ANSWERS)
def bench_ws_frame_websockets(benchmark: BenchmarkFixture, name: str) -> None:
    answer: Any = ANSWERS[name]

    def frame() -> bytes:
        if isinstance(answer, str):
            return Frame(Opcode.TEXT, answer.encode()).serialize(mask=False)
        return Frame(Opcode.BINARY, answer).serialize(mask=False)

    benchmark(frame)


@pytest.mark.parametrize("name", ANSWERS)
def bench_ws_frame_wsproto(benchmark: BenchmarkFixture, name: str) -> None:
    connection = Connection(ConnectionType.SERVER)
    answer = ANSWERS[name]
    event = TextMessage if isinstance(answer, str) else BytesMessage
    benchmark(lambda: connection.send(event(data=answer)))


def make_feeder(feed: Callable[[bytes], Any], name: str) -> Callable[[], None]:
    """Feed one message as the reads of a socket."""
    opcode, payload = MESSAGES[name]
    wire = Frame(opcode, payload).serialize(mask=True)
    pieces = [wire[at : at + READ_BYTES] for at in range(0, len(wire), READ_BYTES)]

    def feed_pieces() -> None:
        for piece in pieces:
            feed(piece)

    return feed_pieces
