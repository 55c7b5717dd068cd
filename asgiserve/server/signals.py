"""Signals that ask the server to stop, caught while it serves."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TypeAlias

__all__ = ["STOP_SIGNALS", "catch_stop_signals"]

SignalHandler: TypeAlias = Callable[[int, FrameType | None], None]

STOP_SIGNALS = [signal.SIGINT, signal.SIGTERM]
if sys.platform == "win32":
    STOP_SIGNALS.append(signal.SIGBREAK)


@contextmanager
def catch_stop_signals(handler: SignalHandler) -> Iterator[None]:
    """Have *handler* called for STOP_SIGNALS, then put back the handlers of before.

    Does nothing outside of the main thread: Python allows signal handlers there alone.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # Not loop.add_signal_handler: it cannot tell, nor put back, what a host program had set.
    previous = {number: signal.signal(number, handler) for number in STOP_SIGNALS}
    try:
        yield
    finally:
        for number, previous_handler in previous.items():
            # None: a handler that was not set by Python, and cannot be put back from here.
            if previous_handler is not None:
                signal.signal(number, previous_handler)
