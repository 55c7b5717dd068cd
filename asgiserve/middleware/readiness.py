"""Answers what load balancers and container platforms ask: may new requests come here?"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

__all__ = ["ReadinessMiddleware"]


class ReadinessMiddleware:
    """An application that answers one path itself and gives all else to *app*.

    Args:
        app: an ASGI 3 application.
        path: as the probe asks for it.
        root_path: may stand before it, since the server may have put it there.
        is_ready: whether the answer is 200; else it is 503.
    """

    def __init__(self, app: Any, path: str, root_path: str, is_ready: Callable[[], bool]) -> None:
        self.app = app
        self._paths = frozenset({path, root_path + path})
        self._is_ready = is_ready

    # Not a coroutine function: one that only awaits another costs every request a coroutine.
    def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> Awaitable[None]:
        """Answer, or call the application."""
        if scope["path"] in self._paths and scope["type"] == "http":
            return self._answer(scope["method"], send)
        result: Awaitable[None] = self.app(scope, receive, send)
        return result

    async def _answer(self, method: str, send: Any) -> None:
        fields = [
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"cache-control", b"no-store"),
        ]
        if method not in ("GET", "HEAD"):
            status, body = 405, b"method not allowed\n"
            fields.append((b"allow", b"GET, HEAD"))
        elif self._is_ready():
            status, body = 200, b"ready\n"
        else:
            status, body = 503, b"stopping\n"
        fields.append((b"content-length", b"%d" % len(body)))
        await send({"type": "http.response.start", "status": status, "headers": fields})
        await send({"type": "http.response.body", "body": body})
