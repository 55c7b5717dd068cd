"""Which fields a request head may have, and what they may say (RFC 9110 and 9112).

Both parsers ask here once a head is complete. How a field line is spelled is decided before, in
``http1_syntax.py``.
"""

from __future__ import annotations

# The pure one on purpose: this module serves both columns.
from asgiserve.codecs.header_fields import is_valid_host, parse_content_length
from asgiserve.errors import HttpRequestError

__all__ = ["CHECKED_NAMES", "check_fields"]

CHECKED_NAMES = frozenset((b"host", b"content-length", b"transfer-encoding", b"expect"))


def check_fields(http_version: str, headers: list[tuple[bytes, bytes]]) -> HttpRequestError | None:
    """Check what the fields of a complete head mean together.

    The first wrong field by position counts; then wrong transfer codings; then a missing Host.

    Args:
        http_version: "1.0" or "1.1".
        headers: lower-case names, values without whitespace at both ends; at least all fields of
            CHECKED_NAMES.
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
            codings = (codings or []) + (list_members(value.lower()) if value else [])
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
    for coding in codings[:-1]:
        if coding:
            return HttpRequestError(f"transfer coding {coding[:64]!r} is not served", status=501)
    return None


def list_members(value: bytes) -> list[bytes]:
    """The members of a comma-separated list, empty ones too (RFC 9110 section 5.6.1)."""
    return [part.strip(b" \t") for part in value.split(b",")]


def is_continue(value: bytes) -> bool:
    """Whether Expect asks for nothing but ``100-continue`` (RFC 9110 section 10.1.1)."""
    return all(member in (b"", b"100-continue") for member in list_members(value.lower()))
