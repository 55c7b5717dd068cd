"""How log lines look: uvicorn's level prefix, colours on a terminal, hostile bytes escaped."""

from __future__ import annotations

import logging
import os
import re
import string
import sys
import traceback
from copy import copy
from typing import Any, Literal, TextIO

__all__ = [
    "BOLD",
    "RESET",
    "SAFE_CLIENT_CHARS",
    "SAFE_TARGET_BYTES",
    "STATUS_COLORS",
    "TRACE",
    "AccessFormatter",
    "DefaultFormatter",
    "LevelFormatter",
    "TracebackFormatter",
    "colored_start",
    "escape_client",
    "escape_target",
    "escape_text",
    "format_duration",
]

TRACE = 5

RESET = "\x1b[0m"
BOLD = "\x1b[1m"
DIM = "\x1b[2m"
ADDRESS_COLOR = "\x1b[1;36m"
LEVEL_COLORS = {
    TRACE: "\x1b[34m",
    logging.DEBUG: "\x1b[36m",
    logging.INFO: "\x1b[32m",
    logging.WARNING: "\x1b[33m",
    logging.ERROR: "\x1b[31m",
    logging.CRITICAL: "\x1b[91m",
}
WHITE = "\x1b[97m"
# By first digit.
STATUS_COLORS = (WHITE, WHITE, "\x1b[32m", "\x1b[33m", "\x1b[31m", "\x1b[91m", *[WHITE] * 4)
# As wide as the longest of the usual level names.
LEVEL_WIDTH = 8

# What a target may hold and be written as it is: visible ASCII but for the quote, which would end
# the request line, and the backslash, which begins an escape.
SAFE_TARGET_BYTES = bytes(byte for byte in range(0x21, 0x7F) if byte not in b'"\\')

# What addresses are made of.
SAFE_CLIENT_CHARS = b"%-./:@[]_" + string.ascii_letters.encode() + string.digits.encode()

_UNSAFE_TARGET_BYTE = re.compile(rb"[^!#-\[\]-~]")
_UNSAFE_CLIENT_CHAR = re.compile(f"[^{re.escape(SAFE_CLIENT_CHARS.decode())}]")


class TracebackFormatter(logging.Formatter):
    """Shows every exception.

    Python 3.15 looks for modules that it could suggest while it formats a ModuleNotFoundError. It
    may import the application once more, which raises, and ``logging`` passes that on.
    """

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's name
        """The traceback of *ei*, a tuple as of ``sys.exc_info``."""
        try:
            return super().formatException(ei)
        except Exception as failure:  # noqa: BLE001 - named in what is logged
            kind, exc, trace = ei
            frames = "".join(traceback.format_tb(trace))
            return (
                f"Traceback (most recent call last):\n{frames}{kind.__qualname__}: {exc}\n"
                f"(shown in short, since formatting it raised {type(failure).__qualname__})"
            )


class LevelFormatter(TracebackFormatter):
    """Adds ``%(levelprefix)s``: the level with its colon, padded, and coloured if wanted.

    Args:
        use_colors: None asks the environment, and whether the stream is a terminal.
    """

    def __init__(
        self,
        fmt: str | None = None,
        datefmt: str | None = None,
        style: Literal["%", "{", "$"] = "%",
        use_colors: bool | None = None,
    ) -> None:
        super().__init__(fmt=fmt, datefmt=datefmt, style=style)
        self.use_colors = shows_colors(self.stream()) if use_colors is None else use_colors

    def stream(self) -> TextIO | None:
        """The stream that decides about colours."""
        return sys.stderr

    def level_prefix(self, level: int, name: str) -> str:
        """*name* of *level*, as a line begins with it."""
        padding = " " * (LEVEL_WIDTH - len(name))
        return f"{self.paint(name, LEVEL_COLORS.get(level, ''))}:{padding}"

    def paint(self, text: str, color: str) -> str:
        """*text* in *color*, if colours are wanted."""
        return f"{color}{text}{RESET}" if self.use_colors and color else text

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """Fill the format with *record* and what this class adds."""
        # Other handlers get the record too, without the additions.
        extended = copy(record)
        extended.__dict__.update(self.additions(record))
        return super().formatMessage(extended)

    def additions(self, record: logging.LogRecord) -> dict[str, Any]:
        """What the format can use beside the attributes of *record*."""
        return {"levelprefix": self.level_prefix(record.levelno, record.levelname)}


