"""What a server says of itself when it begins to serve: where, and by what."""

from __future__ import annotations

import asyncio
import logging
import os
import platform
from collections.abc import Sequence
from typing import TYPE_CHECKING

from asgiserve._twins import COLUMN, LLHTTP_VERSION
from asgiserve.logs.formatters import colored_start
from asgiserve.server.event_loop import name_loop
from asgiserve.version import __version__

if TYPE_CHECKING:
    from asgiserve.net.listener import Listener
    from asgiserve.net.tls import TlsSettings

__all__ = ["describe_addresses", "describe_runtime", "describe_stack", "introduce"]

logger = logging.getLogger("asgiserve.error")


def describe_addresses(listeners: Sequence[Listener], tls: TlsSettings | None) -> str:
    """Where clients find the server, as they write it."""
    texts = [listener.text for listener in listeners]
    if tls is not None:
        texts = [text.replace("http://", "https://", 1) for text in texts]
    return ", ".join(texts)


def introduce(addresses: str, loop: asyncio.AbstractEventLoop, *, is_supervised: bool) -> None:
    """Log the line that says that the server serves, and by what; in colours on a terminal.

    Args:
        is_supervised: the supervisor says what is true of all workers.
    """
    if is_supervised:
        logger.info("Worker serves %s (%s)", addresses, describe_runtime(loop))
        return
    logger.info(
        "asgiserve %s serves %s (%s); press CTRL+C to stop",
        __version__,
        addresses,
        f"{describe_stack(loop)}, 1 worker, pid {os.getpid()}",
        extra={"color_message": colored_start("(%s)")},
    )


def describe_runtime(loop: asyncio.AbstractEventLoop) -> str:
    """What serves: column, llhttp, event loop, Python and process."""
    return f"{describe_stack(loop)}, pid {os.getpid()}"


def describe_stack(loop: asyncio.AbstractEventLoop) -> str:
    """What a server stands on: column, llhttp, event loop and Python."""
    llhttp = f", llhttp {LLHTTP_VERSION}" if LLHTTP_VERSION else ""
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{COLUMN} column{llhttp}, {name_loop(loop)}, {python}"
