"""Reading HTTP/1.1 requests: bytes in, request heads and bodies out (RFC 9112).

The grammar stands in ``http1_syntax.py``, what a head says in ``http1_head.py``. How to answer, how
large a body may be and how much time a peer has is not decided here.
"""

from __future__ import annotations

import re
from enum import Enum

from asgiserve.codecs.header_fields import LOWER_NAMES, lower_name
from asgiserve.codecs.http1_chunks import ChunkDecoder
from asgiserve.codecs.http1_head import MEANINGFUL_NAMES, RequestHead, read_meaning
from asgiserve.codecs.http1_request_line import (
    METHODS,
    ORIGIN_FORM,
    TOKEN_BYTES,
    run_end,
)
from asgiserve.codecs.http1_syntax import VALUE_BYTES, HeadScanner
from asgiserve.codecs.request_fields import check_fields
from asgiserve.errors import HttpRequestError

__all__ = ["RequestParser", "RequestSink"]

EMPTY_LINES = re.compile(rb"[\r\n]*")
REQUEST_LINE = re.compile(rb"([A-Z-]+) (" + ORIGIN_FORM + rb") HTTP/(1\.[01])\r\n")
# The second alternative takes all from a place where no field line is, and leaves the name empty.
# Whitespace has one place to match at, so that time is linear.
FIELD_LINE = re.compile(
    rb"(" + TOKEN_BYTES + rb"+):[ \t]*(?![ \t])"
    rb"(" + VALUE_BYTES + rb"*[!-~\x80-\xff]|)[ \t]*\r\n|[\0-\xff]+"
)


class RequestSink:
    """Receives what a RequestParser reads; the connection is one.

    All three may call the parser's ``feed``, ``pause``, ``resume`` and ``detach``.
    """

    __slots__ = ()

    def on_head(self, head: RequestHead) -> None:
        """A request head is complete and right."""
        raise NotImplementedError

    def on_body(self, data: bytes) -> None:
        """A piece of the body, never empty; at most one for each feed and message."""
        raise NotImplementedError

    def on_end(self, trailers: list[tuple[bytes, bytes]]) -> None:
        """The message is complete."""
        raise NotImplementedError


class State(Enum):
    """What the parser reads next."""

    IDLE = "the first byte of a request"
    HEAD = "more of a head that came in pieces"
    SIZED_BODY = "a body of known length"
    CHUNKED_BODY = "a body in chunks"
    CLOSED = "nothing: the last request asked to close"
    FAILED = "nothing: the peer sent an error, the sink raised one or was let go"


