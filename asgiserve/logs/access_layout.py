"""How an access line is put together: constant bytes, and the parts of a request between them.

One layout for each value of ``log_format``; both columns of ``logs/access_line`` write by them.
The formatters of ``formatters`` and ``structured`` make the same lines from log records.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TypeAlias

__all__ = ["JSON_LAYOUT", "LOGFMT_LAYOUT", "TEXT_LAYOUT", "Layout", "Part", "make_text_layout"]


class Part(IntEnum):
    """What varies from line to line."""

    CLIENT = 0
    METHOD = 1
    TARGET = 2
    HTTP_VERSION = 3
    # With its colour before it; a close code at the end of a WebSocket.
    STATUS = 4
    BODY_BYTES = 5
    RECEIVED_MESSAGES = 6
    SENT_MESSAGES = 7
    # Milliseconds with two places.
    DURATION = 8


Pieces: TypeAlias = tuple[bytes | Part, ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """The pieces of a line, after its prefix; two of them at least are parts.

    Args:
        request: those of a finished request, at most 32.
        websocket: those of a WebSocket that has ended, at most 32.
        status_colors: what comes before a status or a close code, ten of them: one for each first
            digit.
        doubles_backslashes: client and target stand between quotes in which a backslash is
            written as two.
    """

    request: Pieces
    websocket: Pieces
    status_colors: tuple[bytes, ...] = (b"",) * 10
    doubles_backslashes: bool = False


def make_text_layout(
    bold: bytes = b"", reset: bytes = b"", status_colors: tuple[bytes, ...] = (b"",) * 10
) -> Layout:
    """The layout of plain text, in colours where they are given.

    Args:
        bold: what comes before a request line, on a terminal an escape sequence.
        reset: what comes after a request line and a status.
    """
    beginning: Pieces = (
        Part.CLIENT,
        b' - "' + bold,
        Part.METHOD,
        b" ",
        Part.TARGET,
        b" HTTP/",
        Part.HTTP_VERSION,
        reset + b'" ',
        Part.STATUS,
        reset + b" ",
    )
    end: Pieces = (b" ", Part.DURATION, b"ms\n")
    messages: Pieces = (Part.RECEIVED_MESSAGES, b" received ", Part.SENT_MESSAGES, b" sent")
    return Layout((*beginning, Part.BODY_BYTES, *end), (*beginning, *messages, *end), status_colors)


def make_json_layout() -> Layout:
    """The layout of one JSON object a line; the prefix has begun it with time, level and logger."""
    beginning: Pieces = (
        b',"message":"',
        Part.CLIENT,
        b' - \\"',
        Part.METHOD,
        b" ",
        Part.TARGET,
        b" HTTP/",
        Part.HTTP_VERSION,
        b'\\" ',
        Part.STATUS,
        b'","client":"',
        Part.CLIENT,
        b'","method":"',
        Part.METHOD,
        b'","target":"',
        Part.TARGET,
        b'","http_version":"',
        Part.HTTP_VERSION,
    )
    end: Pieces = (b',"duration_ms":', Part.DURATION, b"}\n")
    return Layout(
        (*beginning, b'","status":', Part.STATUS, b',"body_bytes":', Part.BODY_BYTES, *end),
        (
            *beginning,
            b'","close_code":',
            Part.STATUS,
            b',"received_messages":',
            Part.RECEIVED_MESSAGES,
            b',"sent_messages":',
            Part.SENT_MESSAGES,
            *end,
        ),
        doubles_backslashes=True,
    )


def make_logfmt_layout() -> Layout:
    """The layout of ``key=value`` pairs; the prefix has begun it with time, level and logger."""
    beginning: Pieces = (
        b' message="',
        Part.CLIENT,
        b' - \\"',
        Part.METHOD,
        b" ",
        Part.TARGET,
        b" HTTP/",
        Part.HTTP_VERSION,
        b'\\" ',
        Part.STATUS,
        b'" client="',
        Part.CLIENT,
        b'" method=',
        Part.METHOD,
        b' target="',
        Part.TARGET,
        b'" http_version=',
        Part.HTTP_VERSION,
    )
    end: Pieces = (b" duration_ms=", Part.DURATION, b"\n")
    return Layout(
        (*beginning, b" status=", Part.STATUS, b" body_bytes=", Part.BODY_BYTES, *end),
        (
            *beginning,
            b" close_code=",
            Part.STATUS,
            b" received_messages=",
            Part.RECEIVED_MESSAGES,
            b" sent_messages=",
            Part.SENT_MESSAGES,
            *end,
        ),
        doubles_backslashes=True,
    )


TEXT_LAYOUT = make_text_layout()
JSON_LAYOUT = make_json_layout()
LOGFMT_LAYOUT = make_logfmt_layout()
