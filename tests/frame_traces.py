"""Frames as a client sends them, and what a message reader tells its sink of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from asgiserve.errors import WebSocketError
from tests.parser_traces import split_every_way

__all__ = [
    "DoublingInflater",
    "FrameTrace",
    "close_payload",
    "make_message_sink",
    "read_every_way",
]


def close_payload(code: int, reason: bytes = b"") -> bytes:
    return code.to_bytes(2, "big") + reason


@dataclass
class FrameTrace:
    """What a message reader told its sink, and the error that ended it."""

    events: list[tuple[Any, ...]] = field(default_factory=list)
    error: tuple[int, str] | None = None
    has_open_message: bool = False


def make_message_sink(impl: Any) -> Any:
    """A ``MessageSink`` of the column *impl* that records a FrameTrace."""

    class RecordingSink(impl.ws_messages.MessageSink):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.trace = FrameTrace()

        def on_message(self, message: str | bytes) -> None:
            assert type(message) in (str, bytes)
            self.trace.events.append(("message", message))

        def on_ping(self, payload: bytes) -> None:
            assert type(payload) is bytes
            self.trace.events.append(("ping", payload))

        def on_pong(self, payload: bytes) -> None:
            assert type(payload) is bytes
            self.trace.events.append(("pong", payload))

        def on_close(self, code: int, reason: str) -> None:
            self.trace.events.append(("close", code, reason))

    return RecordingSink()


class DoublingInflater:
    """Inflates each byte to two; 0xEE is no deflate data."""

    def __init__(self) -> None:
        self.calls: list[tuple[bytes, bool, int]] = []

    def inflate(self, data: bytes, is_last: bool, max_bytes: int) -> bytes:
        assert type(data) is bytes
        assert max_bytes >= 0
        self.calls.append((data, is_last, max_bytes))
        if b"\xee" in data:
            raise WebSocketError("malformed deflate data", code=1007)
        if 2 * len(data) > max_bytes:
            raise WebSocketError("too large when inflated", code=1009)
        return bytes(byte for byte in data for _ in range(2))


def read_every_way(
    make_reader_and_sink: Callable[[], tuple[Any, Any]], wire: bytes, *, is_split: bool = True
) -> FrameTrace:
    """Feed *wire* whole and split to new readers; all have to answer alike, and that is given."""
    first: FrameTrace | None = None
    for pieces in split_every_way(wire, seed=6455) if is_split else [[wire]]:
        reader, sink = make_reader_and_sink()
        try:
            for piece in pieces:
                reader.feed(piece)
        except WebSocketError as error:
            sink.trace.error = error.code, error.reason
        sink.trace.has_open_message = reader.has_open_message
        if first is None:
            first = sink.trace
        assert sink.trace == first, f"another trace than when fed whole: {pieces!r}"
    assert first is not None
    return first
