"""The requests that a worker is busy with, in words: for the log of a worker that stands still."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from asgiserve.logs.formatters import escape_client, escape_target

if TYPE_CHECKING:
    from asgiserve.connection.context import WorkerContext

__all__ = ["MAX_REQUESTS", "describe_requests"]

# Enough to see what they have in common.
MAX_REQUESTS = 20
# Of a target; the rest says nothing about where it is served.
MAX_TARGET_BYTES = 200


class Request(NamedTuple):
    """One request in flight; they sort so that the likely culprit comes first."""

    is_not_running: bool
    is_websocket: bool
    started_s: float
    text: str


def describe_requests(worker: WorkerContext) -> list[str]:
    """What *worker* serves: ``GET /path, 12.3 s, 127.0.0.1:5000``, one text each.

    May be called in another thread while the loop of *worker* stands still: the request whose
    application runs at this moment comes first, and is marked. Otherwise only in the loop's thread.
    """
    running = asyncio.current_task(worker.loop)
    # The age that connections know; the same clock as theirs.
    now_s = time.perf_counter()
    requests = sorted(find_requests(worker, running, now_s))
    lines = [request.text for request in requests[:MAX_REQUESTS]]
    if len(requests) > MAX_REQUESTS:
        lines.append(f"and {len(requests) - MAX_REQUESTS} more")
    if running is not None and all(request.is_not_running for request in requests):
        lines.insert(0, describe_task(running))
    return lines


def find_requests(
    worker: WorkerContext, running: asyncio.Task[Any] | None, now_s: float
) -> Iterator[Request]:
    """The requests that are being served; *running* is the task that runs."""
    for connection in worker.connections.copy():
        cycle = connection.current_cycle()
        if cycle is None:
            continue
        head = cycle.head
        is_websocket = cycle.scope is not None and cycle.scope["type"] == "websocket"
        # A task that runs up to its first wait is not known to its cycle yet.
        is_running = running is not None and (
            cycle.task is running
            or (cycle.is_started and cycle.task is None and running not in worker.tasks)
        )
        method = "ws" if is_websocket else head.method
        words = [f"{method} {escape_target(head.target[:MAX_TARGET_BYTES])}"]
        # Without an access log nobody has asked for the time.
        if cycle.started_s:
            words.append(f"{now_s - cycle.started_s:.1f} s")
        words.append(escape_client(connection.client_text))
        if is_running:
            words.append("holds the event loop")
        yield Request(not is_running, is_websocket, cycle.started_s, ", ".join(words))


def describe_task(task: asyncio.Task[Any]) -> str:
    """What runs and is no request in flight: it has been answered, or never was one."""
    code = getattr(task.get_coro(), "__qualname__", "something")
    return f"{code} ({task.get_name()}), beside all requests, holds the event loop"
