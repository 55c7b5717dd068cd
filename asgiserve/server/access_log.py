"""The access log: one line for each finished request, written a hundred times a second at most.

That is so while the default handler of ``asgiserve.access`` is in place; any other logging
configuration gets an ordinary record for each request, with the arguments that uvicorn gives.
A WebSocket has two lines or records: its handshake's, which is a request's, and one at its end.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, TextIO
from urllib.parse import quote

from asgiserve._twins import access_line
from asgiserve.config.logging_defaults import ACCESS_FORMAT, TIME_FORMAT
from asgiserve.logs.access_layout import TEXT_LAYOUT, Layout, make_text_layout
from asgiserve.logs.formatters import (
    BOLD,
    RESET,
    STATUS_COLORS,
    AccessFormatter,
    escape_client,
    escape_target,
)
from asgiserve.logs.handler import LogHandler
from asgiserve.logs.structured import JsonFormatter, LogfmtFormatter, StructuredFormatter
from asgiserve.logs.writer import LogWriter

if TYPE_CHECKING:
    from asgiserve.config.config import Config

__all__ = ["AccessLog", "make_access_log"]

logger = logging.getLogger("asgiserve.access")

# Lines wait this long for others: a write costs as much as a dozen lines.
FLUSH_DELAY_S = 0.01

KNOWN_HANDLERS = (logging.StreamHandler, LogHandler)


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
        # For a handler that has none.
        self._writer = LogWriter(None)
        self._timer: asyncio.TimerHandle | None = None

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
        if self._timer is None:
            self._timer = self._loop.call_later(FLUSH_DELAY_S, self.flush)
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
        """Hand on what was collected; the server calls it before its loop ends."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        lines = self.take()
        if lines and self._handler is not None:
            self._find_writer(self._handler).write(lines)

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

    def _find_writer(self, handler: logging.StreamHandler[TextIO]) -> LogWriter:
        """What writes to the stream that *handler* has now."""
        if isinstance(handler, LogHandler):
            return handler.writer
        if self._writer.stream is not handler.stream:
            self._writer = LogWriter(handler.stream)
        return self._writer


def find_default_handler() -> logging.StreamHandler[TextIO] | None:
    """The handler of ``asgiserve.access``, if its lines are what `AccessLog` writes."""
    if len(logger.handlers) != 1:
        return None
    handler = logger.handlers[0]
    formatter = handler.formatter
    # Subclasses may do anything: only the classes themselves are known.
    if not isinstance(handler, logging.StreamHandler) or type(handler) not in KNOWN_HANDLERS:
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
