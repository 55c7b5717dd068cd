"""Processes whose parents have ended become children of process 1, which has to wait for them.

In a container that is the supervisor; where an init runs, the latter does it.
"""

from __future__ import annotations

import os
from collections.abc import Container

__all__ = ["reap_orphans"]


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
