"""Accept errors, thinned out.

When the process is out of file descriptors, asyncio reports up to ``backlog`` failures at once,
each with its traceback, and tries again after a second; uvloop closes the connection and says
nothing. Both go on accepting when there are descriptors again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["thin_out_accept_errors"]

logger = logging.getLogger("asgiserve.error")

# asyncio's words, in BaseSelectorEventLoop._accept_connection.
ACCEPT_ERROR = "socket.accept() out of system resource"
# The words for a retry that finds its listener closed; there is one for each failure, thousands.
STALE_RETRY = "Exception in callback BaseSelectorEventLoop._start_serving"
# asyncio's ACCEPT_RETRY_DELAY, and something for a busy loop.
RETRY_WINDOW_S = 2.0
REPORT_INTERVAL_S = 10.0


@contextmanager
def thin_out_accept_errors(loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """Log accept errors of *loop* once in a while; everything else goes where it went before."""
    previous = loop.get_exception_handler()
    next_report_s = loop.time()
    last_retry_s = 0.0

    def handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        nonlocal next_report_s, last_retry_s
        message = context.get("message", "")
        if message.startswith(STALE_RETRY) and isinstance(context.get("exception"), ValueError):
            return
        if message != ACCEPT_ERROR:
            if previous is None:
                loop.default_exception_handler(context)
            else:
                previous(loop, context)
            return
        now_s = loop.time()
        last_retry_s = now_s + RETRY_WINDOW_S
        if now_s >= next_report_s:
            next_report_s = now_s + REPORT_INTERVAL_S
            logger.error("Cannot accept connections for now: %s", context.get("exception"))

    def restore() -> None:
        # A handler that the application has set meanwhile stays.
        if loop.get_exception_handler() is handle:
            loop.set_exception_handler(previous)

    loop.set_exception_handler(handle)
    try:
        yield
    finally:
        if loop.time() < last_retry_s:
            loop.call_at(last_retry_s, restore)
        else:
            restore()
