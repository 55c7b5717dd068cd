"""What a row of the table of responses is, and the words of such rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.apps import body, start

GET = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"
HEAD = b"HEAD / HTTP/1.1\r\nhost: a\r\n\r\n"
GET_CLOSE = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
OLD_GET = b"GET / HTTP/1.0\r\n\r\n"
OLD_HEAD = b"HEAD / HTTP/1.0\r\n\r\n"
OLD_KEEP = b"GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n"
WANTS_TRAILERS = b"GET / HTTP/1.1\r\nhost: a\r\nte: trailers\r\nconnection: te\r\n\r\n"

CHUNKED = (b"transfer-encoding", b"chunked")
CLOSE = (b"connection", b"close")
KEEP_ALIVE = (b"connection", b"keep-alive")


def length(size: int) -> tuple[bytes, bytes]:
    return b"content-length", b"%d" % size


@dataclass(frozen=True)
class Row:
    """What is sent for *request*: *fields* in any order, then *payload* to the byte."""

    name: str
    section: str
    request: bytes
    messages: tuple[dict[str, Any], ...]
    fields: tuple[tuple[bytes, bytes], ...]
    payload: bytes
    status: int = 200
    is_closed: bool = False


def row(
    name: str,
    section: str,
    request: bytes,
    messages: list[dict[str, Any]],
    fields: list[tuple[bytes, bytes]],
    payload: bytes = b"",
    *,
    status: int = 200,
    closes: bool = False,
) -> Row:
    return Row(name, section, request, tuple(messages), tuple(fields), payload, status, closes)


STREAM = [start(), body(b"he", more=True), body(b"llo")]
HELLO_CHUNKS = b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"
