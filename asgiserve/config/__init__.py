"""The options of a server: what they are called, what they may be, and where they come from."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asgiserve.config.config import Config
    from asgiserve.config.logging_defaults import LOGGING_CONFIG

__all__ = ["LOGGING_CONFIG", "Config"]

# What programs take from ``uvicorn.config``.
MODULES = {"LOGGING_CONFIG": "logging_defaults", "Config": "config"}


def __getattr__(name: str) -> Any:
    """Import a name when it is first asked for: modules of this package need few of the others."""
    if name in MODULES:
        return getattr(import_module(f"asgiserve.config.{MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
