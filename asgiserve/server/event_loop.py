"""The event loop: what the option ``loop`` stands for, as a factory for ``asyncio.Runner``."""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import Callable
from typing import TypeAlias

from asgiserve.errors import ConfigError

__all__ = ["LoopFactory", "choose_loop_factory", "name_loop"]

LoopFactory: TypeAlias = Callable[[], asyncio.AbstractEventLoop]


def choose_loop_factory(name: str) -> LoopFactory | None:
    """The factory for *name*, a value of the option ``loop``.

    Returns:
        None for ``none``: whatever the event loop policy of the process says.

    Raises:
        ConfigError: the loop is not installed, or an import string leads to nothing callable.
    """
    if name == "none":
        return None
    if name == "auto":
        name = "uvloop" if is_uvloop_usable() else "asyncio"
    if name == "asyncio":
        # Named rather than left to the policy, which another package may have set.
        if sys.platform == "win32":
            return asyncio.ProactorEventLoop
        return asyncio.SelectorEventLoop
    return import_factory("uvloop:new_event_loop" if name == "uvloop" else name)


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


def import_factory(import_string: str) -> LoopFactory:
    """Import the event loop factory ``module:attribute``."""
    module_name, _, attribute_path = import_string.partition(":")
    try:
        factory = importlib.import_module(module_name)
        for attribute in attribute_path.split("."):
            factory = getattr(factory, attribute)
    except (ImportError, AttributeError) as exc:
        raise ConfigError(f"loop {import_string!r} cannot be imported: {exc}") from exc
    if not callable(factory):
        raise ConfigError(f"loop {import_string!r} is not callable")
    return factory
