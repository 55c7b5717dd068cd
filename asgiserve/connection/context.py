"""What all connections of a worker share: application, loop, limits, counters, default fields."""

from __future__ import annotations

import asyncio
import contextvars
import math
from typing import TYPE_CHECKING, Any

from asgiserve.asgi.cycle import TaskStarter
from asgiserve.codecs.http1_framing import DefaultFields
from asgiserve.connection.flow_control import WriteBatch
from asgiserve.connection.request_queue import RequestQueue

if TYPE_CHECKING:
    from asgiserve.config.config import Config
    from asgiserve.logs.access_line import AccessLines

__all__ = ["TICK_S", "WorkerContext", "to_ticks"]

# How often time-outs are looked at, in seconds; they are late by up to this much, never early.
TICK_S = 0.25

# What a scope names under "extensions" (ASGI "Extensions"); each has its branch in
# HttpCycle.handle.
HTTP_EXTENSIONS: dict[str, Any] = {"http.response.trailers": {}, "http.response.early_hint": {}}
REQUEST_TRAILERS_EXTENSION: dict[str, Any] = {"http.request.trailers": {}}


class WorkerContext:
    """Shared by the connections of one event loop, and changed only in its thread.

    Args:
        app: an ASGI 3 application.
        config: read once, here.
        loop: the loop that runs the connections.
        state: the lifespan's state, None when the application has no lifespan.
        task_context: the contextvars in which each request's task starts (as a copy); None: the
            current ones.
        direct_app: what *app* calls for a request without a field of a proxy, so that such requests
            take the short way; None: *app* is called for all.
        access_log: where to log finished requests, None for nowhere.
    """

    __slots__ = (
        "access_log",
        "active_requests",
        "app",
        "body_ticks",
        "config",
        "connections",
        "default_fields",
        "delivers_request_trailers",
        "direct_app",
        "extensions",
        "header_ticks",
        "is_draining",
        "keep_alive_ticks",
        "loop",
        "max_body_bytes",
        "max_fields",
        "max_head_bytes",
        "max_target_bytes",
        "ping_ticks",
        "pong_ticks",
        "request_queue",
        "requests_total",
        "root_path",
        "root_path_mode",
        "serves_websocket",
        "state",
        "task_starter",
        "tasks",
        "write_batch",
        "write_ticks",
        "ws_deflate",
        "ws_max_queue",
        "ws_max_size",
    )

    def __init__(
        self,
        app: Any,
        config: Config,
        loop: asyncio.AbstractEventLoop,
        *,
        state: dict[str, Any] | None = None,
        task_context: contextvars.Context | None = None,
        direct_app: Any = None,
        access_log: AccessLines | None = None,
    ) -> None:
        self.app = app
        self.direct_app = app if direct_app is None else direct_app
        self.config = config
        self.loop = loop
        self.state = state
        self.access_log = access_log
        if task_context is None:
            task_context = contextvars.copy_context()
        self.task_starter = TaskStarter(loop, task_context)
        self.write_batch = WriteBatch(loop)
        self.connections: set[Any] = set()
        self.tasks: set[asyncio.Task[Any]] = set()
        self.requests_total = 0
        self.active_requests = 0
        self.is_draining = False
        self.default_fields = DefaultFields(
            b"asgiserve" if config.server_header else None,
            [(name.encode("latin-1"), value.encode("latin-1")) for name, value in config.headers],
        )
        self.extensions = dict(HTTP_EXTENSIONS)
        self.delivers_request_trailers = bool(config.request_trailers)
        if self.delivers_request_trailers:
            self.extensions.update(REQUEST_TRAILERS_EXTENSION)
        self.root_path = config.root_path
        self.root_path_mode = config.root_path_mode
        self.max_target_bytes = config.limit_request_target
        self.max_head_bytes = config.limit_request_head
        self.max_fields = config.limit_request_fields
        self.max_body_bytes = -1 if config.limit_request_body is None else config.limit_request_body
        self.request_queue: RequestQueue | None = None
        if config.limit_concurrency is not None:
            self.request_queue = RequestQueue(
                self,
                config.limit_concurrency,
                max_waiting=config.limit_queue,
                max_ticks=to_ticks(config.timeout_queue),
            )
        self.header_ticks = to_ticks(config.timeout_request_header)
        self.keep_alive_ticks = to_ticks(config.timeout_keep_alive)
        self.body_ticks = to_ticks(config.timeout_request_body)
        self.write_ticks = to_ticks(config.timeout_write)
        self.serves_websocket = config.ws != "none"
        self.ws_max_size = config.ws_max_size
        self.ws_max_queue = config.ws_max_queue
        self.ws_deflate = bool(config.ws_per_message_deflate)
        self.ping_ticks = to_ticks(config.ws_ping_interval) if config.ws_ping_interval else 0
        self.pong_ticks = to_ticks(config.ws_ping_timeout) if config.ws_ping_timeout else 0

    def end_request(self) -> None:
        """A request, or a WebSocket, is in progress no more."""
        self.active_requests -= 1
        if self.request_queue is not None:
            self.request_queue.admit()


def to_ticks(timeout_s: float) -> int:
    """How many ticks last at least *timeout_s* seconds, whenever the first of them comes."""
    return math.ceil(timeout_s / TICK_S) + 1
