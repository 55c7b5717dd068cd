"""Names and values of HTTP fields: tokens, lists, lengths, hosts (RFC 9110 section 5).

Which fields a request may have, and how often, is decided in ``http1_syntax.py``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import IPv6Address

from asgiserve.codecs.field_names import COMMON_NAMES

__all__ = [
    "has_list_member",
    "is_field_value",
    "is_token",
    "is_valid_host",
    "lower_name",
    "parse_content_length",
    "select_fields",
]

MAX_CONTENT_LENGTH = 2**63 - 1

# The spellings seen on the wire, each with the one lower-case object that stands for the name.
LOWER_NAMES = {name: name for name in COMMON_NAMES}
LOWER_NAMES.update((name.title(), name) for name in COMMON_NAMES)

TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
FORBIDDEN_IN_VALUE = re.compile(rb"[\r\n\0]")
HOST_BYTES = rb"[!$&'()*+,;=\-._~0-9A-Z]"
HOST = re.compile(
    rb"(?:\[(?:v[0-9A-F]+\.[!$&'()*+,;=:\-._~0-9A-Z]+|(?P<ipv6>[0-9A-F:.]+)(?:%[0-9A-Z\-._~]+)?)\]"
    rb"|" + HOST_BYTES + rb"*(?:%[0-9A-F]{2}" + HOST_BYTES + rb"*)*)(?::[0-9]*)?",
    re.IGNORECASE,
)


def lower_name(name: bytes) -> bytes:
    """Lower-case a field name; a common name is one object, however often it comes."""
    lower = LOWER_NAMES.get(name)
    if lower is not None:
        return lower
    lower = name.lower()
    return LOWER_NAMES.get(lower, lower)


def is_token(data: bytes) -> bool:
    """Whether *data* is a token (RFC 9110 section 5.6.2), as methods and field names are."""
    return TOKEN.fullmatch(data) is not None


def is_field_value(data: bytes) -> bool:
    """Whether *data* may be sent as a field value: no CR, LF or NUL (RFC 9110 section 5.5)."""
    return FORBIDDEN_IN_VALUE.search(data) is None


def parse_content_length(value: bytes) -> int:
    """Read the value of Content-Length: digits only, at most 2**63 - 1 (RFC 9110 section 8.6).

    Returns:
        The length in bytes, -1 when *value* is malformed or too large.
    """
    if not value.isdigit():
        return -1
    # The limit has 19 digits; and int() refuses thousands of digits, even if they are zeros.
    significant = value.lstrip(b"0")
    if len(significant) > 19:
        return -1
    length = int(significant or b"0")
    return length if length <= MAX_CONTENT_LENGTH else -1


def is_valid_host(value: bytes) -> bool:
    """Whether *value* is ``uri-host [ ":" port ]`` (RFC 9110 section 7.2, RFC 3986 section 3.2.2).

    The host may be empty. An IPv6 address may have a zone (RFC 4007 section 11, RFC 6874), which
    clients of link-local addresses send although it means nothing here.
    """
    match = HOST.fullmatch(value)
    if match is None:
        return False
    address = match["ipv6"]
    if address is None:
        return True
    try:
        IPv6Address(address.decode("ascii"))
    except ValueError:
        return False
    return True


def has_list_member(value: bytes, member: bytes) -> bool:
    """Whether the comma-separated list *value* has *member*, in any case (RFC 9110 section 5.6.1).

    Args:
        value: a field value; several fields of one name joined by commas are one list.
        member: a lower-case token.
    """
    lower = value.lower()
    if lower == member:
        return True
    # Not ``in``, which takes an exception to see that *member* is no integer.
    if lower.find(member) < 0:
        return False
    return any(part.strip(b" \t") == member for part in lower.split(b","))


def select_fields(
    fields: Iterable[tuple[bytes, bytes]], names: tuple[bytes, ...]
) -> tuple[tuple[bytes, bytes], ...]:
    """Those of *fields* that have one of a few lower-case *names*, in their order."""
    return tuple([(name, value) for name, value in fields if name in names])
