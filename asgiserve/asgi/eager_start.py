"""Whether an application's task may run before the callback that starts it has returned."""

from __future__ import annotations

import asyncio
import sys

__all__ = ["can_start_eagerly"]


def can_start_eagerly(loop: asyncio.AbstractEventLoop) -> bool:
    """Whether a task of *loop* can run up to its first wait at once.

    A task factory of the host program has to be asked for each task. Where nest_asyncio has patched
    asyncio, an application may run the loop within itself: the callback that it was started from
    would be called again then, which fails, as long as its socket has something to read.
    """
    has_nested_loops = hasattr(asyncio, "_nest_patched")
    return sys.version_info >= (3, 12) and not has_nested_loops and loop.get_task_factory() is None
