"""What a request head may look like: an incremental, byte-exact check (RFC 9112 sections 2 to 5).

This is the slow, exact lane: the pure parser uses it for heads that come in pieces or that its fast
lane refuses, the compiled parser for heads that llhttp refuses or whose request line is unusual.
What it accepts and refuses is what counts, in both builds. Of field lines it refuses none before
their head ends that llhttp in strict mode takes, so that the answer comes at the same byte.
"""

from __future__ import annotations

import re

# The pure one on purpose: this module serves both columns, and rarely.
from asgiserve.codecs.header_fields import lower_name
from asgiserve.codecs.http1_request_line import (
    TOKEN_BYTES,
    TOKEN_RUN,
    RequestLine,
    read_request_line,
    run_end,
)
from asgiserve.codecs.request_fields import check_fields
from asgiserve.errors import HttpRequestError

__all__ = ["FieldScanner", "HeadScanner"]

# llhttp counts in 64 bits; what lies between 2**63 and this is refused at the end of the head.
MAX_COUNTABLE_LENGTH = 2**64 - 1

VALUE_BYTES = rb"[\t\x20-\x7e\x80-\xff]"
FIELD_LINE = re.compile(rb"(" + TOKEN_BYTES + rb"+):(" + VALUE_BYTES + rb"*)\r\n")
FIELD_LINE_START = re.compile(
    rb"(?:(" + TOKEN_BYTES + rb"+)(?::(" + VALUE_BYTES + rb"*)\r?|\Z)|\r)"
)
VALUE_RUN = re.compile(VALUE_BYTES + rb"*")
LENGTH_START = re.compile(rb"(?:[0-9]+[ \t]*)?")
CHUNKED_LAST = re.compile(rb"(?:^|,[ \t]*)chunked *\Z", re.IGNORECASE)
CHUNKED_NOT_LAST = re.compile(rb"(?:^|,[ \t]*)chunked *,", re.IGNORECASE)

FRAMING_NAMES = frozenset((b"content-length", b"transfer-encoding"))


class FieldScanner:
    """Checks field lines up to the empty line, as they come; alone it reads a trailer section.

    A complete line is looked at once and dropped; the unfinished one is kept, and checked as far as
    it goes.

    Args:
        max_bytes: limit for the section, the empty line included.
        max_fields: limit for the number of fields.
        follows_chunks: the section ends a chunked body: no Content-Length, no Transfer-Encoding.
    """

    __slots__ = (
        "_has_coding",
        "_has_empty_length",
        "_has_length",
        "_is_chunked",
        "_line",
        "_max_fields",
        "_room",
        "_run",
        "headers",
    )

    def __init__(self, max_bytes: int, max_fields: int, *, follows_chunks: bool = False) -> None:
        self.headers: list[tuple[bytes, bytes]] = []
        self._line = b""
        self._room = max_bytes
        # Bytes that would go on with what the unfinished line ends in, and so need no scan.
        self._run: re.Pattern[bytes] | None = None
        self._max_fields = max_fields
        self._has_length = False
        self._has_empty_length = False
        self._has_coding = follows_chunks
        self._is_chunked = follows_chunks

    def feed(self, data: bytes) -> int:
        """Check the next bytes.

        Returns:
            How many bytes of *data* belong to the section when it is complete, else -1.

        Raises:
            HttpRequestError: the first error by position.
        """
        kept = len(self._line)
        data_in_room = data[: self._room]
        line = self._line + data_in_room
        settled = 0
        # A long line that drips is not looked at from its start each time.
        if self._run is None or self._run.fullmatch(data_in_room) is None:
            self._run = None
            settled, is_complete = self._scan(line)
            if is_complete:
                return settled - kept
        if len(data) > self._room:
            raise HttpRequestError("head or trailer section over the limit", status=431)
        self._room -= len(data)
        self._line = line[settled:]
        return -1

    def _scan(self, data: bytes) -> tuple[int, bool]:
        """Check *data*; give the start of its unfinished line, or the section's end and True."""
        position = 0
        end = len(data)
        while position < end:
            if self._has_empty_length:
                raise HttpRequestError("empty Content-Length")
            match = FIELD_LINE.match(data, position)
            if match is None:
                break
            self._check_count()
            name = lower_name(match[1])
            self._check_framing(name, match[2], is_whole=True)
            self.headers.append((name, match[2].strip(b" \t")))
            position = match.end()
        if data.startswith(b"\r\n", position):
            return position + 2, True
        if position < end:
            self._check_unfinished(data, position)
        return position, False

    def _check_unfinished(self, data: bytes, position: int) -> None:
        if run_end(TOKEN_RUN, data, position) > position:
            self._check_count()
        match = FIELD_LINE_START.match(data, position)
        name = b"" if match is None else lower_name(match[1] or b"")
        if match is not None and match[2] is not None:
            self._check_framing(name, match[2], is_whole=False)
        if match is None or match.end() != len(data):
            raise field_line_error(data, position, bool(self.headers))
        if match[2] is None:
            self._run = TOKEN_RUN if name else None
        elif name not in FRAMING_NAMES and not data.endswith(b"\r"):
            self._run = VALUE_RUN

    def _check_count(self) -> None:
        if len(self.headers) == self._max_fields:
            raise HttpRequestError(f"more than {self._max_fields} fields", status=431)

    def _check_framing(self, name: bytes, raw: bytes, *, is_whole: bool) -> None:
        """Refuse lengths and codings at the byte where llhttp does.

        Args:
            raw: what follows the colon, as far as it has come.
            is_whole: the line is complete.
        """
        if name == b"content-length":
            if self._has_coding:
                raise HttpRequestError("both Transfer-Encoding and Content-Length")
            self._check_length(raw.lstrip(b" \t"))
            if is_whole:
                # llhttp tells an empty value only at the byte after the line.
                self._has_empty_length = not raw.strip(b" \t")
                self._has_length = True
        elif name == b"transfer-encoding":
            if self._has_length:
                raise HttpRequestError("both Content-Length and Transfer-Encoding")
            value = raw.lstrip(b" \t")
            if (value and self._is_chunked) or CHUNKED_NOT_LAST.search(value):
                raise HttpRequestError("a transfer coding after chunked")
            if is_whole and value:
                self._has_coding = True
                self._is_chunked = CHUNKED_LAST.search(value) is not None

    def _check_length(self, value: bytes) -> None:
        if not value:
            return
        if self._has_length:
            raise HttpRequestError("more than one Content-Length field")
        end = run_end(LENGTH_START, value, 0)
        digits = value[:end].rstrip(b" \t").lstrip(b"0")
        if len(digits) > 20 or int(digits or b"0") > MAX_COUNTABLE_LENGTH:
            raise HttpRequestError("Content-Length too large")
        if end < len(value):
            raise HttpRequestError(f"invalid byte {value[end : end + 1]!r} in Content-Length")


