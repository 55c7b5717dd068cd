"""Signals as something that a selector waits for, beside sockets and pipes."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterable
from types import FrameType, TracebackType
from typing import Any

from asgiserve.process.signal_handlers import set_handler

__all__ = ["SignalPipe"]

WAKE = 0  # no signal has this number
READ_BYTES = 4096


class SignalPipe:
    """Catches *signals* while its context lasts, then puts back the handlers of before.

    Outside of the main thread it catches none: Python allows signal handlers there alone.
    """

    def __init__(self, signals: Iterable[int]) -> None:
        self._signals = tuple(signals)
        self._previous: dict[int, Any] = {}
        self._previous_fd = -1
        self._is_awake = False
        self._read_fd, self._write_fd = os.pipe()
        for fd in (self._read_fd, self._write_fd):
            os.set_blocking(fd, False)

    def __enter__(self) -> SignalPipe:
        if threading.current_thread() is threading.main_thread():
            # The bytes are written by C code at the signal: none is lost, and none is late.
            self._previous_fd = signal.set_wakeup_fd(self._write_fd, warn_on_full_buffer=False)
            self._previous = {each: set_handler(each, pass_by) for each in self._signals}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for number, handler in self._previous.items():
            # None: a handler that was not set by Python, and cannot be put back from here.
            if handler is not None:
                set_handler(number, handler)
        if self._previous:
            signal.set_wakeup_fd(self._previous_fd)
        os.close(self._read_fd)
        os.close(self._write_fd)

    def fileno(self) -> int:
        """What becomes readable when there is something to read."""
        return self._read_fd

    def wake(self) -> None:
        """Make the pipe readable, from any thread."""
        # Once is enough, and leaves the pipe's room to signals.
        if not self._is_awake:
            self._is_awake = True
            os.write(self._write_fd, bytes([WAKE]))

    def read(self) -> list[int]:
        """The signals that came since the last call, in their order; [] after a mere ``wake``."""
        self._is_awake = False
        try:
            data = os.read(self._read_fd, READ_BYTES)
        except BlockingIOError:
            return []
        return [number for number in data if number != WAKE]


def pass_by(number: int, frame: FrameType | None) -> None:
    """The byte in the pipe is enough."""
