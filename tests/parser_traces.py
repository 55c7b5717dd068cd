"""Traces of a request parser: what it told its sink, however the bytes were split."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest

from asgiserve.errors import HttpRequestError

__all__ = [
    "Trace",
    "feed_every_way",
    "make_recording_sink",
    "split_every_way",
    "trace_every_way",
]


@dataclass
class Trace:
    """What a parser told its sink, with adjacent pieces of a body merged."""

    events: list[tuple[Any, ...]] = field(default_factory=list)
    is_mid_message: bool = False

    @property
    def heads(self) -> list[Any]:
        """The request heads, as namespaces with the attributes of RequestHead."""
        return [SimpleNamespace(**dict(event[1])) for event in self.events if event[0] == "head"]

    @property
    def bodies(self) -> list[bytes]:
        """The bodies of the requests that began, complete or not."""
        bodies: list[bytes] = []
        for event in self.events:
            if event[0] == "head":
                bodies.append(b"")
            elif event[0] == "body":
                bodies[-1] += event[1]
        return bodies

    @property
    def trailers(self) -> list[list[tuple[bytes, bytes]]]:
        """The trailers of the requests that ended."""
        return [list(event[1]) for event in self.events if event[0] == "end"]


HEAD_ATTRIBUTES = (
    "method",
    "target",
    "http_version",
    "headers",
    "content_length",
    "is_chunked",
    "keep_alive",
    "expects_continue",
    "upgrade",
    "accepts_trailers",
    "is_forwarded",
)


def make_recording_sink(impl: Any) -> Any:
    """A ``RequestSink`` of the column *impl* that records a Trace and checks how it is called."""

    class RecordingSink(impl.http1_parser.RequestSink):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.trace = Trace()
            self.has_body_of_this_feed = False

        def on_head(self, head: Any) -> None:
            values = tuple((name, getattr(head, name)) for name in HEAD_ATTRIBUTES)
            self.trace.events.append(("head", values))
            self.has_body_of_this_feed = False

        def on_body(self, data: bytes) -> None:
            assert type(data) is bytes, f"on_body got {data!r}"
            assert data, "on_body got nothing"
            assert not self.has_body_of_this_feed, "on_body came twice for one message in one feed"
            self.has_body_of_this_feed = True
            events = self.trace.events
            if events[-1][0] == "body":
                data = events.pop()[1] + data
            events.append(("body", data))

        def on_end(self, trailers: list[tuple[bytes, bytes]]) -> None:
            self.trace.events.append(("end", tuple(trailers)))
            self.has_body_of_this_feed = False

    return RecordingSink()


def split_every_way(
    data: bytes, *, random_splits: int = 4, seed: int = 9112
) -> Iterator[list[bytes]]:
    """Give *data* whole, byte by byte, and cut at random places (the same ones in every run)."""
    yield [data]
    yield [data[i : i + 1] for i in range(len(data))]
    places = random.Random(seed)
    for _ in range(random_splits):
        cut_count = min(len(data), 1 + int(places.expovariate(0.25)))
        cuts = [0, *sorted(places.randrange(len(data) + 1) for _ in range(cut_count)), len(data)]
        yield [data[start:end] for start, end in pairwise(cuts) if start < end]


def trace_every_way(
    make_parser_and_sink: Callable[[], tuple[Any, Any]], data: bytes
) -> tuple[Trace, HttpRequestError | None]:
    """Feed *data* whole and split to new parsers; all have to answer alike, and that is given."""
    first: tuple[Trace, HttpRequestError | None] | None = None
    for pieces in split_every_way(data):
        parser, sink = make_parser_and_sink()
        error = _feed_pieces(parser, sink, pieces)
        if error is None:
            sink.trace.is_mid_message = parser.is_mid_message
        if first is None:
            first = sink.trace, error
        answer, first_answer = answer_of(error), answer_of(first[1])
        assert answer == first_answer, f"{answer}, but {first_answer} when fed whole: {pieces!r}"
        assert sink.trace == first[0], f"another trace than when fed whole: {pieces!r}"
    assert first is not None
    return first


def answer_of(error: HttpRequestError | None) -> tuple[int, str] | None:
    """What the peer is told of *error*."""
    return None if error is None else (error.status, error.reason)


def feed_every_way(make_parser_and_sink: Callable[[], tuple[Any, Any]], data: bytes) -> Trace:
    """Feed *data* whole and split; give the one Trace, or raise the one HttpRequestError.

    Args:
        make_parser_and_sink: makes a new parser and its recording sink, for each way of splitting.
    """
    trace, error = trace_every_way(make_parser_and_sink, data)
    if error is not None:
        raise error
    return trace


def _feed_pieces(parser: Any, sink: Any, pieces: list[bytes]) -> HttpRequestError | None:
    for number, piece in enumerate(pieces):
        sink.has_body_of_this_feed = False
        try:
            parser.feed(piece)
        except HttpRequestError as error:
            _assert_stays_broken(parser, sink, error, pieces[number + 1 :])
            return error
    return None


def _assert_stays_broken(
    parser: Any, sink: Any, error: HttpRequestError, rest: list[bytes]
) -> None:
    event_count = len(sink.trace.events)
    for piece in rest or [b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"]:
        with pytest.raises(HttpRequestError) as caught:
            parser.feed(piece)
        assert answer_of(caught.value) == answer_of(error), "another answer after an error"
    assert len(sink.trace.events) == event_count, "events after an error"
