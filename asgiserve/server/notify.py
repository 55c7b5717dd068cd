"""The calls of ``callback_notify`` while a server serves."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Protocol

from asgiserve.imports import import_callable

if TYPE_CHECKING:
    from asgiserve.config.config import Config

__all__ = ["NotifyingServer", "find_callback", "notify"]

logger = logging.getLogger("asgiserve.error")


class NotifyingServer(Protocol):
    """What is asked of the server, and told it."""

    config: Config
    last_notified: float


async def notify(server: NotifyingServer, callback: Callable[[], Awaitable[None]]) -> None:
    """Call *callback* now and every ``timeout_notify`` seconds, until it is cancelled.

    What it raises is logged, and changes nothing.
    """
    while True:
        server.last_notified = time.time()
        try:
            await callback()
        except Exception:
            logger.exception("Exception in callback_notify")
        await asyncio.sleep(server.config.timeout_notify)


def find_callback(config: Config) -> Any:
    """What ``callback_notify`` of *config* names; None for nothing.

    Raises:
        ConfigError: there is no such thing, or it cannot be called.
    """
    callback = config.callback_notify
    if not isinstance(callback, str):
        return callback
    return import_callable(callback, config.app_dir, "callback_notify")