class HeadScanner(FieldScanner):
    """Checks a request head as it comes, beginning with the first byte of its request line.

    ``request_line`` and ``headers`` stand when ``feed`` has found the end.
    """

    __slots__ = ("_max_target_bytes", "request_line")

    def __init__(self, max_target_bytes: int, max_head_bytes: int, max_fields: int) -> None:
        super().__init__(max_head_bytes, max_fields)
        self.request_line: RequestLine | None = None
        self._max_target_bytes = max_target_bytes

    def feed(self, data: bytes) -> int:
        try:
            return super().feed(data)
        except HttpRequestError as error:
            line = self.request_line
            error.is_head_method = line is not None and line.method == "HEAD"
            raise

    def _scan(self, data: bytes) -> tuple[int, bool]:
        start = 0
        line = self.request_line
        if line is None:
            line = read_request_line(data, self._max_target_bytes)
            if line is None:
                return 0, False
            self.request_line = line
            start = line.end
        settled, is_complete = super()._scan(data[start:])
        if is_complete:
            self._check_head(line.http_version)
        return start + settled, is_complete

    def _check_head(self, http_version: str) -> None:
        error = check_fields(http_version, self.headers)
        if error is not None:
            raise error


def field_line_error(data: bytes, position: int, has_fields: bool) -> HttpRequestError:
    """Say what is wrong with the field line at *position*."""
    first = data[position : position + 1]
    if first in b" \t":
        reason = "a folded field line" if has_fields else "whitespace before the first field"
        return HttpRequestError(reason)
    name_end = run_end(TOKEN_RUN, data, position)
    stray = data[name_end : name_end + 1]
    if stray != b":" or name_end == position:
        return HttpRequestError(f"invalid byte {stray!r} in a field name")
    value_end = run_end(FIELD_LINE_START, data, position)
    stray = data[value_end : value_end + 1]
    if data[value_end - 1 : value_end] == b"\r":
        return HttpRequestError(f"invalid byte {stray!r} after CR in a field line")
    return HttpRequestError(f"invalid byte {stray!r} in the value of a field")
