"""Reads answers on the client's side of a connection (RFC 9112), and drops their bodies.

Only as much of HTTP as the end of an answer takes: what this reads was written by our own server.
"""

from __future__ import annotations

import re
from enum import Enum

from asgiserve._twins import http1_chunks
from asgiserve.errors import PeerError

__all__ = ["AnswerReader"]

MAX_HEAD_BYTES = 1024 * 1024
MAX_TRAILERS = 1000

STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9][0-9])(?: [^\r\n]*)?\r\n")
LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]+)[ \t]*\r\n", re.IGNORECASE)
CHUNKED = re.compile(rb"\r\ntransfer-encoding:[^\r\n]*chunked[ \t]*\r\n", re.IGNORECASE)
CLOSE = re.compile(rb"\r\nconnection:[^\r\n]*\bclose\b", re.IGNORECASE)
BODILESS = frozenset({204, 304})


class Part(Enum):
    """What comes next of an answer."""

    HEAD = "head"
    SIZED_BODY = "body of known length"
    CHUNKS = "chunks"
    REST = "body that ends with the connection"


class AnswerReader:
    """Reads the answers of one connection, to requests that wait for each other.

    Args:
        is_head_method: the requests are HEAD: their answers have no bodies.

    Attributes:
        is_last: the server ends the connection with the answer.
    """

    def __init__(self, *, is_head_method: bool = False) -> None:
        self.is_last = False
        self._is_head_method = is_head_method
        self._part = Part.HEAD
        self._head = b""
        self._status = 0
        self._missing_bytes = 0
        self._chunks: http1_chunks.ChunkDecoder | None = None
        # An answer that came whole, and had another behind it.
        self._known = b""
        self._known_status = 0

    @property
    def has_begun(self) -> bool:
        """Whether a part of an answer is here."""
        return self._part is not Part.HEAD or bool(self._head)

    def feed(self, data: bytes) -> int:
        """Read *data*, at least one byte; give the status of the answer that it ends, or else 0.

        Raises:
            PeerError: this is no answer, or more than one.
        """
        # Fast lane: but for a second's Date, most applications say the same again and again.
        if data == self._known and self._part is Part.HEAD and not self._head:
            return self._known_status
        was_begun = self.has_begun
        status = self._read(data)
        if status and not was_begun and not self.is_last:
            self._known, self._known_status = data, status
        return status

    def end(self) -> int:
        """The connection has ended: the status of the answer that this ends, or else 0."""
        return self._finish() if self._part is Part.REST else 0

    def _read(self, data: bytes) -> int:
        if self._part is Part.HEAD:
            data = self._head + data
            while self._part is Part.HEAD:
                end = data.find(b"\r\n\r\n") + 4
                if end < 4:
                    return self._keep(data)
                self._take_head(data[:end])
                data = data[end:]
        return self._read_body(data)

    def _keep(self, data: bytes) -> int:
        if len(data) > MAX_HEAD_BYTES:
            raise PeerError("the head of an answer does not end")
        self._head = data
        return 0

    def _take_head(self, head: bytes) -> None:
        """Learn from *head*, its empty line included, what follows."""
        match = STATUS_LINE.match(head)
        if match is None:
            raise PeerError(f"not an answer: {head[:60]!r}")
        self._head = b""
        status = int(match[2])
        # An interim answer: the one that counts is still to come.
        if status < 200:
            return
        self._status = status
        length = LENGTH.search(head)
        self._missing_bytes = 0
        self._part = Part.SIZED_BODY
        if self._is_head_method or status in BODILESS:
            pass
        elif CHUNKED.search(head):
            self._part = Part.CHUNKS
            self._chunks = http1_chunks.ChunkDecoder(MAX_HEAD_BYTES, MAX_TRAILERS)
        elif length is not None:
            self._missing_bytes = int(length[1])
        else:
            self._part = Part.REST
        is_closed = CLOSE.search(head) or match[1] == b"0"
        self.is_last = self._part is Part.REST or bool(is_closed)

    def _read_body(self, data: bytes) -> int:
        if self._part is Part.REST:
            return 0
        if self._part is Part.SIZED_BODY:
            self._missing_bytes -= len(data)
            is_more = self._missing_bytes < 0
            is_done = self._missing_bytes == 0
        else:
            assert self._chunks is not None
            used = self._chunks.decode(data, 0, [])
            is_more = used < len(data)
            is_done = self._chunks.is_done
        if is_more:
            raise PeerError("bytes came behind the end of an answer")
        return self._finish() if is_done else 0

    def _finish(self) -> int:
        self._part = Part.HEAD
        return self._status
