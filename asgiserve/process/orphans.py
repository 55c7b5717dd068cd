"""Processes whose parents have ended: they become children of another, which has to wait for them.

That is process 1, which a supervisor is in a container, or the nearest ancestor that adopts them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Container

__all__ = ["adopt_orphans", "reap_orphans"]

# prctl(2), of Linux alone.
PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans() -> bool:
    """Have descendants that lose their parents become children of this process.

    Returns:
        Whether they do: other systems than Linux cannot, and on PyPy nobody could wait for them.
    """
    if sys.platform != "linux" or not hasattr(os, "waitid"):
        return False
    try:
        import ctypes

        status: int = ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    except (ImportError, OSError, AttributeError):
        return False
    return status == 0


def reap_orphans(own: Container[int]) -> int:
    """Wait for children that have ended and are not among *own*; how many there were."""
    count = 0
    # PyPy has no such function.
    while hasattr(os, "waitid"):
        try:
            found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return count
        # Its parent's turn comes first: this looks at one at a time.
        if found is None or found.si_pid in own:
            return count
        os.waitpid(found.si_pid, 0)
        count += 1
    return count
