"""The event loop: what the option ``loop`` stands for, as a factory for ``asyncio.Runner``."""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from asgiserve.server.app_loader import import_callable

if TYPE_CHECKING:
    from asgiserve.config import Config

__all__ = ["LoopFactory", "choose_loop_factory", "name_loop"]

LoopFactory: TypeAlias = Callable[[], asyncio.AbstractEventLoop]


def choose_loop_factory(config: Config) -> LoopFactory | None:
    """The factory for the option ``loop`` of *config*.

    Returns:
        None for ``none``: whatever the event loop policy of the process says.

    Raises:
        ConfigError: the loop is not installed, or an import string leads to nothing callable.
    """
    name = config.loop
    if name == "none":
        return None
    if name == "auto":
        name = "uvloop" if is_uvloop_usable() else "asyncio"
    if name == "asyncio":
        # Named rather than left to the policy, which another package may have set.
        if sys.platform == "win32":
            return asyncio.ProactorEventLoop
        return asyncio.SelectorEventLoop
    if name in ("uvloop", "zuvloop"):
        return import_callable(f"{name}:new_event_loop", None, "loop")
    return import_callable(name, config.app_dir, "loop")


def name_loop(loop: asyncio.AbstractEventLoop) -> str:
    """What to call *loop* in a log: the package it comes from and that package's version."""
    package = type(loop).__module__.partition(".")[0]
    version = getattr(sys.modules.get(package), "__version__", "")
    return f"{package} {version}".rstrip()


def is_uvloop_usable() -> bool:
    """Whether uvloop is here and made for this Python."""
    if sys.platform in ("win32", "cygwin") or sys.implementation.name != "cpython":
        return False
    try:
        importlib.import_module("uvloop")
    except ImportError:
        return False
    return True
