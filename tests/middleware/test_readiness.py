"""The path of probes: who asks, what is answered, and that all else passes."""

from __future__ import annotations

from typing import Any

import pytest

from asgiserve.middleware.readiness import ReadinessMiddleware


async def ask(
    path: str = "/ready",
    method: str = "GET",
    *,
    kind: str = "http",
    root_path: str = "",
    is_ready: bool = True,
) -> list[dict[str, Any]]:
    """What is sent; ``[{"type": "passed"}]`` where the application was called."""
    sent: list[dict[str, Any]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "passed"})

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    middleware = ReadinessMiddleware(app, "/ready", root_path, lambda: is_ready)
    scope = {"type": kind, "path": path, "method": method}
    if kind != "http":
        del scope["method"]
    await middleware(scope, None, send)
    return sent


PASSED = [{"type": "passed"}]


@pytest.mark.parametrize(
    ("method", "is_ready", "status", "body"),
    [
        ("GET", True, 200, b"ready\n"),
        ("HEAD", True, 200, b"ready\n"),
        ("GET", False, 503, b"stopping\n"),
        ("POST", True, 405, b"method not allowed\n"),
    ],
)
async def test_probe_is_answered(method: str, is_ready: bool, status: int, body: bytes) -> None:
    start, rest = await ask(method=method, is_ready=is_ready)
    fields = dict(start["headers"])
    assert start["status"] == status
    assert fields[b"content-type"].startswith(b"text/plain")
    assert fields[b"cache-control"] == b"no-store"
    assert fields[b"content-length"] == b"%d" % len(body)
    assert fields.get(b"allow") == (b"GET, HEAD" if status == 405 else None)
    assert rest == {"type": "http.response.body", "body": body}


@pytest.mark.parametrize("path", ["/", "/ready/", "/readyz", "/app/ready", "ready"])
async def test_other_paths_pass(path: str) -> None:
    assert await ask(path) == PASSED


async def test_websocket_passes() -> None:
    assert await ask(kind="websocket") == PASSED


@pytest.mark.parametrize("path", ["/ready", "/app/ready"])
async def test_root_path_may_stand_before_the_path(path: str) -> None:
    start, _ = await ask(path, root_path="/app")
    assert start["status"] == 200
