"""What ``ps`` and ``top`` show for the processes of the server, where setproctitle is installed."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asgiserve.config.config import Config

__all__ = ["set_process_title"]


def set_process_title(role: str, config: Config | None = None) -> None:
    """Show the process as ``asgiserve: ROLE APP``; without setproctitle nothing is done.

    Args:
        role: "server", "supervisor", "worker 1".
        config: has the application; None while there is none.
    """
    try:
        setproctitle = importlib.import_module("setproctitle")
    except ImportError:
        return
    name = "" if config is None else f" {name_app(config.app)}"
    setproctitle.setproctitle(f"asgiserve: {role}{name}")


def name_app(app: Any) -> str:
    """How the application was given, or else what it is called."""
    if isinstance(app, str):
        return app
    return getattr(app, "__qualname__", None) or type(app).__qualname__
