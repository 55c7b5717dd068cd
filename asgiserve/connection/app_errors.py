"""What is logged when an application fails, and what is not: the end of a client is no error of the application."""

from __future__ import annotations

import asyncio
import logging

from asgiserve.errors import ClientDisconnected

__all__ = ["is_disconnect", "log_app_error"]

logger = logging.getLogger("asgiserve.error")


def log_app_error(exc: BaseException, request_line: str) -> None:
    """Log that the application raised *exc* while it served *request_line*."""
    if isinstance(exc, asyncio.CancelledError):
        logger.warning("application was cancelled while it served %s", request_line)
        return
    logger.error("exception in ASGI application while it served %s", request_line, exc_info=exc)


def is_disconnect(exc: BaseException | None) -> bool:
    """Whether *exc* is what became of a ClientDisconnected: itself, wrapped by a framework, or in a task group."""
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
