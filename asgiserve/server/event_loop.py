"""The event loop: what the option ``loop`` stands for, as a factory for ``asyncio.Runner``."""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from asgiserve.imports import import_callable
from asgiserve.net.loop_errors import LoopErrors

if TYPE_CHECKING:
    from asgiserve.config.config import Config

__all__ = ["LoopFactory", "choose_loop_factory", "name_loop", "open_runner"]

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


@contextmanager
def open_runner(config: Config) -> Iterator[asyncio.Runner]:
    """A runner with an event loop of the server's own, as *config* says.

    What nobody else takes of the loop's errors goes to the server's log.

    Raises:
        ConfigError: the event loop cannot be imported.
    """
    with asyncio.Runner(loop_factory=choose_loop_factory(config)) as runner:
        take_errors(runner.get_loop())
        yield runner


def take_errors(loop: asyncio.AbstractEventLoop) -> None:
    """Have what nobody else takes of the errors of *loop* go to the server's log."""
    errors = LoopErrors()
    if isinstance(loop, asyncio.BaseEventLoop):
        # A handler that was set would be run in the context of what has failed. That fails as well
        # if it is entered already, as in the nested loops of nest_asyncio.
        loop.default_exception_handler = partial(errors, loop)  # type: ignore[method-assign]
    elif loop.get_exception_handler() is None:
        loop.set_exception_handler(errors)


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
