"""The request line: method, target and version (RFC 9112 section 3), checked as far as it has come.

Narrower than llhttp's: one space between the parts, no fragment, in paths no bytes beyond RFC 3986.
"""

from __future__ import annotations

import re
from sys import intern
from typing import NamedTuple

# The pure column on purpose: this module has no twin, and what it does is rare.
from asgiserve.codecs.header_fields import is_valid_host
from asgiserve.errors import HttpRequestError

__all__ = [
    "METHODS",
    "ORIGIN_FORM",
    "PATH_BYTES",
    "QUERY_BYTES",
    "TOKEN_BYTES",
    "TOKEN_RUN",
    "RequestLine",
    "read_request_line",
    "run_end",
]

# llhttp's methods for HTTP without CONNECT, which asks for a tunnel, and PRI, which opens HTTP/2.
# Interned, so that a scope whose template has the same method is not written to.
METHODS = {
    name: intern(name.decode("ascii"))
    for name in (
        b"DELETE GET HEAD POST PUT OPTIONS TRACE PATCH QUERY LINK UNLINK PURGE"
        b" COPY LOCK MKCOL MOVE PROPFIND PROPPATCH SEARCH UNLOCK BIND REBIND UNBIND ACL"
        b" REPORT MKACTIVITY CHECKOUT MERGE M-SEARCH NOTIFY SUBSCRIBE UNSUBSCRIBE MKCALENDAR SOURCE"
    ).split()
}
MAX_METHOD_BYTES = 64
# Whose target may be an asterisk (RFC 9112 section 3.2.4); PRI is refused by its version.
ASTERISK_METHODS = frozenset((b"OPTIONS", b"PRI"))

TOKEN_BYTES = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]"
# RFC 3986 sections 3.3 and 3.4, and what browsers send beyond them (URL Standard section 1.3):
# square brackets everywhere; backslash, caret, backquote, braces and bar in queries.
PATH_BYTES = b"!$%&'()*+,-./0123456789:;=@ABCDEFGHIJKLMNOPQRSTUVWXYZ[]_abcdefghijklmnopqrstuvwxyz~"
QUERY_BYTES = PATH_BYTES + rb"?\^`{|}"
PATH = b"[" + re.escape(PATH_BYTES) + b"]*"
QUERY = rb"\?[" + re.escape(QUERY_BYTES) + b"]*"
# Each loop has one way to match, so that time is linear; PyPy 7.3.19 gets possessive groups wrong.
ORIGIN_FORM = rb"/" + PATH + rb"(?:" + QUERY + rb")?"
AUTHORITY_BYTES = rb"[!$%&'()*+,\-.0-9:;=A-Z\[\]_a-z~]"
AUTHORITY = AUTHORITY_BYTES + rb"*(?:@(?!@)" + AUTHORITY_BYTES + rb"*)*"
AFTER_AUTHORITY = rb"(?:" + ORIGIN_FORM + rb"|" + QUERY + rb")?"
TARGET = re.compile(ORIGIN_FORM + rb"|\*|[A-Za-z]+://" + AUTHORITY + AFTER_AUTHORITY)
# The first of two @ is not wrong yet.
BEGUN_AUTHORITY = AUTHORITY + rb"@?" + AFTER_AUTHORITY
TARGET_START = re.compile(
    ORIGIN_FORM + rb"|\*|(?:[A-Za-z]+(?::(?:/(?:/" + BEGUN_AUTHORITY + rb")?)?)?)?"
)
TOKEN_RUN = re.compile(TOKEN_BYTES + rb"*")
VERSION = re.compile(rb"HTTP/([0-9]\.[0-9])")
# llhttp reads RTSP and ICE as well, and decides about them at their last byte.
VERSION_START = re.compile(rb"(?:H(?:T(?:T(?:P(?:/(?:[0-9]\.?)?)?)?)?)?|R(?:TS?)?|IC?)?")
ZERO = 0x30
LINE_END_START = re.compile(rb"(?:\r\n?)?")


class RequestLine(NamedTuple):
    """A complete request line; *end* is the position behind its CRLF."""

    method: str
    target: bytes
    http_version: str
    end: int


def read_request_line(data: bytes, max_target_bytes: int) -> RequestLine | None:
    """Read the request line at the start of *data*; None while it is right so far.

    Raises:
        HttpRequestError: the first error by position.
    """
    method_end = scan_method(data)
    if not method_end:
        return None
    target_start, target_end = scan_target(data, method_end, max_target_bytes)
    if not target_end:
        return None
    version_end = scan_version(data, target_end, is_preface=data.startswith(b"PRI "))
    if not version_end:
        return None
    end = run_end(LINE_END_START, data, version_end)
    if end == version_end + 2:
        return RequestLine(
            METHODS[data[:method_end]],
            data[target_start:target_end],
            # A higher minor version is answered as the highest known (RFC 9110 section 2.5).
            "1.0" if data[version_end - 1] == ZERO else "1.1",
            end,
        )
    if end < len(data):
        raise HttpRequestError(f"invalid byte {data[end : end + 1]!r} behind the HTTP version")
    return None


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
    start = method_end + 1
    if data.startswith(b"*", start) and data[:method_end] not in ASTERISK_METHODS:
        raise HttpRequestError("the target * is for OPTIONS alone")
    end = run_end(TARGET_START, data, start)
    if end - start > max_target_bytes:
        raise HttpRequestError(f"target longer than {max_target_bytes} bytes", status=414)
    if end == len(data):
        return start, 0
    after = data[end : end + 1]
    if after not in b" \r\n" or TARGET.fullmatch(data, start, end) is None:
        raise HttpRequestError(f"invalid byte {after!r} in the target")
    if after == b" ":
        check_authority(data[start:end])
        return start, end
    if after == b"\r" and len(data) == end + 1:
        # llhttp tells HTTP/0.9 from a stray CR by the next byte.
        return start, 0
    raise HttpRequestError("no HTTP version in the request line")


def check_authority(target: bytes) -> None:
    """Refuse an absolute-form target without a valid host (RFC 9110 section 4.2.1)."""
    if target.startswith((b"/", b"*")):
        return
    authority = target.partition(b"://")[2]
    for mark in (b"/", b"?"):
        authority = authority.partition(mark)[0]
    host = authority.rpartition(b"@")[2]
    if not host or host.startswith(b":") or not is_valid_host(host):
        raise HttpRequestError(f"no valid host in the target {target[:64]!r}")


def scan_version(data: bytes, target_end: int, *, is_preface: bool) -> int:
    """Check ``HTTP/1.x``; give its end, 0 while it is incomplete."""
    start = target_end + 1
    match = VERSION.match(data, start)
    if match is None:
        end = run_end(VERSION_START, data, start)
        if end < len(data):
            raise HttpRequestError(f"malformed HTTP version {data[start : end + 1]!r}")
        return 0
    number = match[1]
    if not number.startswith(b"1."):
        raise HttpRequestError(f"HTTP version {number.decode()!r} is not served", status=505)
    if is_preface:
        raise HttpRequestError("PRI opens HTTP/2 and is no method of HTTP/1")
    return match.end()


def run_end(pattern: re.Pattern[bytes], data: bytes, position: int) -> int:
    """Where the match of *pattern* at *position* ends; *position* when it does not match."""
    match = pattern.match(data, position)
    return position if match is None else match.end()
