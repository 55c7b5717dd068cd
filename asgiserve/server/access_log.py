"""The access log: one line for each finished request, written a hundred times a second at most.

That is so while the default handler of ``asgiserve.access`` is in place; any other logging
configuration gets an ordinary record for each request, with the arguments that uvicorn gives.
A WebSocket has two lines or records: its handshake's, which is a request's, and one at its end.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from typing import TYPE_CHECKING, TextIO
from urllib.parse import quote

from asgiserve._twins import access_line
from asgiserve.access_layouts import TEXT_LAYOUT, Layout, make_text_layout
from asgiserve.log_formatters import (
    BOLD,
    RESET,
    STATUS_COLORS,
    AccessFormatter,
    escape_client,
    escape_target,
)
from asgiserve.logging_defaults import ACCESS_FORMAT, TIME_FORMAT
from asgiserve.structured_logs import JsonFormatter, LogfmtFormatter, StructuredFormatter

if TYPE_CHECKING:
    from asgiserve.config import Config

__all__ = ["MAX_UNSENT_BYTES", "AccessLog", "make_access_log"]

logger = logging.getLogger("asgiserve.access")
error_logger = logging.getLogger("asgiserve.error")

# What is kept for a reader of the log that does not keep up; beyond it, lines are dropped.
MAX_UNSENT_BYTES = 1024 * 1024

# Lines wait this long for others: a write costs as much as a dozen lines.
FLUSH_DELAY_S = 0.01
# How long a full pipe is left alone.
RETRY_DELAY_S = 0.1


def make_access_log(config: Config, loop: asyncio.AbstractEventLoop) -> AccessLog | None:
    """The access log of one event loop, or None when no line would be logged."""
    if not config.access_log or not logger.isEnabledFor(logging.INFO) or not logger.hasHandlers():
        return None
    log = AccessLog(loop)
    if config.readiness_path is not None:
        # A probe comes every few seconds: it says something when the answer is another than 200.
        log.quiet_target = quote(config.readiness_path).encode("ascii")
    return log


class AccessLog(access_line.AccessLines):
    """Access lines on their way to the log; belongs to the thread of its event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._handler = find_default_handler()
        self._formatter = self._handler.formatter if self._handler else None
        super().__init__(choose_layout(self._formatter))
        self._loop = loop
        self._second = -1
        # Bytes that a full pipe has not taken yet.
        self._unsent = b""
        self._timer: asyncio.TimerHandle | None = None
        # The stream has failed, and that was said once.
        self._has_warned = False

    def begin_batch(self) -> bool:
        """Have the lines that follow written soon, if the default handler is in place."""
        handler = self._handler
        if (
            handler is None
            or len(logger.handlers) != 1
            or logger.handlers[0] is not handler
            or handler.formatter is not self._formatter
            or handler.filters
            or handler.level > logging.INFO
            or logger.filters
            or logger.propagate
            or not logger.isEnabledFor(logging.INFO)
        ):
            return False
        self._set_prefix(time.time())
        self._flush_after(FLUSH_DELAY_S)
        return True

    def write_record(
        self,
        client: str,
        method: str,
        target: bytes,
        http_version: str,
        status: int,
        body_bytes: int,
        duration_s: float,
    ) -> None:
        """Log one request through `logging`."""
        # These five arguments, and no more, are what formatters written for uvicorn unpack.
        logger.info(
            '%s - "%s %s HTTP/%s" %d',
            escape_client(client),
            method,
            escape_target(target),
            http_version,
            status,
            extra={"body_bytes": body_bytes, "duration_s": duration_s},
        )

    def write_websocket_record(
        self,
        client: str,
        target: bytes,
        code: int,
        received_messages: int,
        sent_messages: int,
        duration_s: float,
    ) -> None:
        """Log the end of one WebSocket through `logging`."""
        # The five arguments of a request; and `body_bytes`, for formats that name it.
        logger.info(
            '%s - "%s %s HTTP/%s" %d',
            escape_client(client),
            "WEBSOCKET",
            escape_target(target),
            "1.1",
            code,
            extra={
                "body_bytes": 0,
                "received_messages": received_messages,
                "sent_messages": sent_messages,
                "duration_s": duration_s,
            },
        )

    def flush(self) -> None:
        """Write what was collected; the server calls it before its loop ends."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        lines = self.take()
        stream = self._handler.stream if self._handler else None
        if stream is None or not (lines or self._unsent):
            return
        try:
            self._write_lines(stream, lines)
        except (OSError, ValueError) as error:
            # A closed pipe or a full disk: serving goes on without these lines.
            self._unsent = b""
            self._warn_once(str(error))

    def _set_prefix(self, now_s: float) -> None:
        level = logging.getLevelName(logging.INFO)
        if isinstance(self._formatter, StructuredFormatter):
            prefix = self._formatter.begin_line(now_s, level, logger.name)
        else:
            second = int(now_s)
            if second == self._second:
                return
            self._second = second
            assert isinstance(self._formatter, AccessFormatter)
            level = self._formatter.level_prefix(logging.INFO, level)
            prefix = f"{level} {time.strftime(TIME_FORMAT, time.localtime(second))} "
        self.prefix = prefix.encode("ascii", "backslashreplace")

    def _write_lines(self, stream: TextIO, lines: bytes) -> None:
        try:
            fd = stream.fileno()
        except (AttributeError, OSError, ValueError):
            # Not a file: a test's or a notebook's stream, or a closed one, which says so itself.
            stream.write(lines.decode("ascii"))
            stream.flush()
            return
        data = self._unsent + lines
        try:
            # What the application printed comes first.
            stream.flush()
            sent = os.write(fd, data)
        except BlockingIOError:
            sent = 0
        self._unsent = data[sent:]
        if self._unsent:
            self._keep_unsent()
        else:
            self._has_warned = False

    def _keep_unsent(self) -> None:
        """A pipe is full: offer the rest again a little later, unless it has grown too large."""
        if len(self._unsent) > MAX_UNSENT_BYTES:
            end = self._unsent.rfind(b"\n", 0, MAX_UNSENT_BYTES) + 1
            self._unsent = self._unsent[:end]
            self._warn_once("the reader is too slow")
        self._flush_after(RETRY_DELAY_S)

    def _flush_after(self, delay_s: float) -> None:
        if self._timer is None:
            self._timer = self._loop.call_later(delay_s, self.flush)

    def _warn_once(self, reason: str) -> None:
        if not self._has_warned:
            self._has_warned = True
            error_logger.warning("Access lines are being lost: %s", reason)


def find_default_handler() -> logging.StreamHandler[TextIO] | None:
    """The handler of ``asgiserve.access``, if its lines are what `AccessLog` writes."""
    if len(logger.handlers) != 1:
        return None
    handler = logger.handlers[0]
    formatter = handler.formatter
    # Subclasses may do anything: only the classes themselves are known.
    if type(handler) is not logging.StreamHandler:
        return None
    if type(formatter) in (JsonFormatter, LogfmtFormatter):
        return handler
    if type(formatter) is not AccessFormatter:
        return None
    has_default_format = formatter._fmt == ACCESS_FORMAT and formatter.datefmt == TIME_FORMAT
    return handler if has_default_format else None


def choose_layout(formatter: logging.Formatter | None) -> Layout:
    """How lines look that look like those of *formatter*."""
    if isinstance(formatter, StructuredFormatter):
        return formatter.layout
    if not isinstance(formatter, AccessFormatter) or not formatter.use_colors:
        return TEXT_LAYOUT
    colors = tuple(color.encode() for color in STATUS_COLORS)
    return make_text_layout(BOLD.encode(), RESET.encode(), colors)
