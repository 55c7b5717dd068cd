"""What is logged when an application or a connection fails; a client that leaves is no failure."""

from __future__ import annotations

import asyncio
import codecs
import logging
from typing import Any

from asgiserve.asgi.app_exit import AppExit
from asgiserve.errors import ClientDisconnected

__all__ = [
    "is_disconnect",
    "log_app_error",
    "log_internal_error",
    "log_no_answer",
    "log_short_body",
]

logger = logging.getLogger("asgiserve.error")

# PyPy opens a file for a codec when it is first asked for, which may be in a moment when the
# process can open none.
codecs.lookup("ascii")


def log_app_error(exc: BaseException, head: Any) -> None:
    """Log that the application raised *exc* while it served the request with *head*."""
    if isinstance(exc, asyncio.CancelledError):
        logger.warning("application was cancelled, serving %s", request_line(head))
        return
    shown = exc.__cause__ if isinstance(exc, AppExit) else exc
    logger.error("exception in ASGI application, serving %s", request_line(head), exc_info=shown)


def log_internal_error(exc: Exception, client_text: str) -> None:
    """Log that the connection of *client_text* is aborted because of *exc*, a bug of the server."""
    logger.error("%s - internal error, connection aborted", client_text, exc_info=exc)


def log_no_answer(head: Any, is_started: bool) -> None:
    """Log that the application returned without completing its response."""
    what = "in the middle of its response" if is_started else "without a response"
    logger.error("ASGI application returned %s, serving %s", what, request_line(head))


def log_short_body(head: Any, missing_bytes: int) -> None:
    """Log that the application sent less than its Content-Length."""
    logger.error(
        "ASGI application ended its response %d bytes short of its content-length, serving %s",
        missing_bytes,
        request_line(head),
    )


def request_line(head: Any) -> str:
    """Method and target of *head*, short enough for a log."""
    return f"{head.method} {head.target[:200].decode('ascii', 'backslashreplace')}"


def is_disconnect(exc: BaseException | None) -> bool:
    """Whether *exc* stems from a ClientDisconnected: itself, wrapped, or in a group."""
    # A chain is short; the bound is for one that was tied into a ring.
    for _depth in range(16):
        if exc is None:
            return False
        if isinstance(exc, ClientDisconnected):
            return True
        if isinstance(exc, BaseExceptionGroup):
            return all(is_disconnect(part) for part in exc.exceptions)
        exc = exc.__cause__ or exc.__context__
    return False
