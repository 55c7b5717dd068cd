"""A strict reader of HTTP/1.1 responses (RFC 9112): what a proxy that trusts nothing makes of them.

It fails the test at anything that a recipient could understand in two ways: two lengths, a length
beside chunked, bare CR or LF, a chunk extension, a body where none may be.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

__all__ = ["Response", "read_responses"]

STATUS_LINE = re.compile(rb"HTTP/1\.1 ([1-5]\d\d) ([\t \x21-\x7e\x80-\xff]*)")
FIELD_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([^\r\n\0]*)")
CHUNK_SIZE = re.compile(rb"[0-9a-fA-F]{1,16}\r\n")


@dataclass
class Response:
    """One response; informational ones before it are in ``informational``."""

    status: int
    reason: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes = b""
    trailers: list[tuple[bytes, bytes]] = field(default_factory=list)
    informational: list[int] = field(default_factory=list)
    is_complete: bool = True

    def values(self, name: bytes) -> list[bytes]:
        """The values of the fields called *name* (lower case)."""
        return [value for key, value in self.headers if key.lower() == name]

    def value(self, name: bytes) -> bytes | None:
        """The value of the field called *name*, None without one; it may not come twice."""
        values = self.values(name)
        assert len(values) <= 1, f"{name!r} came {len(values)} times"
        return values[0] if values else None

    @property
    def framing(self) -> str:
        """How the body ends: "length", "chunked" or "close"."""
        if self.value(b"transfer-encoding") is not None:
            return "chunked"
        return "length" if self.value(b"content-length") is not None else "close"

    @property
    def says_close(self) -> bool:
        """Whether the response announces that the connection ends."""
        options = b",".join(self.values(b"connection")).lower().split(b",")
        return b"close" in [option.strip() for option in options]


def read_responses(
    data: bytes, methods: Sequence[str] = (), *, is_closed: bool = False
) -> list[Response]:
    """Split *data* into the responses to requests with *methods* (GET where none is named).

    Args:
        is_closed: the server ended the connection, which completes a body without a length.

    A response that is cut short is given with ``is_complete`` false.
    """
    responses: list[Response] = []
    informational: list[int] = []
    while data:
        if b"\r\n\r\n" not in data:
            raise AssertionError(f"no complete head: {data!r}")
        response, data = _read_head(data)
        if response.status < 200:
            assert response.framing == "close", (
                f"a length in an informational response: {response!r}"
            )
            informational.append(response.status)
            continue
        response.informational, informational = informational, []
        method = methods[len(responses)] if len(responses) < len(methods) else "GET"
        data = _read_body(response, data, method, is_closed=is_closed)
        responses.append(response)
    assert not informational, "an informational response that no final one follows"
    return responses


def _read_head(data: bytes) -> tuple[Response, bytes]:
    head, _, rest = data.partition(b"\r\n\r\n")
    status_line, *field_lines = head.split(b"\r\n")
    matched = STATUS_LINE.fullmatch(status_line)
    assert matched, f"malformed status line {status_line!r}"
    response = Response(int(matched[1]), matched[2], [_read_field(line) for line in field_lines])
    coding, length = response.value(b"transfer-encoding"), response.value(b"content-length")
    assert coding is None or length is None, "both transfer-encoding and content-length"
    assert coding in (None, b"chunked"), f"unexpected transfer coding {coding!r}"
    assert length is None or re.fullmatch(rb"0|[1-9]\d*", length), f"malformed length {length!r}"
    return response, rest


def _read_field(line: bytes) -> tuple[bytes, bytes]:
    matched = FIELD_LINE.fullmatch(line)
    assert matched, f"malformed field line {line!r}"
    return matched[1], matched[2].rstrip(b" \t")


def _read_body(response: Response, data: bytes, method: str, *, is_closed: bool) -> bytes:
    if method == "HEAD" or response.status in (204, 304):
        return data
    if response.framing == "chunked":
        return _read_chunks(response, data)
    if response.framing == "length":
        length = int(response.value(b"content-length") or b"0")
        response.body = data[:length]
        response.is_complete = len(response.body) == length
        return data[length:]
    response.body, response.is_complete = data, is_closed
    return b""


def _read_chunks(response: Response, data: bytes) -> bytes:
    while True:
        matched = CHUNK_SIZE.match(data)
        if not matched:
            assert re.fullmatch(rb"[0-9a-fA-F]*\r?", data), f"malformed chunk size {data[:20]!r}"
            response.is_complete = False
            return b""
        size = int(matched[0], 16)
        data = data[matched.end() :]
        if size == 0:
            return _read_trailers(response, data)
        response.body += data[:size]
        end = data[size : size + 2]
        assert b"\r\n".startswith(end), f"chunk data does not end with CRLF but {end!r}"
        data = data[size + 2 :]


def _read_trailers(response: Response, data: bytes) -> bytes:
    if data.startswith(b"\r\n"):
        return data[2:]
    if b"\r\n\r\n" not in data:
        response.is_complete = False
        return b""
    section, _, rest = data.partition(b"\r\n\r\n")
    response.trailers = [_read_field(line) for line in section.split(b"\r\n")]
    return rest
