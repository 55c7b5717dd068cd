"""WSGI applications, by way of the optional package a2wsgi."""

from __future__ import annotations

from typing import Any

from asgiserve.errors import StartupError

__all__ = ["adapt_wsgi"]


def adapt_wsgi(app: Any) -> Any:
    """Make an ASGI 3 application of the WSGI application *app*, which runs in threads.

    Raises:
        StartupError: a2wsgi is not installed.
    """
    try:
        from asgiserve.middleware.wsgi_bridge import WsgiBridge
    except ImportError as exc:
        raise StartupError(
            f"WSGI applications need a2wsgi: pip install 'asgiserve[wsgi]' ({exc})"
        ) from exc
    return WsgiBridge(app)
