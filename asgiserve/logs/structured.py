"""Log lines for machines: one JSON object a line, or logfmt's ``key=value`` pairs.

Both are ASCII without control characters but for the line's end, whatever was logged.
"""

from __future__ import annotations

import logging
import math
import re
import time
from typing import Any

from asgiserve.logs.access_layout import JSON_LAYOUT, LOGFMT_LAYOUT, Layout
from asgiserve.logs.formatters import TracebackFormatter, format_duration

__all__ = ["JsonFormatter", "LogfmtFormatter", "StructuredFormatter"]

# What every record has, and what is for other formatters; all else was given with ``extra``.
KNOWN_ATTRIBUTES = frozenset(vars(logging.makeLogRecord({}))) | {
    "asctime",
    "color_message",
    "message",
    "taskName",
}
# Of an access record; they have fields of their own.
ACCESS_ATTRIBUTES = frozenset({"body_bytes", "duration_s", "received_messages", "sent_messages"})
# In logfmt, whatever they hold: so it is decided in the layout of access lines as well.
QUOTED_KEYS = frozenset({"message", "client", "target", "exception", "stack"})

_BARE_VALUE = re.compile(r"[!#-<>-\[\]-~]+")
_UNSAFE_KEY_CHAR = re.compile(r'[^!#-<>-~]|["=]')


class StructuredFormatter(TracebackFormatter):
    """Makes one line of a record: time, level, logger and message, and whatever else is known.

    Attributes:
        layout: that of access lines, which are written without a record.
    """

    layout: Layout

    def format(self, record: logging.LogRecord) -> str:
        """The line of *record*; a traceback is a field of it."""
        fields: dict[str, Any] = {"message": record.getMessage()}
        is_access = is_access_record(record)
        if is_access:
            fields |= access_fields(record)
        for name, value in vars(record).items():
            is_known = name in KNOWN_ATTRIBUTES or (is_access and name in ACCESS_ATTRIBUTES)
            if not is_known and name not in fields:
                fields[name] = value
        if record.exc_info:
            fields["exception"] = record.exc_text or self.formatException(record.exc_info)
        elif record.exc_text:
            fields["exception"] = record.exc_text
        if record.stack_info:
            fields["stack"] = self.formatStack(record.stack_info)
        return self.begin_line(record.created, record.levelname, record.name) + self.end_line(
            {name: to_plain(value) for name, value in fields.items()}
        )

    def begin_line(self, created_s: float, level: str, logger: str) -> str:
        """What comes before the message."""
        raise NotImplementedError

    def end_line(self, fields: dict[str, Any]) -> str:
        """What comes after that."""
        raise NotImplementedError


class JsonFormatter(StructuredFormatter):
    """One JSON object a line (RFC 8259)."""

    layout = JSON_LAYOUT

    def begin_line(self, created_s: float, level: str, logger: str) -> str:
        """The open object, with time, level and logger."""
        fields = {"time": format_time(created_s), "level": level, "logger": logger}
        return to_json(fields)[:-1]

    def end_line(self, fields: dict[str, Any]) -> str:
        """The other members, and the end of the object."""
        return f",{to_json(fields)[1:]}"


class LogfmtFormatter(StructuredFormatter):
    """``key=value`` pairs; values with blanks and the like stand in quotes, escaped as in JSON."""

    layout = LOGFMT_LAYOUT

    def begin_line(self, created_s: float, level: str, logger: str) -> str:
        """Time, level and logger."""
        return f"time={format_time(created_s)} {pair('level', level)} {pair('logger', logger)}"

    def end_line(self, fields: dict[str, Any]) -> str:
        """The other pairs."""
        return "".join(f" {pair(name, value)}" for name, value in fields.items())


def is_access_record(record: logging.LogRecord) -> bool:
    """Whether *record* is a request or the end of a WebSocket."""
    return (
        hasattr(record, "duration_s") and isinstance(record.args, tuple) and len(record.args) == 5
    )


def access_fields(record: logging.LogRecord) -> dict[str, Any]:
    """What an access record tells, by name."""
    assert isinstance(record.args, tuple)
    client, method, target, http_version, status = record.args
    fields: dict[str, Any] = {
        "client": client,
        "method": method,
        "target": target,
        "http_version": http_version,
    }
    attributes = vars(record)
    if "received_messages" in attributes:
        fields["close_code"] = status
        fields["received_messages"] = attributes["received_messages"]
        fields["sent_messages"] = attributes.get("sent_messages", 0)
    else:
        fields["status"] = status
        fields["body_bytes"] = attributes.get("body_bytes", 0)
    fields["duration_ms"] = Milliseconds(format_duration(attributes["duration_s"])[:-2])
    return fields


class Milliseconds(float):
    """A duration that keeps its two places, as access lines have them."""

    def __new__(cls, text: str) -> Milliseconds:
        """*text* is a number with two places."""
        return super().__new__(cls, text)

    def __repr__(self) -> str:
        return f"{float(self):.2f}"


def to_plain(value: object) -> str | int | float | bool | None:
    """*value* as JSON knows it; what it does not know becomes text."""
    if value is None or isinstance(value, (str, bool)):
        return value
    if type(value) is int or isinstance(value, Milliseconds):
        return value
    if type(value) is float and math.isfinite(value):
        return value
    try:
        return str(value)
    # A log line is no place to fail for somebody else's object.
    except Exception as error:  # noqa: BLE001
        return f"<{type(value).__name__}: {type(error).__name__} in str()>"


def to_json(fields: dict[str, Any]) -> str:
    """*fields* as one object in ASCII."""
    members = [f"{quote(name)}:{encode(value)}" for name, value in fields.items()]
    return f"{{{','.join(members)}}}"


def encode(value: str | int | float | bool | None) -> str:
    """*value* in JSON."""
    if isinstance(value, str):
        return quote(value)
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else repr(value)


def quote(text: str) -> str:
    """*text* in quotes, as in JSON, and with no control character at all."""
    # Here, since most servers write text, and start without it.
    import json

    return json.dumps(text).replace("\x7f", "\\u007f")


def pair(name: str, value: str | int | float | bool | None) -> str:
    """*name* and *value* in logfmt."""
    key = _UNSAFE_KEY_CHAR.sub("_", name) or "_"
    if isinstance(value, str) and key not in QUOTED_KEYS and _BARE_VALUE.fullmatch(value):
        return f"{key}={value}"
    return f"{key}={encode(value)}"


def format_time(created_s: float) -> str:
    """*created_s* by RFC 3339, in UTC, with milliseconds."""
    millis = int(created_s * 1000)
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(millis // 1000))
    return f"{whole}.{millis % 1000:03}Z"
