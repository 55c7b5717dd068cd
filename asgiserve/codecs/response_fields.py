"""Fields that an application sends, checked: pairs of bytes, well-formed (RFC 9110 section 5).

Which of them the server sets itself is decided where a head is framed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

# The pure one on purpose: this module serves both columns.
from asgiserve.codecs.header_fields import is_field_value, is_token
from asgiserve.errors import AppError

__all__ = ["check_field", "checked_fields", "read_fields"]


def checked_fields(headers: Iterable[Any]) -> list[tuple[bytes, bytes]]:
    """Check an application's fields and lower-case their names (RFC 9110 section 5).

    Raises:
        AppError: not a pair of bytes, a name that is no token, a value with CR, LF or NUL.
    """
    return [check_field(*field) for field in read_fields(headers)]


def read_fields(headers: Iterable[Any]) -> list[tuple[bytes, bytes]]:
    """Take fields out of whatever iterables the application has put them into, as plain bytes.

    Raises:
        AppError: not an iterable of pairs of bytes.
    """
    try:
        fields = iter(headers)
    except TypeError:
        raise AppError(
            f"'headers' must be an iterable of pairs, not {type(headers).__name__}"
        ) from None
    return [unpack_field(field) for field in fields]


def unpack_field(field: Any) -> tuple[bytes, bytes]:
    """The name and value of a field, as plain bytes."""
    try:
        name, value = field
    except (TypeError, ValueError):
        raise AppError(f"a header must be a pair of bytes, not {str(field)[:80]!r}") from None
    if not isinstance(name, bytes) or not isinstance(value, bytes):
        raise AppError(
            f"header names and values must be bytes, not {type(name).__name__}"
            f" and {type(value).__name__} ({str(name)[:64]!r})"
        )
    # Of bytes themselves these are no copies.
    return b"".join((name,)), b"".join((value,))


def check_field(name: bytes, value: bytes) -> tuple[bytes, bytes]:
    """Check one field, and lower-case its name; raises as ``checked_fields``."""
    if not is_token(name):
        raise AppError(f"header name is not a token: {name[:64]!r}")
    if not is_field_value(value):
        raise AppError(f"value of header {name[:64]!r} has CR, LF or NUL: {value[:64]!r}")
    return name.lower(), value
