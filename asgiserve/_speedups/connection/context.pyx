# cython: language_level=3, freethreading_compatible=True
"""Accelerated twin of ``connection/context.py``: what all connections of a worker share."""

from asgiserve._speedups.logs.access_line cimport AccessLines
from asgiserve._speedups.asgi.cycle cimport TaskStarter
from asgiserve._speedups.connection.flow_control cimport WriteBatch
from asgiserve._speedups.codecs.http1_framing cimport DefaultFields

import contextvars
import math

from asgiserve.connection.request_queue import RequestQueue

__all__ = ["TICK_S", "WorkerContext", "to_ticks"]

TICK_S = 0.25

HTTP_EXTENSIONS = {"http.response.trailers": {}, "http.response.early_hint": {}}
REQUEST_TRAILERS_EXTENSION = {"http.request.trailers": {}}


cdef class WorkerContext:
    """Shared by the connections of one event loop, and changed only in its thread."""

    def __init__(
        self,
        app,
        config,
        loop,
        *,
        dict state=None,
        task_context=None,
        direct_app=None,
        AccessLines access_log=None,
    ):
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
        self.connections = set()
        self.tasks = set()
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
        self.request_queue = None
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

    cpdef object end_request(self):
        """A request, or a WebSocket, is in progress no more."""
        self.active_requests -= 1
        if self.request_queue is not None:
            self.request_queue.admit()


def to_ticks(timeout_s):
    """How many ticks last at least *timeout_s* seconds, whenever the first of them comes."""
    return math.ceil(timeout_s / TICK_S) + 1
