"""What an event loop of the server's own does with errors that nobody else takes.

A loop that an embedding program runs keeps that program's handler.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import ssl
import time
import traceback
from collections.abc import Callable
from typing import Any

from asgiserve.logs.rate_limit import RareLog

__all__ = ["LoopErrors", "is_peer_fault"]

logger = logging.getLogger("asgiserve.error")

PEER_ERRORS = (ConnectionError, TimeoutError, ssl.SSLError)
# Other errors of a socket whose peer, or the network in between, is gone.
LOST_PEER = frozenset(
    getattr(errno, name)
    for name in (
        "EHOSTDOWN",
        "EHOSTUNREACH",
        "ENETDOWN",
        "ENETRESET",
        "ENETUNREACH",
        "ENOTCONN",
        "EPROTO",
        "ESHUTDOWN",
        "ETIMEDOUT",
    )
    if hasattr(errno, name)
)

# How many kinds of errors have a limit of their own; the rest shares one.
MAX_KINDS = 64
# Of one text in a log line, such as an object's own description.
MAX_CHARACTERS = 300

# Keys of a context that are not described: the error itself, and stacks.
UNLISTED = frozenset({"message", "exception", "source_traceback", "handle_traceback"})


class LoopErrors:
    """An exception handler of an event loop: one line a kind of error in a while, in the log.

    What peers do wrong is for debugging. A transport of the server's whose callback failed is
    aborted, since the loop would call it again at once.

    Args:
        clock: gives seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kinds: dict[str, RareLog] = {}
        self._others = RareLog(logger, logging.ERROR, clock)

    def __call__(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Take what *loop* reports, whatever its objects are."""
        try:
            self._take(context)
        except Exception:  # noqa: BLE001 - a handler that raises is reported to nobody
            self._others.write("Error in the event loop, whose report cannot be read")

    def _take(self, context: dict[str, Any]) -> None:
        message = shorten(str(context.get("message") or "Unhandled exception in the event loop"))
        error = context.get("exception")
        if is_peer_fault(error) and is_from_transport(context):
            logger.debug("%s: %s", message, describe(error))
            return
        transport = find_failed_transport(context)
        try:
            self._log(message, error, context)
        finally:
            if transport is not None:
                transport.abort()

    def _log(self, message: str, error: object, context: dict[str, Any]) -> None:
        is_exception = isinstance(error, BaseException)
        details = [
            f"{key}: {describe(value)}" for key, value in context.items() if key not in UNLISTED
        ]
        if error is not None and not is_exception:
            details.append(f"exception: {describe(error)}")
        text = f"{message} ({', '.join(details)})" if details else message
        for key in ("source_traceback", "handle_traceback"):
            # Of an event loop in its debug mode.
            if stack := context.get(key):
                text += f"\nObject created at:\n{''.join(traceback.format_list(stack)).rstrip()}"
        rare_log = self._find_log(kind_of(message, error))
        rare_log.write("%s", text, error=error if isinstance(error, BaseException) else None)

    def _find_log(self, kind: str) -> RareLog:
        found = self._kinds.get(kind)
        if found is None:
            if len(self._kinds) == MAX_KINDS:
                return self._others
            found = self._kinds[kind] = RareLog(logger, logging.ERROR, self._clock)
        return found


def is_peer_fault(error: object) -> bool:
    """Whether *error*, an exception or, as transports report it, its class, is a lost peer's."""
    if isinstance(error, type):
        return issubclass(error, PEER_ERRORS)
    if isinstance(error, PEER_ERRORS):
        return True
    return isinstance(error, OSError) and error.errno in LOST_PEER


def is_from_transport(context: dict[str, Any]) -> bool:
    """Whether what *context* tells of happened in a transport, not in a task or a callback."""
    if "task" in context or "future" in context:
        return False
    return "transport" in context or "protocol" in context or is_transport(owner_of(context))


def find_failed_transport(context: dict[str, Any]) -> Any:
    """The transport of a connection of the server's whose callback has failed, if it was one."""
    owner = owner_of(context)
    if not is_transport(owner):
        return None
    protocol = owner.get_protocol()
    return owner if type(protocol).__module__.startswith("asgiserve.") else None


def owner_of(context: dict[str, Any]) -> Any:
    """The object whose method is the callback that *context* tells of; None if it is none."""
    callback = getattr(context.get("handle"), "_callback", None)
    return getattr(callback, "__self__", None)


def is_transport(owner: object) -> bool:
    """Whether *owner* is a transport; aiofastnet's are no subclasses of asyncio's."""
    return all(hasattr(owner, name) for name in ("abort", "get_extra_info", "get_protocol"))


def kind_of(message: str, error: object) -> str:
    """What errors have in common that are written as one: where they were raised, and their type.

    Messages have addresses of objects in them, so that they tell kinds apart only where there is no
    exception.
    """
    if not isinstance(error, BaseException):
        return message
    stack = error.__traceback__
    while stack is not None and stack.tb_next is not None:
        stack = stack.tb_next
    code = None if stack is None else stack.tb_frame.f_code
    where = "" if stack is None or code is None else f"{code.co_filename}:{stack.tb_lineno}"
    return f"{type(error).__qualname__} {where}"


def describe(value: object) -> str:
    """*value* in one short line, whatever it is."""
    try:
        return shorten(repr(value))
    except Exception:  # noqa: BLE001 - it says what it is, at least
        return f"<{type(value).__qualname__}>"


def shorten(text: str) -> str:
    """*text* in one line, with nothing in it that a log cannot write."""
    line = " ".join(text.split()).encode("utf-8", "backslashreplace").decode()
    return line if len(line) <= MAX_CHARACTERS else f"{line[:MAX_CHARACTERS]}..."
