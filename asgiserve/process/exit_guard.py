"""The end of a process whose threads do not end, or whose output nobody reads.

An application's blocking call, in a thread, cannot be cancelled, and Python waits for its threads
at exit. The grace period bounds that too, where the process serves and does nothing else. Python
also writes at exit what the application has printed, and waits until that is read.
"""

from __future__ import annotations

import logging
import math
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import TextIO

from asgiserve.logs.writer import is_writable, open_nonblocking, wait_for_readers

__all__ = ["flush_output", "guard_exit", "guard_startup", "leave_output"]

logger = logging.getLogger("asgiserve.error")


# What an application's startup gets to unwind, which was cancelled but may block the event loop.
UNWIND_S = 3.0
# What threads and exit handlers get when the grace period is over already.
MIN_EXIT_S = 1.0

# What the readers of standard output and error get, at the end, to take what is left.
LAST_OUTPUT_S = 0.5


def guard_exit(deadline_s: float, status: int) -> None:
    """End the process with *status* at *deadline_s*, unless it has ended by itself before.

    Args:
        deadline_s: a time of the monotonic clock, or infinity.
        status: the exit status.
    """
    if deadline_s == math.inf:
        return
    timeout_s = max(deadline_s - time.monotonic(), MIN_EXIT_S)
    threading.Thread(
        target=end_process, args=(timeout_s, status), name="asgiserve-exit-guard", daemon=True
    ).start()


def guard_startup(is_over: Callable[[], bool]) -> None:
    """End the process with status 0 if a startup that was cancelled is not over soon."""
    threading.Thread(
        target=end_startup, args=(is_over,), name="asgiserve-startup-guard", daemon=True
    ).start()


def end_startup(is_over: Callable[[], bool]) -> None:
    """Wait for UNWIND_S, then end the process as it is, unless *is_over*."""
    time.sleep(UNWIND_S)
    if not is_over():
        logger.warning("Ending the process: the application's startup does not end")
        end_now(0)


def end_process(timeout_s: float, status: int) -> None:
    """Wait for *timeout_s* seconds, then end the process as it is."""
    time.sleep(timeout_s)
    left = [
        thread.name
        for thread in threading.enumerate()
        if not thread.daemon and thread is not threading.main_thread()
    ]
    logger.warning("Ending the process with threads that still run: %s", ", ".join(left))
    end_now(status)


def end_now(status: int) -> None:
    """End the process, but write what it has said."""
    leave_output()
    os._exit(status)


def leave_output() -> None:
    """Write what is left for standard output and error; after LAST_OUTPUT_S, drop it.

    For a process that is about to end: Python would wait for the readers without limit.
    """
    deadline_s = time.monotonic() + LAST_OUTPUT_S
    wait_for_readers(LAST_OUTPUT_S)
    for stream in standard_streams():
        if not flush(stream, deadline_s):
            null_fd = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null_fd, stream.fileno())
            os.close(null_fd)


def flush_output() -> None:
    """Write what the buffers of standard output and error hold, as far as that does not block."""
    for stream in standard_streams():
        flush(stream, 0)


def standard_streams() -> list[TextIO]:
    """Standard output and error, if they are there and have file descriptors."""
    streams = []
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.fileno()
        except (AttributeError, OSError, ValueError):
            continue
        streams.append(stream)
    return streams


def flush(stream: TextIO, deadline_s: float) -> bool:
    """Flush *stream* until *deadline_s* at the latest; whether nothing is left."""
    fd = stream.fileno()
    try:
        own_fd = open_nonblocking(fd)
        if own_fd is None:
            if is_writable(fd, left_s(deadline_s)):
                stream.flush()
                return True
            return False
        # For as long as this takes, in the place of what others share and may block.
        shared_fd = os.dup(fd)
        os.dup2(own_fd, fd)
        os.close(own_fd)
        try:
            return flush_nonblocking(stream, fd, deadline_s)
        finally:
            os.dup2(shared_fd, fd)
            os.close(shared_fd)
    except (OSError, ValueError):
        # Its reader is gone, or its disk is full.
        return False


def flush_nonblocking(stream: TextIO, fd: int, deadline_s: float) -> bool:
    """As `flush`, where *fd* does not block."""
    while True:
        try:
            stream.flush()
        except BlockingIOError:
            if not is_writable(fd, left_s(deadline_s)):
                return False
        else:
            return True


def left_s(deadline_s: float) -> float:
    """How many seconds are left until *deadline_s*, a time of the monotonic clock."""
    return max(deadline_s - time.monotonic(), 0)
