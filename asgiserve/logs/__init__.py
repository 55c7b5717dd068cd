"""Loggers, handlers and formatters: what a logging configuration may name, and what writes it."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asgiserve.logs.formatters import TRACE, AccessFormatter, DefaultFormatter
    from asgiserve.logs.handler import LogHandler
    from asgiserve.logs.structured import JsonFormatter, LogfmtFormatter

__all__ = [
    "TRACE",
    "AccessFormatter",
    "DefaultFormatter",
    "JsonFormatter",
    "LogHandler",
    "LogfmtFormatter",
]

MODULES = {
    "TRACE": "formatters",
    "AccessFormatter": "formatters",
    "DefaultFormatter": "formatters",
    "JsonFormatter": "structured",
    "LogHandler": "handler",
    "LogfmtFormatter": "structured",
}


def __getattr__(name: str) -> Any:
    """Import a name when it is first asked for: modules of this package need few of the others."""
    if name in MODULES:
        return getattr(import_module(f"asgiserve.logs.{MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
