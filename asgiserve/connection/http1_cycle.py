"""A request of an HTTP/1.1 connection: the ASGI state machine with its wire (RFC 9112).

When a request begins, and what becomes of the connection after it, is decided in
``http1_connection.py``.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

from asgiserve.asgi.http_cycle import HttpCycle
from asgiserve.asgi.waits import Waiters
from asgiserve.codecs.http1_framing import ResponseFramer, frame_error, frame_informational
from asgiserve.codecs.http1_head import RequestHead
from asgiserve.codecs.http1_parser import RequestSink
from asgiserve.connection.addresses import forwarded_text
from asgiserve.connection.context import WorkerContext
from asgiserve.connection.flow_control import WriteGate
from asgiserve.errors import HttpRequestError

__all__ = ["CycleOwner", "Http1Cycle"]

# What nginx logs for a client that left before its answer; it never goes on the wire.
CLIENT_CLOSED_REQUEST = 499


class CycleOwner(RequestSink):
    """The side of a connection that its cycles see; the connection fills the hooks."""

    __slots__ = ("client_text", "framer", "worker", "write_gate")

    def __init__(self, worker: WorkerContext) -> None:
        self.worker = worker
        self.framer = ResponseFramer(worker.default_fields)
        self.write_gate = WriteGate(worker.write_batch)
        self.client_text = ""

    def on_body_taken(self) -> None:
        """The application has taken all of the body that has come."""
        raise NotImplementedError

    def has_long_rest(self, cycle: Http1Cycle) -> bool:
        """Whether more of the request's body is to come than is worth reading, once it is answered.

        The size of a body in chunks is known at its end only.
        """
        raise NotImplementedError

    def on_response_end(self, cycle: Http1Cycle) -> None:
        """The answer is complete."""
        raise NotImplementedError

    def on_app_done(self, cycle: Http1Cycle, exc: BaseException | None) -> None:
        """The application has ended, with an error if *exc* is not None."""
        raise NotImplementedError

    def break_off(self, exc: Exception) -> None:
        """Something has failed with *exc* that may not fail: abort the connection."""
        raise NotImplementedError


class Http1Cycle(HttpCycle):
    """One request and its response on the wire of *owner*."""

    __slots__ = (
        "_owner",
        "_status",
        "_trailers_out",
        "head",
        "is_continue_due",
        "started_s",
    )

    def __init__(self, owner: CycleOwner, head: RequestHead) -> None:
        super().__init__()
        worker = owner.worker
        self.head = head
        # A body that is announced and that the client holds back (RFC 9110 section 10.1.1).
        self.is_continue_due = head.expects_continue and (
            head.content_length > 0 or head.is_chunked
        )
        self._owner = owner
        self._status = 0
        self._trailers_out: list[Any] = []
        self.started_s = 0.0 if worker.access_log is None else time.perf_counter()
        owner.framer.begin(
            head.method == "HEAD",
            head.http_version == "1.0",
            head.keep_alive and not worker.is_draining,
            head.accepts_trailers,
        )

    def answer(self, error: HttpRequestError) -> None:
        """Answer in the application's stead; nothing of its own may be on the wire."""
        owner = self._owner
        self._status = error.status
        owner.write_gate.write(
            frame_error(
                error.status,
                error.reason,
                owner.worker.default_fields,
                self.head.method == "HEAD",
                error.fields,
            )
        )

    def log_access(self) -> None:
        """Log what became of the request."""
        owner = self._owner
        access_log = owner.worker.access_log
        if access_log is not None:
            head = self.head
            access_log.write(
                forwarded_text(self.scope, owner.client_text)
                if head.is_forwarded
                else owner.client_text,
                head.method,
                head.target,
                head.http_version,
                self._status or CLIENT_CLOSED_REQUEST,
                owner.framer.body_bytes,
                time.perf_counter() - self.started_s,
            )

    # The hooks of HttpCycle.

    def hold_head(self, status: int, headers: Any, wants_trailers: bool) -> None:
        self._owner.framer.hold_head(status, headers, wants_trailers)
        self._status = status

    def write_body(self, body: bytes, more_body: bool) -> None:
        owner = self._owner
        # The last moment to say that the connection ends. A client that was never told to continue
        # may or may not send its body, so the next request would have no sure beginning.
        if not self.is_response_started and (
            owner.worker.is_draining
            or self.is_continue_due
            or (not more_body and self.head.content_length > 0 and owner.has_long_rest(self))
        ):
            owner.framer.keep_alive = False
        owner.write_gate.write_pieces(owner.framer.frame_body(body, more_body))
        # An application that sends without a pause never lets the loop call connection_lost().
        if more_body and owner.write_gate.is_torn:
            self.disconnect()

    def write_trailers(self, headers: Any, more_trailers: bool) -> None:
        self._trailers_out.extend(headers)
        if not more_trailers:
            self._owner.write_gate.write(self._owner.framer.frame_trailers(self._trailers_out))

    def write_early_hint(self, links: list[tuple[bytes, bytes]]) -> None:
        # HTTP/1.0 knows no interim responses (RFC 9110 section 15.2).
        if self.head.http_version == "1.1":
            self._owner.write_gate.write(frame_informational(103, links))

    def has_trailers(self) -> bool:
        return self._owner.framer.has_trailers

    def must_wait(self) -> bool:
        return self._owner.write_gate.must_wait()

    def write_waiters(self) -> Waiters:
        return self._owner.write_gate.waiters()

    def on_receive_wait(self) -> None:
        if self.is_continue_due and not self.is_response_started and not self.is_disconnected:
            self.is_continue_due = False
            self._owner.write_gate.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body_taken(self) -> None:
        self._owner.on_body_taken()

    def on_response_end(self) -> None:
        self._owner.on_response_end(self)

    def on_task_kept(self, task: asyncio.Task[Any]) -> None:
        self._owner.worker.tasks.add(task)

    def on_task_done(self, task: asyncio.Task[Any]) -> None:
        if self.task is not None:
            self._owner.worker.tasks.discard(task)
        try:
            super().on_task_done(task)
        except Exception as exc:  # noqa: BLE001 - it is logged
            self._owner.break_off(exc)

    def on_app_done(self, exc: BaseException | None) -> None:
        self._owner.on_app_done(self, exc)
