"""The handler of asgiserve's own logs, which never waits for whatever reads them."""

from __future__ import annotations

import logging
import traceback
from typing import Any, TextIO

from asgiserve.logs.writer import LogWriter

__all__ = ["LogHandler"]


class LogHandler(logging.StreamHandler[TextIO]):
    """Writes records to *stream*, by default standard error, without blocking.

    For logging configurations: ``asgiserve.logs.LogHandler`` takes the place of
    ``logging.StreamHandler``.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        super().__init__(stream)
        self._writer = LogWriter(self.stream)

    @property
    def writer(self) -> LogWriter:
        """What writes to the stream that the handler has now."""
        if self._writer.stream is not self.stream:
            self._writer = LogWriter(self.stream)
        return self._writer

    def emit(self, record: logging.LogRecord) -> None:
        """Write the line of *record*, or its lines."""
        try:
            self.writer.write(f"{self.format(record)}{self.terminator}")
        except RecursionError:
            raise
        # Formatters and the arguments of records raise what they like.
        except Exception:  # noqa: BLE001
            self.handleError(record)

    def flush(self) -> None:
        """Write what others have left in the stream's buffer, if that should not block."""
        # `StreamHandler.__init__` comes here by no way, but `logging.shutdown` does.
        self.writer.flush()

    def close(self) -> None:
        """Let go of what was opened; the stream stays open."""
        self._writer.close()
        super().close()

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Say in the log that *record* cannot be formatted."""
        if logging.raiseExceptions:
            text = f"--- Logging error ---\n{traceback.format_exc()}"
            self.writer.write(
                f"{text}Message: {show(record.msg)}\nArguments: {show(record.args)}\n"
            )


def show(value: Any) -> str:
    """*value* as far as it can be shown."""
    try:
        return f"{value!r:.1000}"
    except Exception as error:  # noqa: BLE001 - it may be what could not be formatted
        return f"<{type(value).__name__}: {type(error).__name__} in repr()>"
