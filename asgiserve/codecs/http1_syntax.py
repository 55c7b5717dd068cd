"""What a request head may look like: an incremental, byte-exact check (RFC 9112 sections 2 to 5).

This is the slow, exact lane: the pure parser uses it for heads that come in pieces or that its fast
lane refuses, the compiled parser for the status and the reason of what llhttp refused. The grammar
is that of llhttp in strict mode, narrowed by ``check_fields``. Chunks: ``http1_chunks.py``.
"""

from __future__ import annotations

import re

# The pure column on purpose: this module has no twin, and what it does is rare.
from asgiserve.codecs.header_fields import (
    is_valid_host,
    lower_name,
    parse_content_length,
)
from asgiserve.errors import HttpRequestError

__all__ = [
    "FieldScanner",
    "HeadScanner",
    "check_fields",
    "diagnose_head",
    "diagnose_trailers",
]

# llhttp's methods for HTTP without CONNECT, which asks for a tunnel, and PRI, which opens HTTP/2.
METHODS = {
    name: name.decode("ascii")
    for name in (
        b"DELETE GET HEAD POST PUT OPTIONS TRACE PATCH QUERY LINK UNLINK PURGE"
        b" COPY LOCK MKCOL MOVE PROPFIND PROPPATCH SEARCH UNLOCK BIND REBIND UNBIND ACL"
        b" REPORT MKACTIVITY CHECKOUT MERGE M-SEARCH NOTIFY SUBSCRIBE UNSUBSCRIBE MKCALENDAR SOURCE"
    ).split()
}
MAX_METHOD_BYTES = 64
# llhttp counts in 64 bits; what lies between 2**63 and this is refused at the end of the head.
MAX_COUNTABLE_LENGTH = 2**64 - 1

TOKEN_BYTES = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]"
VALUE_BYTES = rb"[\t\x20-\x7e\x80-\xff]"
# The path, query and fragment of a target; llhttp takes some bytes that RFC 3986 does not.
PATH_BYTES = rb"[!\"$-;<=>@-~]"
QUERY = rb"\?[!\"$-~]*+"
FRAGMENT = rb"#[!-~]*+"
PATH_AND_QUERY = rb"[/*]" + PATH_BYTES + rb"*+(?:" + QUERY + rb")?+(?:" + FRAGMENT + rb")?+"
AUTHORITY = rb"(?:[!$%&'()*+,\-.0-9:;=A-Z\[\]_a-z~]|@(?!@))*+"
AFTER_AUTHORITY = (
    rb"(?:/" + PATH_BYTES + rb"*+(?:" + QUERY + rb")?+(?:" + FRAGMENT + rb")?+"
    rb"|" + QUERY + rb"(?:" + FRAGMENT + rb")?+)?+"
)
# Origin, asterisk or absolute form. llhttp lets anything follow an asterisk.
TARGET = PATH_AND_QUERY + rb"|[A-Za-z]++://" + AUTHORITY + AFTER_AUTHORITY

FIELD_LINE = re.compile(rb"(" + TOKEN_BYTES + rb"+):(" + VALUE_BYTES + rb"*)\r\n")
FIELD_LINE_START = re.compile(
    rb"(?:(" + TOKEN_BYTES + rb"+)(?::(" + VALUE_BYTES + rb"*)\r?|\Z)|\r)"
)
TARGET_WHOLE = re.compile(TARGET)
TARGET_START = re.compile(
    PATH_AND_QUERY + rb"|(?:[A-Za-z]++(?::(?:/(?:/" + AUTHORITY + AFTER_AUTHORITY + rb")?+)?+)?+)?+"
)
TOKEN_RUN = re.compile(TOKEN_BYTES + rb"*")
SPACES = re.compile(rb" *")
VERSION = re.compile(rb"HTTP/([0-9]\.[0-9])")
# llhttp reads RTSP and ICE as well, and decides about them at their last byte.
VERSION_START = re.compile(rb"(?:H(?:T(?:T(?:P(?:/(?:[0-9]\.?)?)?)?)?)?|R(?:TS?)?|IC?)?")
CHUNKED_LAST = re.compile(rb"(?:^|,[ \t]*)chunked *\Z", re.IGNORECASE)
CHUNKED_NOT_LAST = re.compile(rb"(?:^|,[ \t]*)chunked *,", re.IGNORECASE)

CHECKED_NAMES = frozenset((b"host", b"content-length", b"transfer-encoding", b"expect"))


