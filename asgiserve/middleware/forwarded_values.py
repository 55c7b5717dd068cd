"""What values of forwarded fields may be: host, port and prefix of the address that clients see.

They end in URLs that applications write, so what is not surely one of them is none.
"""

from __future__ import annotations

import re

from asgiserve._twins import header_fields

__all__ = ["parse_host", "parse_port", "parse_prefix"]

MAX_PORT = 65535
MAX_PREFIX_CHARS = 1024

_HOST_AND_PORT = re.compile(r"(\[[^\]]*\]|[^:]*)(?::([0-9]*))?")
# Segments of RFC 3986 section 3.3 without percent-encoding; "//" would make a host of what follows.
_PREFIX = re.compile(r"(?:/[A-Za-z0-9._~!$&'()*+,;=:@-]+)+")


def parse_port(text: str) -> int | None:
    """The port that *text* says in decimal, 1 to 65535; None when it is none."""
    if not text.isascii() or not text.isdecimal() or len(text) > 5:
        return None
    port = int(text)
    return port if 0 < port <= MAX_PORT else None


def parse_host(text: str) -> tuple[str, int | None] | None:
    """Split ``uri-host [ ":" port ]`` (RFC 9110 section 7.2).

    Returns:
        The host without brackets, and its port if it has one; None when *text* is malformed, or
        has no host.
    """
    if not header_fields.is_valid_host(text.encode("latin-1")):
        return None
    match = _HOST_AND_PORT.fullmatch(text)
    if match is None or not match[1]:
        return None
    host = match[1].strip("[]")
    if not match[2]:
        return host, None
    port = parse_port(match[2])
    return None if port is None else (host, port)


def parse_prefix(text: str) -> str | None:
    """The path in *text* without a slash at its end; None when it is empty or malformed."""
    prefix = text.rstrip("/")
    if len(prefix) > MAX_PREFIX_CHARS or not _PREFIX.fullmatch(prefix):
        return None
    # A client would resolve these against what stands before them.
    return None if {".", ".."} & set(prefix.split("/")) else prefix