class RequestParser:
    """Reads the requests of one connection and tells them to a sink.

    The answer does not depend on how the bytes are split; an error is raised by the ``feed`` that
    got the first wrong byte, after the events of the bytes before it. Whatever is raised out of it,
    by the sink too, ends the parser: there are no more events.

    Args:
        sink: is told of heads, bodies and ends.
        max_target_bytes: a longer request-target is answered with 414.
        max_head_bytes: a larger head or trailer section is answered with 431.
        max_fields: more fields in one of these are answered with 431.
    """

    __slots__ = (
        "_blank_bytes",
        "_chunks",
        "_error",
        "_is_paused",
        "_is_reading",
        "_keeps_alive",
        "_kept",
        "_max_fields",
        "_max_head_bytes",
        "_max_target_bytes",
        "_remaining_bytes",
        "_scanner",
        "_sink",
        "_state",
    )

    def __init__(
        self,
        sink: RequestSink,
        max_target_bytes: int = 8192,
        max_head_bytes: int = 65536,
        max_fields: int = 128,
    ) -> None:
        self._sink = sink
        self._max_target_bytes = max_target_bytes
        self._max_head_bytes = max_head_bytes
        self._max_fields = max_fields
        self._state = State.IDLE
        self._is_paused = False
        self._is_reading = False
        self._kept = b""
        self._error: HttpRequestError | None = None
        # Line ends in front of the request that comes next.
        self._blank_bytes = 0
        self._scanner: HeadScanner | None = None
        self._chunks: ChunkDecoder | None = None
        self._remaining_bytes = 0
        self._keeps_alive = True

    @property
    def buffered(self) -> int:
        """Bytes kept while the parser is paused, or fed by the sink."""
        return len(self._kept)

    @property
    def is_mid_message(self) -> bool:
        """Whether the first byte of a request has come, and not yet its last."""
        return self._state in (State.HEAD, State.SIZED_BODY, State.CHUNKED_BODY)

    def feed(self, data: bytes) -> None:
        """Parse *data*, or keep it while the parser is paused or in a call of its sink.

        Raises:
            HttpRequestError: the bytes are no request we accept; every later feed raises it again.
        """
        if self._error is not None:
            raise self._error.with_traceback(None)
        if self._kept or self._is_reading:
            self._kept += data
        else:
            self._read(data)

    def pause(self) -> None:
        """Stop after the current message, and keep what follows it until ``resume``."""
        self._is_paused = True

    def resume(self) -> None:
        """Go on after ``pause``, first with the bytes kept.

        Raises:
            HttpRequestError: as ``feed``.
        """
        self._is_paused = False
        if self._kept and not self._is_reading:
            kept, self._kept = self._kept, b""
            self._read(kept)

    def detach(self) -> bytes:
        """Let go of the sink, which holds the parser; what is fed from now on is refused.

        Returns:
            The bytes kept while the parser was paused. In a call of the sink the rest of what is
            being parsed is not among them, and is lost.
        """
        kept = self._kept
        self._is_paused = False
        self._fail(HttpRequestError("the connection is closed"))
        return kept

    def _fail(self, error: HttpRequestError) -> None:
        """Be done for good, and let go of all that was held."""
        self._error = error
        self._enter(State.FAILED)
        self._sink = RequestSink()
        self._kept = b""
        self._scanner = None
        self._chunks = None

    def _read(self, data: bytes) -> None:
        """Parse *data*, and what the sink may have fed meanwhile."""
        self._is_reading = True
        try:
            while True:
                position = self._parse(data)
                if self._error is not None:
                    return
                self._kept = data[position:] + self._kept
                if self._is_paused or not self._kept:
                    return
                data, self._kept = self._kept, b""
        except HttpRequestError as error:
            self._fail(error)
            raise
        except BaseException:
            # Where in the bytes the sink left off is not known any more.
            self._fail(HttpRequestError("the request could not be taken", status=500))
            raise
        finally:
            self._is_reading = False

    def _enter(self, state: State) -> None:
        self._state = state

    def _parse(self, data: bytes) -> int:
        """Parse until the end of *data*, or until the sink wants no more; the position reached."""
        position = 0
        end = len(data)
        while position < end:
            state = self._state
            if state is State.IDLE or state is State.CLOSED:
                if self._is_paused:
                    break
                position = self._begin_request(data, position)
            elif state is State.SIZED_BODY:
                position = self._read_sized_body(data, position)
            elif state is State.CHUNKED_BODY:
                position = self._read_chunked_body(data, position)
            elif state is State.HEAD:
                position = self._read_head_piece(data, position)
            else:
                break
        return position

    def _begin_request(self, data: bytes, position: int) -> int:
        """Skip empty lines (RFC 9112 section 2.2), and read the head if it is there whole."""
        if data[position] in b"\r\n":
            start, position = position, run_end(EMPTY_LINES, data, position)
            self._blank_bytes += position - start
            if self._blank_bytes > self._max_head_bytes:
                raise HttpRequestError("too many empty lines before a request")
            if position == len(data):
                return position
        if self._state is State.CLOSED:
            raise HttpRequestError("bytes after a request that asked to close the connection")
        self._blank_bytes = 0
        head_end = data.find(b"\r\n\r\n", position) + 4
        # Fast lane for a head that is whole and right: a third of the scanner's time.
        if head_end > 3 and head_end - position <= self._max_head_bytes:
            head = self._match_head(data, position, head_end)
            if head is not None:
                self._begin_body(head)
                return head_end
        self._scanner = HeadScanner(self._max_target_bytes, self._max_head_bytes, self._max_fields)
        self._enter(State.HEAD)
        return position

    def _match_head(self, data: bytes, position: int, head_end: int) -> RequestHead | None:
        """Read a whole head; None when anything is unusual, for the scanner to look at."""
        line = REQUEST_LINE.match(data, position)
        if line is None:
            return None
        name, target, version = line.groups()
        method = METHODS.get(name)
        if method is None or len(target) > self._max_target_bytes:
            return None
        fields = FIELD_LINE.findall(data, line.end(), head_end - 2)
        if (fields and not fields[-1][0]) or len(fields) > self._max_fields:
            return None
        known = LOWER_NAMES.get
        headers = [(known(name) or lower_name(name), value) for name, value in fields]
        meaningful = [field for field in headers if field[0] in MEANINGFUL_NAMES]
        http_version = "1.1" if version == b"1.1" else "1.0"
        if check_fields(http_version, meaningful) is not None:
            return None
        head = RequestHead(method, target, http_version, headers)
        read_meaning(head, meaningful)
        return head

    def _read_head_piece(self, data: bytes, position: int) -> int:
        scanner = self._scanner
        assert scanner is not None
        used = scanner.feed(data[position:])
        if used < 0:
            return len(data)
        self._scanner = None
        line = scanner.request_line
        assert line is not None
        head = RequestHead(line.method, line.target, line.http_version, scanner.headers)
        read_meaning(head, scanner.headers)
        self._begin_body(head)
        return position + used

    def _begin_body(self, head: RequestHead) -> None:
        self._keeps_alive = head.keep_alive
        if head.is_chunked:
            self._chunks = ChunkDecoder(self._max_head_bytes, self._max_fields)
            self._enter(State.CHUNKED_BODY)
        else:
            self._remaining_bytes = max(head.content_length, 0)
            self._enter(State.SIZED_BODY)
        self._sink.on_head(head)
        if self._state is State.SIZED_BODY and not self._remaining_bytes:
            self._end_message([])

    def _end_message(self, trailers: list[tuple[bytes, bytes]]) -> None:
        self._enter(State.IDLE if self._keeps_alive else State.CLOSED)
        self._sink.on_end(trailers)

    def _read_sized_body(self, data: bytes, position: int) -> int:
        # A slice of all of a bytes object is the object itself, not a copy.
        piece = data[position : position + self._remaining_bytes]
        self._remaining_bytes -= len(piece)
        self._sink.on_body(piece)
        if self._state is State.SIZED_BODY and not self._remaining_bytes:
            self._end_message([])
        return position + len(piece)

    def _read_chunked_body(self, data: bytes, position: int) -> int:
        chunks = self._chunks
        assert chunks is not None
        pieces: list[bytes] = []
        try:
            position = chunks.decode(data, position, pieces)
        finally:
            # Also before an error: the bytes in front of it were right.
            if pieces:
                self._sink.on_body(b"".join(pieces))
        if self._state is State.CHUNKED_BODY and chunks.is_done:
            self._chunks = None
            self._end_message(chunks.trailers)
        return position
