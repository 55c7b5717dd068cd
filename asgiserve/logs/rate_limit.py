"""Log lines for what a peer can cause as often as it likes: one of a kind in a while."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

__all__ = ["REPORT_INTERVAL_S", "RareLog"]

REPORT_INTERVAL_S = 10.0


class RareLog:
    """Writes the first line, then one every REPORT_INTERVAL_S, which tells how many were left out.

    Args:
        logger: where to.
        level: how serious it is.
        clock: gives seconds.
    """

    def __init__(
        self, logger: logging.Logger, level: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._logger = logger
        self._level = level
        self._clock = clock
        self._next_s = 0.0
        self._left_out = 0

    def write(self, message: str, *arguments: object, error: BaseException | None = None) -> None:
        """Log *message*, unless a line was written a moment ago.

        Args:
            error: its traceback follows the line.
        """
        now_s = self._clock()
        if now_s < self._next_s:
            self._left_out += 1
            return
        self._next_s = now_s + REPORT_INTERVAL_S
        if self._left_out:
            message += " (and %d more such events since the line before)"
            arguments += (self._left_out,)
            self._left_out = 0
        self._logger.log(self._level, message, *arguments, exc_info=error)
