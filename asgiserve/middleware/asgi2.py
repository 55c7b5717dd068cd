"""ASGI 2 applications: called with the scope, they give what is called with receive and send."""

from __future__ import annotations

from typing import Any

__all__ = ["ASGI2Adapter"]


class ASGI2Adapter:
    """Makes an ASGI 3 application of the ASGI 2 application *app*."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Call both callables of the application in turn."""
        await self.app(scope)(receive, send)