class DefaultFormatter(LevelFormatter):
    """The formatter of everything but access lines.

    In colours it takes the message of a record's ``color_message``, where there is one.
    """

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """Fill the format with *record*, in colours if they are wanted."""
        colored = vars(record).get("color_message")
        if self.use_colors and isinstance(colored, str):
            record = copy(record)
            record.msg = colored
            record.message = record.getMessage()
        return super().formatMessage(record)


class AccessFormatter(LevelFormatter):
    """The formatter of access lines, with uvicorn's names and three more.

    Adds ``client_addr``, ``request_line``, ``status_code``, ``body_bytes``, ``duration`` and
    ``counts``, which is ``body_bytes``, or at the end of a WebSocket its messages each way;
    ``status_code`` is then the close code.
    """

    def stream(self) -> TextIO | None:
        """Access lines go to standard output."""
        return sys.stdout

    def status_text(self, status: int) -> str:
        """*status*, coloured by its class; a close code, of four digits, by its first."""
        unit = 100 if status < 1000 else 1000
        return self.paint(str(status), STATUS_COLORS[status // unit % 10])

    def additions(self, record: logging.LogRecord) -> dict[str, Any]:
        """The parts of a request; a record of other making is its own request line."""
        additions = super().additions(record)
        duration_s = getattr(record, "duration_s", None)
        additions["body_bytes"] = getattr(record, "body_bytes", "-")
        additions["counts"] = additions["body_bytes"]
        if hasattr(record, "received_messages") and hasattr(record, "sent_messages"):
            messages = f"{record.received_messages} received {record.sent_messages} sent"
            additions["counts"] = messages
        additions["duration"] = "-" if duration_s is None else format_duration(duration_s)
        if not isinstance(record.args, tuple) or len(record.args) != 5:
            message = record.getMessage()
            return additions | {"client_addr": "-", "request_line": message, "status_code": "-"}
        client, method, target, http_version, status = record.args
        return additions | {
            "client_addr": client,
            "request_line": self.paint(f"{method} {target} HTTP/{http_version}", BOLD),
            "status_code": self.status_text(int(str(status))),
        }


def colored_start(details: str) -> str:
    """The start-up line for a terminal: name, version and addresses stand out from *details*.

    Its arguments are the version, the addresses, and those of *details*.
    """
    name = f"{BOLD}asgiserve %s{RESET}"
    return f"{name} serves {ADDRESS_COLOR}%s{RESET} {DIM}{details}; press CTRL+C to stop{RESET}"


def shows_colors(stream: TextIO | None) -> bool:
    """Whether to colour what goes to *stream*, when no option says so.

    The environment comes before the terminal: ``NO_COLOR`` (https://no-color.org), then
    ``FORCE_COLOR``. A closed or missing stream shows nothing.
    """
    if os.environ.get("NO_COLOR"):
        return False
    forced = os.environ.get("FORCE_COLOR")
    if forced:
        return forced != "0"
    if os.environ.get("TERM") == "dumb":
        return False
    try:
        return stream is not None and stream.isatty()
    except ValueError:
        return False


def format_duration(duration_s: float) -> str:
    """*duration_s* as milliseconds with two places, rounded down: a sum that both twins can do."""
    hundredths = int(max(duration_s, 0) * 100_000)
    return f"{hundredths // 100}.{hundredths % 100:02}ms"


def escape_target(target: bytes) -> str:
    r"""*target* as text; quotes, backslashes and what is not visible ASCII become ``\xNN``."""
    if not target.translate(None, SAFE_TARGET_BYTES):
        return target.decode("ascii")
    return _UNSAFE_TARGET_BYTE.sub(lambda match: b"\\x%02x" % match[0][0], target).decode("ascii")


def escape_client(client: str) -> str:
    r"""*client* with every character that an address does not have as ``\xNN`` or longer.

    It may be a peer's invention: a trusted proxy passes on what it was told.
    """
    return _UNSAFE_CLIENT_CHAR.sub(lambda match: ascii_escape(match[0]), client)


def escape_text(text: str) -> str:
    r"""*text* with what cannot be printed, as line breaks and control characters, as ``\xNN``."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else ascii_escape(char) for char in text)


def ascii_escape(char: str) -> str:
    """*char* as a Python escape sequence."""
    code = ord(char)
    return (
        f"\\x{code:02x}"
        if code < 0x100
        else f"\\u{code:04x}"
        if code < 0x10000
        else f"\\U{code:08x}"
    )
