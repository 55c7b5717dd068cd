"""Logs what goes between server and application, at level trace."""

from __future__ import annotations

import itertools
import logging
from typing import Any

from asgiserve.logs.formatters import TRACE

__all__ = ["MessageLog"]

logger = logging.getLogger("asgiserve.error")

# Of these only the size is logged.
PAYLOADS = frozenset({"body", "bytes", "text"})
# These are the application's own, and may be anything.
OPAQUE = frozenset({"state", "app", "router", "endpoint"})


class MessageLog:
    """An application that logs the scope, the messages and the end of each call of *app*."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self._numbers = itertools.count(1)

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Call the application with a *receive* and a *send* that log."""
        number = next(self._numbers)
        # The decoded path may hold anything, line breaks included.
        name = f"{scope['type']} {scope['path']!r}" if "path" in scope else scope["type"]

        def log(action: str, detail: str = "") -> None:
            logger.log(TRACE, "%s [%d] %s", name, number, f"{action} {detail}".rstrip())

        async def logged_receive() -> Any:
            message = await receive()
            log("receives", summarize(message))
            return message

        async def logged_send(message: Any) -> None:
            log("sends", summarize(message))
            await send(message)

        log("begins", summarize(scope))
        try:
            await self.app(scope, logged_receive, logged_send)
        except BaseException as error:
            log("raises", repr(error))
            raise
        log("ends")


def summarize(message: Any) -> str:
    """*message* in one line, with sizes in place of payloads."""
    if not isinstance(message, dict):
        return repr(message)
    shown = {
        key: f"<{len(value)} long>" if key in PAYLOADS and hasattr(value, "__len__") else value
        for key, value in message.items()
        if key not in OPAQUE
    }
    return repr(shown)
