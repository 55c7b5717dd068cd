"""What the tests of the request parser share: usual requests, and where an error has to come."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from asgiserve.errors import HttpRequestError
from tests.parser_traces import feed_every_way, trace_every_way

__all__ = ["CHUNKED", "MakeParser", "assert_refused_at_last_byte", "feed_all", "get"]

CHUNKED = b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n"

MakeParser = Callable[..., tuple[Any, Any]]


def get(*lines: bytes, version: bytes = b"1.1") -> bytes:
    """A GET with *lines* behind its Host."""
    return b"\r\n".join((b"GET / HTTP/" + version, b"host: a", *lines, b"", b""))


def assert_refused_at_last_byte(make: MakeParser, data: bytes, status: int) -> None:
    """Whatever comes before the last byte of *data* is right so far; that byte is refused."""
    _, error = trace_every_way(make, data[:-1])
    assert error is None
    with pytest.raises(HttpRequestError) as caught:
        feed_every_way(make, data)
    assert caught.value.status == status


def feed_all(parser: Any, pieces: list[bytes]) -> None:
    for piece in pieces:
        parser.feed(piece)
