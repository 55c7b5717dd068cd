"""The end of a process whose threads do not end.

An application's blocking call, in a thread, cannot be cancelled, and Python waits for its threads
at exit. The grace period bounds that too, where the process serves and does nothing else.
"""

from __future__ import annotations

import logging
import math
import os
import sys
import threading
import time

__all__ = ["guard_exit"]

logger = logging.getLogger("asgiserve.error")


# What threads and exit handlers get when the grace period is over already.
MIN_EXIT_S = 1.0


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


def end_process(timeout_s: float, status: int) -> None:
    """Wait for *timeout_s* seconds, then end the process as it is."""
    time.sleep(timeout_s)
    left = [
        thread.name
        for thread in threading.enumerate()
        if not thread.daemon and thread is not threading.main_thread()
    ]
    logger.warning("Ending the process with threads that still run: %s", ", ".join(left))
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    os._exit(status)
