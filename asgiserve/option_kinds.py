"""What an option's value may be: the kinds that the fields of ``config.Config`` are made of.

A kind turns every accepted form of a value (a Python object, or text from the command line, the
environment or TOML) into the one form that the server reads. It knows nothing of options, their
names or their sources.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Mapping, Sequence
from configparser import RawConfigParser
from dataclasses import dataclass, replace
from ipaddress import ip_network
from typing import Any

from asgiserve.bind_address import parse_bind_address
from asgiserve.logging_defaults import LOGGING_CONFIG

__all__ = [
    "APP",
    "BINDS",
    "DIRECTORY",
    "EXISTING_FILE",
    "FIELDS",
    "FILE_MODE",
    "HOSTS",
    "LOG_CONFIG",
    "LOG_LEVEL",
    "LOG_LEVEL_NAMES",
    "LOOP",
    "PATH",
    "ROOT_PATH",
    "SWITCH",
    "TEXT",
    "Kind",
    "choice",
    "integer",
    "optional",
    "seconds",
    "size",
]

# The largest C int: limits are kept as such by the compiled column.
MAX_INT = 2**31 - 1
# The largest Content-Length that the parser accepts.
MAX_SIZE_BYTES = 2**63 - 1
LOG_LEVEL_NAMES = ("critical", "error", "warning", "info", "debug", "trace")
LOOP_NAMES = ("auto", "asyncio", "uvloop", "none")

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 section 5.6.2
_FIELD_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")  # RFC 9110 section 5.5
_INTEGER = re.compile(r"-?[0-9]+")
_IMPORT_STRING = re.compile(r"[^\s:.]+(\.[^\s:.]+)*:[^\s:.]+(\.[^\s:.]+)*")
_TRUE_WORDS = frozenset({"1", "true", "yes", "on"})
_FALSE_WORDS = frozenset({"0", "false", "no", "off"})
# The server frames messages itself: a default header of these names would contradict it.
_FRAMING_FIELDS = frozenset(
    {"connection", "content-length", "keep-alive", "trailer", "transfer-encoding", "upgrade"}
)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of value.

    Args:
        convert: gives the value's normal form; a TypeError or ValueError says that it has none.
        allowed: completes the sentence "... is not ...".
        metavar: stands for the value in ``--help``.
        unit: what a number counts, "" when it is only a number.
        choices: the words that ``--help`` lists.
        separator: splits text into the items of a list; None for a single value.
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
        number = _to_integer(value)
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
        number = _to_integer(value) if _is_integer(value) else float(value)
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
        word = _to_text(value).lower()
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


def _is_integer(value: object) -> bool:
    return isinstance(value, int) or (
        isinstance(value, str) and _INTEGER.fullmatch(value.strip()) is not None
    )


def _to_integer(value: Any) -> int:
    if isinstance(value, bool) or not _is_integer(value):
        raise TypeError
    return int(value)


def _to_text(value: Any) -> str:
    if not isinstance(value, str) or "\0" in value:
        raise TypeError
    return value


def _to_switch(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    word = _to_text(value).lower()
    if word not in _TRUE_WORDS | _FALSE_WORDS:
        raise ValueError
    return word in _TRUE_WORDS


def _to_path(value: Any) -> str:
    path = _to_text(os.fspath(value))
    if not path:
        raise ValueError
    return path


def _to_directory(value: Any) -> str:
    path = os.fspath(value) or "."
    if not os.path.isdir(path):
        raise ValueError
    return str(path)


def _to_existing_file(value: Any) -> str:
    path = _to_path(value)
    if not os.path.isfile(path):
        raise ValueError
    return path


def _to_file_mode(value: Any) -> int:
    mode = int(value, 8) if isinstance(value, str) else _to_integer(value)
    if not 0 <= mode <= 0o777:
        raise ValueError
    return mode


def _to_list(value: Any, separator: str) -> list[Any]:
    if isinstance(value, Mapping):
        return list(value.items())
    items: list[Any] = []
    for item in [value] if isinstance(value, str) else value:
        # A repeated flag may hold several at once, too.
        if isinstance(item, str):
            items += [part.strip() for part in item.split(separator) if part.strip()]
        else:
            items.append(item)
    return items


def _to_binds(value: Any) -> tuple[str, ...]:
    texts = _to_list(value, ",")
    for text in texts:
        parse_bind_address(text)
    return tuple(texts)


def _to_hosts(value: Any) -> list[str]:
    hosts = [_to_text(host) for host in _to_list(value, ",")]
    for host in hosts:
        # A mistaken network would otherwise pass as the name of a socket, and trust nobody.
        if "/" in host and not host.startswith("/"):
            ip_network(host)
    return hosts


def _to_fields(value: Any) -> list[tuple[str, str]]:
    return [_to_field(item) for item in _to_list(value, "\n")]


def _to_field(item: str | Sequence[str]) -> tuple[str, str]:
    name, value = item.split(":", 1) if isinstance(item, str) else item
    name, value = _to_text(name).strip(), _to_text(value).strip(" \t")
    if (
        not _TOKEN.fullmatch(name)
        or not _FIELD_VALUE.fullmatch(value)
        or name.lower() in _FRAMING_FIELDS
    ):
        raise ValueError
    return name, value


def _to_log_level(value: Any) -> str | int:
    if _is_integer(value):
        number = _to_integer(value)
        if number < 0:
            raise ValueError
        return number
    return str(choice(*LOG_LEVEL_NAMES).convert(value))


def _to_log_config(value: Any) -> Any:
    if value == "default":
        return LOGGING_CONFIG
    if isinstance(value, (Mapping, RawConfigParser)) or hasattr(value, "readline"):
        return value
    return _to_existing_file(value)


def _to_app(value: Any) -> Any:
    if value is None:
        raise TypeError
    return _to_import_string(value) if isinstance(value, str) else value


def _to_import_string(value: Any) -> str:
    if not _IMPORT_STRING.fullmatch(_to_text(value)):
        raise ValueError
    return str(value)


def _to_loop(value: Any) -> str:
    return str(value) if value in LOOP_NAMES else _to_import_string(value)


def _to_root_path(value: Any) -> str:
    path = _to_text(value).rstrip("/")
    if path and (not path.startswith("/") or not path.isprintable() or set(path) & set("?#")):
        raise ValueError
    return path


APP = Kind(_to_app, "MODULE:ATTRIBUTE or an application", "APP")
SWITCH = Kind(_to_switch, "true or false", "BOOLEAN", is_switch=True)
TEXT = Kind(_to_text, "text", "TEXT")
PATH = Kind(_to_path, "a path", "PATH")
DIRECTORY = Kind(_to_directory, "the path of a directory", "DIRECTORY")
EXISTING_FILE = Kind(_to_existing_file, "the path of a file", "FILE")
FILE_MODE = Kind(_to_file_mode, "an octal file mode from 000 to 777", "MODE", unit="octal")
BINDS = Kind(
    _to_binds,
    "a list of HOST:PORT, [IPV6]:PORT, unix:PATH or fd://NUMBER",
    "ADDRESS",
    separator=",",
)
HOSTS = Kind(
    _to_hosts,
    "a list of addresses, networks without host bits, socket paths or *",
    "TEXT",
    separator=",",
)
FIELDS = Kind(
    _to_fields,
    "a list of NAME:VALUE, by RFC 9110 and with no name by which the server frames",
    "NAME:VALUE",
    separator="\n",
)
LOG_LEVEL = Kind(
    _to_log_level,
    f"one of {', '.join(LOG_LEVEL_NAMES)} or a level number",
    "|".join(LOG_LEVEL_NAMES),
    choices=LOG_LEVEL_NAMES,
)
LOG_CONFIG = Kind(_to_log_config, "the path of a file, a dictionary or default", "FILE")
LOOP = Kind(
    _to_loop,
    f"one of {', '.join(LOOP_NAMES)} or MODULE:FACTORY",
    "|".join(LOOP_NAMES),
    choices=LOOP_NAMES,
)
ROOT_PATH = Kind(
    _to_root_path, "a path that begins with / and has no ?, # or control characters", "PATH"
)