def check_fields(http_version: str, headers: list[tuple[bytes, bytes]]) -> HttpRequestError | None:
    """Check what the fields of a complete head mean together.

    The first wrong field by position counts; then wrong transfer codings; then a missing Host.

    Args:
        http_version: "1.0" or "1.1".
        headers: lower-case names, values without whitespace at both ends.
    """
    hosts = 0
    lengths = 0
    codings: list[bytes] | None = None
    for name, value in headers:
        if name not in CHECKED_NAMES:
            continue
        if name == b"host":
            hosts += 1
            if hosts > 1:
                return HttpRequestError("more than one Host field")
            if not is_valid_host(value):
                return HttpRequestError(f"malformed Host {value[:64]!r}")
        elif name == b"expect":
            if http_version != "1.0" and not is_continue(value):
                return HttpRequestError(f"unknown expectation {value[:64]!r}", status=417)
        elif name == b"content-length":
            lengths += 1
            if lengths > 1:
                return HttpRequestError("more than one Content-Length field")
            if parse_content_length(value) < 0:
                return HttpRequestError(f"malformed Content-Length {value[:64]!r}")
        else:
            if http_version == "1.0":
                return HttpRequestError("Transfer-Encoding from HTTP/1.0")
            codings = (codings or []) + list_members(value.lower())
        if lengths and codings is not None:
            return HttpRequestError("both Content-Length and Transfer-Encoding")
    if codings is not None:
        error = check_codings(codings)
        if error is not None:
            return error
    if not hosts and http_version != "1.0":
        return HttpRequestError("no Host field")
    return None


def check_codings(codings: list[bytes]) -> HttpRequestError | None:
    """Accept nothing but one final ``chunked`` (RFC 9112 section 6.1)."""
    if not codings or codings[-1] != b"chunked":
        return HttpRequestError("the final transfer coding is not chunked")
    if codings.count(b"chunked") > 1:
        return HttpRequestError("chunked more than once")
    if len(codings) > 1:
        return HttpRequestError(
            f"transfer coding {codings[0][:64]!r} is not implemented", status=501
        )
    return None


def list_members(value: bytes) -> list[bytes]:
    """The non-empty members of a comma-separated list (RFC 9110 section 5.6.1)."""
    return [member for part in value.split(b",") if (member := part.strip(b" \t"))]


def is_continue(value: bytes) -> bool:
    """Whether Expect asks for nothing but ``100-continue`` (RFC 9110 section 10.1.1)."""
    return all(member == b"100-continue" for member in list_members(value.lower()))


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
        "headers",
    )

    def __init__(self, max_bytes: int, max_fields: int, *, follows_chunks: bool = False) -> None:
        self.headers: list[tuple[bytes, bytes]] = []
        self._line = b""
        self._room = max_bytes
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
        line = self._line + data[: self._room]
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
        if match is None or match.end() != len(data):
            raise field_line_error(data, position, bool(self.headers))
        if match[2] is not None:
            self._check_framing(lower_name(match[1]), match[2], is_whole=False)

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
        digits = value.rstrip(b" ")
        if not digits.isdigit():
            raise HttpRequestError(f"malformed Content-Length {value[:64]!r}")
        digits = digits.lstrip(b"0")
        if len(digits) > 20 or int(digits or b"0") > MAX_COUNTABLE_LENGTH:
            raise HttpRequestError(f"Content-Length too large: {value[:64]!r}")


class HeadScanner(FieldScanner):
    """Checks a request head as it comes, beginning with the first byte of its request line.

    ``method``, ``target``, ``http_version`` and ``headers`` stand when ``feed`` has found the end.
    """

    __slots__ = ("_max_target_bytes", "http_version", "method", "target")

    def __init__(self, max_target_bytes: int, max_head_bytes: int, max_fields: int) -> None:
        super().__init__(max_head_bytes, max_fields)
        self.method = ""
        self.target = b""
        self.http_version = ""
        self._max_target_bytes = max_target_bytes

    def _scan(self, data: bytes) -> tuple[int, bool]:
        start = 0
        if not self.method:
            start = self._scan_request_line(data)
            if not start:
                return 0, False
            data = data[start:]
        settled, is_complete = super()._scan(data)
        if is_complete:
            error = check_fields(self.http_version, self.headers)
            if error is None and self._has_coding and not self._is_chunked:
                # The value ends in a tab: for us that is whitespace, for llhttp another coding.
                error = HttpRequestError("the final transfer coding is not chunked")
            if error is not None:
                raise error
        return start + settled, is_complete

    def _scan_request_line(self, data: bytes) -> int:
        """Check the request line; give its end, 0 while it is incomplete."""
        method_end = scan_method(data)
        if not method_end:
            return 0
        target_start, target_end = scan_target(data, method_end, self._max_target_bytes)
        if not target_end:
            return 0
        version_end = scan_version(data, target_end, is_preface=data.startswith(b"PRI "))
        if not version_end:
            return 0
        line_end = data[version_end : version_end + 2]
        if not b"\r\n".startswith(line_end):
            raise HttpRequestError(f"invalid bytes after the HTTP version: {line_end!r}")
        if len(line_end) < 2:
            return 0
        self.method = METHODS[data[:method_end]]
        self.target = data[target_start:target_end]
        self.http_version = data[version_end - 3 : version_end].decode("ascii")
        return version_end + 2


