"""What an option's value may be, in general: numbers, words, paths, lists.

A kind turns every accepted form of a value (a Python object, or text from the command line, the
environment or TOML) into the one form that the server reads. It knows nothing of options, their
names or their sources; what only a server has stands in ``values``.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

__all__ = [
    "DIRECTORY",
    "EXISTING_FILE",
    "FILE_MODE",
    "MAX_SIZE_BYTES",
    "PATH",
    "SWITCH",
    "TEXT",
    "Kind",
    "choice",
    "integer",
    "is_integer",
    "optional",
    "seconds",
    "size",
    "to_existing_file",
    "to_integer",
    "to_text",
]

# The largest C int: limits are kept as such by the compiled column.
MAX_INT = 2**31 - 1
# The largest Content-Length that the parser accepts.
MAX_SIZE_BYTES = 2**63 - 1

_INTEGER = re.compile(r"-?[0-9]+")
_TRUE_WORDS = frozenset({"1", "true", "yes", "on"})
_FALSE_WORDS = frozenset({"0", "false", "no", "off"})


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of value.

    Args:
        convert: gives the value's normal form; a TypeError or ValueError says that it has none.
        allowed: completes the sentence "... is not ...".
        metavar: stands for the value in ``--help``.
        unit: what a number counts, "" when it is only a number.
        choices: the words that ``--help`` lists.
        separator: splits an environment variable into the items of a list; None for one value.
    """

    convert: Callable[[Any], Any]
    allowed: str
    metavar: str
    unit: str = ""
    choices: tuple[str, ...] = ()
    is_switch: bool = False
    separator: str | None = None

    def parse(self, value: object) -> Any:
        """Give *value* in its normal form.

        Raises:
            ValueError: it is not allowed; the message says what is.
        """
        try:
            return self.convert(value)
        except (TypeError, ValueError):
            raise ValueError(f"{bounded_repr(value)} is not {self.allowed}") from None


def bounded_repr(value: object) -> str:
    """``repr`` of *value*, at most 80 characters of it."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def integer(minimum: int, maximum: int = MAX_INT, unit: str = "") -> Kind:
    """Whole numbers from *minimum* to *maximum*."""

    def convert(value: Any) -> int:
        number = to_integer(value)
        if not minimum <= number <= maximum:
            raise ValueError
        return number

    allowed = f"an integer from {minimum} to {maximum}"
    if maximum >= MAX_INT:
        allowed = f"an integer of at least {minimum}"
    return Kind(convert, allowed, "INTEGER", unit)


def size(minimum: int, maximum: int = MAX_INT) -> Kind:
    """Numbers of bytes."""
    return replace(integer(minimum, maximum, "bytes"), metavar="BYTES")


def seconds(*, is_zero_allowed: bool = False) -> Kind:
    """Durations in seconds, whole or not."""

    def convert(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float, str)):
            raise TypeError
        number = to_integer(value) if is_integer(value) else float(value)
        if not math.isfinite(number) or number < 0 or (number == 0 and not is_zero_allowed):
            raise ValueError
        return number

    allowed = (
        "a number of seconds, at least 0" if is_zero_allowed else "a number of seconds above 0"
    )
    return Kind(convert, allowed, "SECONDS", "seconds")


def choice(*words: str) -> Kind:
    """One of *words*, whatever its case."""

    def convert(value: Any) -> str:
        word = to_text(value).lower()
        if word not in words:
            raise ValueError
        return word

    return Kind(convert, f"one of {', '.join(words)}", "|".join(words), choices=words)


def optional(kind: Kind) -> Kind:
    """*kind*, or None; sources that have no null write ``none``."""

    def convert(value: Any) -> Any:
        if value is None or (isinstance(value, str) and value.lower() == "none"):
            return None
        return kind.convert(value)

    return replace(kind, convert=convert, allowed=f"{kind.allowed}, or none")


def is_integer(value: object) -> bool:
    """Whether *value* is a whole number, or text that says one."""
    return isinstance(value, int) or (
        isinstance(value, str) and _INTEGER.fullmatch(value.strip()) is not None
    )


def to_integer(value: Any) -> int:
    """*value* as a whole number; a TypeError if it is none."""
    if isinstance(value, bool) or not is_integer(value):
        raise TypeError
    return int(value)


def to_text(value: Any) -> str:
    """*value* if it is text without NUL; else a TypeError."""
    if not isinstance(value, str) or "\0" in value:
        raise TypeError
    return value


def _to_switch(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    word = to_text(value).lower()
    if word not in _TRUE_WORDS | _FALSE_WORDS:
        raise ValueError
    return word in _TRUE_WORDS


def to_path(value: Any) -> str:
    """*value* as the text of a path."""
    path = to_text(os.fspath(value))
    if not path:
        raise ValueError
    return path


def _to_directory(value: Any) -> str:
    path = to_text(os.fspath(value)) or "."
    if not os.path.isdir(path):
        raise ValueError
    return path


def to_existing_file(value: Any) -> str:
    """*value* as the path of a file that is there."""
    path = to_path(value)
    if not os.path.isfile(path):
        raise ValueError
    return path


def _to_file_mode(value: Any) -> int:
    mode = int(value, 8) if isinstance(value, str) else to_integer(value)
    if not 0 <= mode <= 0o777:
        raise ValueError
    return mode


SWITCH = Kind(_to_switch, "true or false", "BOOLEAN", is_switch=True)
TEXT = Kind(to_text, "text", "TEXT")
PATH = Kind(to_path, "a path", "PATH")
DIRECTORY = Kind(_to_directory, "the path of a directory", "DIRECTORY")
EXISTING_FILE = Kind(to_existing_file, "the path of a file", "FILE")
FILE_MODE = Kind(_to_file_mode, "an octal file mode from 000 to 777", "MODE", unit="octal")
