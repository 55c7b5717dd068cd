"""Signals that the server acts on, caught while it serves."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TypeAlias

from asgiserve.process.signal_handlers import set_handler

__all__ = ["STOP_SIGNALS", "UPKEEP_SIGNALS", "catch_signals", "find_unhandled", "raise_again"]

SignalHandler: TypeAlias = Callable[[int, FrameType | None], None]

STOP_SIGNALS = [signal.SIGINT, signal.SIGTERM]
if sys.platform == "win32":
    STOP_SIGNALS.append(signal.SIGBREAK)
    UPKEEP_SIGNALS: list[signal.Signals] = []
else:
    # Read certificates and log files again; log files only.
    UPKEEP_SIGNALS = [signal.SIGHUP, signal.SIGUSR1]


@contextmanager
def catch_signals(handler: SignalHandler, numbers: Iterable[signal.Signals]) -> Iterator[None]:
    """Have *handler* called for the signals *numbers*, then put back the handlers of before.

    Does nothing outside of the main thread: Python allows signal handlers there alone.
    """
    if not is_main_thread():
        yield
        return
    # Not loop.add_signal_handler: it cannot tell, nor put back, what a host program had set.
    previous = {number: set_handler(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, previous_handler in previous.items():
            # None: a handler that was not set by Python, and cannot be put back from here.
            if previous_handler is not None:
                set_handler(number, previous_handler)


def raise_again(numbers: Iterable[int]) -> None:
    """Raise the signals *numbers*, which were caught, for the handlers of before; each kind once.

    Does nothing outside of the main thread, where none can have been caught.
    """
    if is_main_thread():
        for number in dict.fromkeys(numbers):
            signal.raise_signal(number)


def find_unhandled(numbers: Iterable[signal.Signals]) -> list[signal.Signals]:
    """Those of *numbers* that would kill the process, since nobody handles or ignores them."""
    return [number for number in numbers if signal.getsignal(number) is signal.SIG_DFL]


def is_main_thread() -> bool:
    """Whether this is the thread in which Python runs signal handlers."""
    return threading.current_thread() is threading.main_thread()