def scan_method(data: bytes) -> int:
    """Check the method and the space behind it; give its end, 0 while it is incomplete."""
    end = run_end(TOKEN_RUN, data, 0)
    if end > MAX_METHOD_BYTES:
        raise HttpRequestError(f"method longer than {MAX_METHOD_BYTES} bytes")
    if end == len(data):
        return 0
    method = data[:end]
    if not method or data[end] != 0x20:
        raise HttpRequestError(f"invalid byte {data[end : end + 1]!r} in the method")
    if method not in METHODS and method != b"PRI":
        raise HttpRequestError(f"method {method.decode()!r} is not implemented", status=501)
    return end


def scan_target(data: bytes, method_end: int, max_target_bytes: int) -> tuple[int, int]:
    """Check the target and the byte behind it; give its start and end, 0 while incomplete."""
    start = run_end(SPACES, data, method_end)
    end = run_end(TARGET_START, data, start)
    if end - start > max_target_bytes:
        raise HttpRequestError(f"target longer than {max_target_bytes} bytes", status=414)
    if end == len(data):
        return start, 0
    after = data[end : end + 1]
    if after not in b" \r\n" or TARGET_WHOLE.fullmatch(data, start, end) is None:
        raise HttpRequestError(f"invalid byte {after!r} in the target")
    if after == b" ":
        return start, end
    if after == b"\r" and len(data) == end + 1:
        # llhttp tells HTTP/0.9 from a stray CR by the next byte.
        return start, 0
    raise HttpRequestError("no HTTP version in the request line")


def scan_version(data: bytes, target_end: int, *, is_preface: bool) -> int:
    """Check ``HTTP/1.0`` or ``HTTP/1.1``; give its end, 0 while it is incomplete."""
    start = run_end(SPACES, data, target_end)
    match = VERSION.match(data, start)
    if match is None:
        rest = data[start : start + 8]
        if VERSION_START.fullmatch(rest) is None:
            raise HttpRequestError(f"malformed HTTP version {rest!r}")
        return 0
    number = match[1]
    if number != b"1.1" and number != b"1.0":
        raise HttpRequestError(f"HTTP version {number.decode()!r} is not served", status=505)
    if is_preface:
        raise HttpRequestError("PRI opens HTTP/2 and is no method of HTTP/1")
    return match.end()


def run_end(pattern: re.Pattern[bytes], data: bytes, position: int) -> int:
    """Where the match of *pattern* at *position* ends; *position* when it does not match."""
    match = pattern.match(data, position)
    return position if match is None else match.end()


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


def diagnose_head(
    head: bytes, max_target_bytes: int, max_head_bytes: int, max_fields: int
) -> HttpRequestError | None:
    """Find the first error in a head, by position.

    Args:
        head: from the first byte of the request line; it may end anywhere.

    Returns:
        The error; None while the head is right so far, or it is not yet known how it is wrong.
    """
    return first_error(HeadScanner(max_target_bytes, max_head_bytes, max_fields), head)


def diagnose_trailers(
    section: bytes, max_head_bytes: int, max_fields: int
) -> HttpRequestError | None:
    """Find the first error in a trailer section, by position; like ``diagnose_head``."""
    return first_error(FieldScanner(max_head_bytes, max_fields, follows_chunks=True), section)


def first_error(scanner: FieldScanner, data: bytes) -> HttpRequestError | None:
    """The error that *scanner* finds in *data*, None when there is none."""
    try:
        scanner.feed(data)
    except HttpRequestError as error:
        return error
    return None
