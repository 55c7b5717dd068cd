"""One line for each finished request, at the price of one formatted string.

While the default handler of ``asgiserve.access`` is in place, lines are collected and written once
for each turn of the event loop; any other logging configuration gets ordinary records.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from typing import TYPE_CHECKING, TextIO

from asgiserve.log_formatters import (
    BOLD,
    RESET,
    SAFE_TARGET_BYTES,
    AccessFormatter,
    escape_client,
    escape_target,
)
from asgiserve.logging_defaults import ACCESS_FORMAT, TIME_FORMAT

if TYPE_CHECKING:
    from asgiserve.config import Config

__all__ = ["MAX_UNSENT_BYTES", "AccessLog", "make_access_log"]

logger = logging.getLogger("asgiserve.access")
error_logger = logging.getLogger("asgiserve.error")

# What is kept for a reader of the log that does not keep up; beyond it, lines are dropped.
MAX_UNSENT_BYTES = 1024 * 1024
RETRY_S = 0.1
MAX_KNOWN_CLIENTS = 1024


def make_access_log(config: Config, loop: asyncio.AbstractEventLoop) -> AccessLog | None:
    """The access log of one event loop, or None when no line would be logged."""
    if not config.access_log or not logger.isEnabledFor(logging.INFO) or not logger.hasHandlers():
        return None
    return AccessLog(loop)


class AccessLog:
    """Writes access lines; belongs to the thread of its event loop."""

    __slots__ = (
        "_bold",
        "_clients",
        "_formatter",
        "_handler",
        "_lines",
        "_loop",
        "_prefix",
        "_prefix_second",
        "_reset",
        "_retry",
        "_statuses",
        "_unsent",
        "_was_refused",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._handler = find_default_handler()
        self._formatter = self._handler.formatter if self._handler else None
        use_colors = isinstance(self._formatter, AccessFormatter) and self._formatter.use_colors
        self._bold, self._reset = (BOLD, RESET) if use_colors else ("", "")
        self._prefix = ""
        self._prefix_second = -1
        self._lines: list[str] = []
        self._clients: dict[str, str] = {}
        self._statuses: dict[int, str] = {}
        # Bytes that a full pipe has not taken yet, and the timer that offers them again.
        self._unsent = b""
        self._retry: asyncio.TimerHandle | None = None
        # The stream has failed, and that was said once.
        self._was_refused = False

    def write(
        self,
        client: str,
        method: str,
        target: bytes,
        http_version: str,
        status: int,
        body_bytes: int,
        duration_s: float,
    ) -> None:
        """Log one request.

        Args:
            client: the peer's address as text.
            target: the request target as received.
            body_bytes: the size of the response's body.
            duration_s: the time from the request's head to the end of the response.
        """
        if not self._lines and not self._begin_turn():
            self._log_record(client, method, target, http_version, status, body_bytes, duration_s)
            return
        # Fast lane, 8 times cheaper than a record: tests/test_access_log.py compares the two.
        text = (
            escape_target(target)
            if target.translate(None, SAFE_TARGET_BYTES)
            else target.decode("ascii")
        )
        self._lines.append(
            f"{self._prefix}{self._clients.get(client) or self._add_client(client)} - "
            f'"{self._bold}{method} {text} HTTP/{http_version}{self._reset}" '
            f"{self._statuses.get(status) or self._add_status(status)} {body_bytes} "
            f"{duration_s * 1000:.2f}ms\n"
        )

    def flush(self) -> None:
        """Write what was collected; the server calls it last of all before its loop ends."""
        text = "".join(self._lines)
        self._lines.clear()
        stream = self._handler.stream if self._handler else None
        if stream is None or not (text or self._unsent):
            return
        try:
            self._write_text(stream, text)
        except (OSError, ValueError) as error:
            # A closed pipe or a full disk: serving goes on without these lines.
            self._unsent = b""
            self._on_refusal(str(error))
        else:
            self._was_refused = bool(self._unsent) and self._was_refused

    def _begin_turn(self) -> bool:
        """Make ready for the first line of a turn; False when lines must be ordinary records."""
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
        second = int(time.time())
        if second != self._prefix_second:
            self._prefix_second = second
            self._prefix = self._format_prefix(second)
        self._loop.call_soon(self.flush)
        return True

    def _format_prefix(self, second: int) -> str:
        assert isinstance(self._formatter, AccessFormatter)
        name = logging.getLevelName(logging.INFO)
        when = time.strftime(TIME_FORMAT, time.localtime(second))
        return f"{self._formatter.level_prefix(logging.INFO, name)} {when} "

    def _add_client(self, client: str) -> str:
        if len(self._clients) >= MAX_KNOWN_CLIENTS:
            self._clients.clear()
        escaped = self._clients[client] = escape_client(client)
        return escaped

    def _add_status(self, status: int) -> str:
        assert isinstance(self._formatter, AccessFormatter)
        text = self._statuses[status] = self._formatter.status_text(status)
        return text

    def _log_record(
        self,
        client: str,
        method: str,
        target: bytes,
        http_version: str,
        status: int,
        body_bytes: int,
        duration_s: float,
    ) -> None:
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

    def _write_text(self, stream: TextIO, text: str) -> None:
        try:
            fd = stream.fileno()
        except (AttributeError, OSError, ValueError):
            # Not a file: a test's or a notebook's stream, or a closed one, which says so itself.
            stream.write(text)
            stream.flush()
            return
        data = self._unsent + text.encode("ascii", "backslashreplace")
        try:
            # What the application printed comes first.
            stream.flush()
            sent = os.write(fd, data)
        except BlockingIOError:
            sent = 0
        self._unsent = data[sent:]
        if self._unsent:
            self._keep_unsent()

    def _keep_unsent(self) -> None:
        """A pipe is full: offer the rest again a little later, unless it has grown too large."""
        if len(self._unsent) > MAX_UNSENT_BYTES:
            end = self._unsent.rfind(b"\n", 0, MAX_UNSENT_BYTES) + 1
            self._unsent = self._unsent[:end]
            self._on_refusal("the reader is too slow")
        if self._retry is None:
            self._retry = self._loop.call_later(RETRY_S, self._offer_again)

    def _offer_again(self) -> None:
        self._retry = None
        self.flush()

    def _on_refusal(self, reason: str) -> None:
        if not self._was_refused:
            self._was_refused = True
            error_logger.warning("Access lines are being lost: %s", reason)


def find_default_handler() -> logging.StreamHandler[TextIO] | None:
    """The handler of ``asgiserve.access``, if its lines are what this module writes."""
    if len(logger.handlers) != 1:
        return None
    handler = logger.handlers[0]
    formatter = handler.formatter
    # Subclasses may do anything: only the classes themselves are known.
    if type(handler) is not logging.StreamHandler or type(formatter) is not AccessFormatter:
        return None
    has_default_format = formatter._fmt == ACCESS_FORMAT and formatter.datefmt == TIME_FORMAT
    return handler if has_default_format else None
