"""A connection that speaks HTTP/1.1: an asyncio protocol that joins parser, cycle and framer (RFC 9112 section 9).

The state machine of ASGI is not here but in ``asgi/http_cycle.py``, the grammar not here but in ``codecs/``.
"""

from __future__ import annotations

import asyncio
import logging
import time
from enum import IntEnum
from typing import Any

from asgiserve.asgi.http_cycle import HttpCycle
from asgiserve.asgi.scope import ScopeFactory
from asgiserve.asgi.waits import Waiters
from asgiserve.codecs.http1_framing import ResponseFramer, frame_error, frame_informational
from asgiserve.codecs.http1_parser import RequestHead, RequestParser, RequestSink
from asgiserve.connection.addresses import address_pair, address_text, local_address
from asgiserve.connection.app_errors import (
    is_disconnect,
    log_app_error,
    log_no_answer,
    log_short_body,
)
from asgiserve.connection.context import WorkerContext, to_ticks
from asgiserve.connection.flow_control import ReadGate, WriteGate
from asgiserve.errors import HttpRequestError

__all__ = ["Http1Connection", "Http1Cycle", "Phase"]

logger = logging.getLogger("asgiserve.error")

# An application that answers without reading leaves this much of a body to be read and dropped; a client that
# sends more than that is told by the connection's end.
DRAIN_LIMIT_BYTES = 65536

# What nginx logs for a client that left before its answer; it never goes on the wire.
CLIENT_CLOSED_REQUEST = 499

# How long a refused client may go on sending before the socket is closed (RFC 9112 section 9.6).
LINGER_TICKS = to_ticks(2.0)


class Phase(IntEnum):
    """What the connection is doing, and so which time-out runs."""

    NEW = 0  # nothing has come yet
    HEAD = 1  # a request head has begun
    REQUEST = 2  # a request is being served; its body may still be coming
    DRAIN = 3  # the answer is complete, the rest of the request body is dropped
    IDLE = 4  # between two requests
    LINGER = 5  # our side is closed, what still comes is dropped
    CLOSED = 6


class Http1Cycle(HttpCycle):
    """A request of an HTTP/1 connection: fills the cycle's hooks with the connection's framer and transport."""

    __slots__ = ("_connection", "_trailers_out", "head", "started_s")

    def __init__(self, connection: Http1Connection, head: RequestHead) -> None:
        super().__init__()
        self._connection = connection
        self._trailers_out: list[Any] = []
        self.head = head
        self.started_s = 0.0

    def hold_head(self, status: int, headers: Any, wants_trailers: bool) -> None:
        self._connection.framer.hold_head(status, headers, wants_trailers)
        self._connection.status = status

    def write_body(self, body: bytes, more_body: bool) -> None:
        connection = self._connection
        if not self.is_response_started:
            connection.on_head_leaving()
        for data in connection.framer.frame_body(body, more_body):
            connection.write(data)

    def write_trailers(self, headers: Any, more_trailers: bool) -> None:
        self._trailers_out.extend(headers)
        if not more_trailers:
            self._connection.write(self._connection.framer.frame_trailers(self._trailers_out))

    def write_early_hint(self, links: list[tuple[bytes, bytes]]) -> None:
        # HTTP/1.0 knows no interim responses (RFC 9110 section 15.2).
        if self.head.http_version == "1.1":
            self._connection.write(frame_informational(103, links))

    def has_trailers(self) -> bool:
        return self._connection.framer.has_trailers

    def write_waiters(self) -> Waiters | None:
        gate = self._connection.write_gate
        return None if gate.is_open else gate.waiters()

    def on_receive_wait(self) -> None:
        self._connection.write_continue(self)

    def on_body_taken(self) -> None:
        self._connection.on_body_taken()

    def on_response_end(self) -> None:
        self._connection.on_response_end(self)

    def on_task_kept(self, task: asyncio.Task[Any]) -> None:
        self._connection.worker.tasks.add(task)

    def on_task_done(self, task: asyncio.Task[Any]) -> None:
        self._connection.worker.tasks.discard(task)
        super().on_task_done(task)

    def on_app_done(self, exc: BaseException | None) -> None:
        self._connection.on_app_done(self, exc)


class Http1Connection(RequestSink, asyncio.Protocol):
    """One HTTP/1.1 connection of *worker*."""

    __slots__ = (
        "_cycle",
        "_drained_bytes",
        "_is_continue_due",
        "_is_eof",
        "_is_message_complete",
        "_parser",
        "_phase",
        "_read_gate",
        "_read_ticks",
        "_received_bytes",
        "_scopes",
        "_sent_bytes",
        "_sent_bytes_seen",
        "_transport",
        "_write_ticks",
        "client_text",
        "framer",
        "status",
        "worker",
        "write_gate",
    )

    def __init__(self, worker: WorkerContext) -> None:
        self.worker = worker
        self.framer = ResponseFramer(worker.default_fields)
        self.write_gate = WriteGate()
        self.status = 0
        self.client_text = ""
        self._parser = RequestParser(
            self, worker.max_target_bytes, worker.max_head_bytes, worker.max_fields
        )
        self._transport: Any = None
        self._read_gate: ReadGate | None = None
        self._scopes: ScopeFactory | None = None
        self._cycle: Http1Cycle | None = None
        self._phase = Phase.NEW
        self._is_eof = False
        self._is_message_complete = False
        self._is_continue_due = False
        self._received_bytes = 0
        self._drained_bytes = 0
        self._read_ticks = 0
        self._write_ticks = worker.write_ticks
        self._sent_bytes = 0
        self._sent_bytes_seen = 0

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note the addresses and give the client its time for a first head."""
        worker = self.worker
        self._transport = transport
        self._read_gate = ReadGate(transport)
        client = address_pair(transport.get_extra_info("peername"))
        self.client_text = address_text(client)
        self._scopes = ScopeFactory(
            "https" if transport.get_extra_info("sslcontext") else "http",
            local_address(transport.get_extra_info("sockname")),
            client,
            worker.state,
            worker.extensions,
            worker.root_path,
            worker.root_path_mode,
        )
        worker.connections.add(self)
        self._enter(Phase.NEW)

    def data_received(self, data: bytes) -> None:
        """Parse *data*; requests that become complete are served from within."""
        if self._phase >= Phase.LINGER:
            return
        try:
            self._parser.feed(data)
        except HttpRequestError as exc:
            self._refuse(exc)
            return
        self._after_feed()

    def eof_received(self) -> bool:
        """The client has ended its side; it may still read, so what it asked for is answered."""
        self._is_eof = True
        if self._phase is not Phase.REQUEST or self._cycle is None:
            return False
        if not self._is_message_complete:
            self._cycle.disconnect()
            return False
        self._cycle.tell_disconnect()
        # TLS cannot be closed by halves.
        return self._transport.get_extra_info("sslcontext") is None

    def connection_lost(self, exc: Exception | None) -> None:
        """The transport is gone: tell the application and let go of everything."""
        self._enter(Phase.CLOSED)
        self.worker.connections.discard(self)
        cycle, self._cycle = self._cycle, None
        if cycle is not None:
            cycle.disconnect()
            self._log_access(cycle)
        self.write_gate.open()

    def pause_writing(self) -> None:
        """The peer reads too slowly: ``send`` waits, and no further request is begun."""
        self.write_gate.close()

    def resume_writing(self) -> None:
        """The peer has read on."""
        self.write_gate.open()
        if self._phase is Phase.IDLE or self._phase is Phase.HEAD:
            self._resume_parsing()

    # RequestSink

    def on_head(self, head: RequestHead) -> None:
        """A request begins; its application starts with its first body bytes or its end."""
        worker = self.worker
        limit = worker.max_body_bytes
        if 0 <= limit < head.content_length:
            raise HttpRequestError(
                f"content-length {head.content_length} is over the limit of {limit} bytes", status=413
            )
        cycle = Http1Cycle(self, head)
        self._cycle = cycle
        if worker.limit_concurrency and worker.active_requests >= worker.limit_concurrency:
            raise HttpRequestError("the server is at its limit of concurrent requests", status=503)
        if worker.access_log is not None:
            cycle.started_s = time.perf_counter()
        self._is_message_complete = False
        self._is_continue_due = head.expects_continue and (head.content_length > 0 or head.is_chunked)
        self._received_bytes = 0
        self.status = 0
        self.framer.begin(
            head.method == "HEAD",
            head.http_version == "1.0",
            head.keep_alive and not worker.is_draining,
            head.accepts_trailers,
        )
        cycle.scope = self._scopes.http(head)
        self._enter(Phase.REQUEST)

    def on_body(self, data: bytes) -> None:
        """A piece of the request body has come."""
        self._is_continue_due = False
        self._received_bytes += len(data)
        limit = self.worker.max_body_bytes
        if 0 <= limit < self._received_bytes:
            raise HttpRequestError(f"the body is over the limit of {limit} bytes", status=413)
        if self._phase is Phase.REQUEST:
            self._cycle.add_body(data)
        elif self._phase is Phase.DRAIN:
            self._drained_bytes += len(data)

    def on_end(self, trailers: list[tuple[bytes, bytes]]) -> None:
        """The request is complete: serve it, and go on parsing only if that is over already."""
        self._is_message_complete = True
        if self._phase is Phase.REQUEST:
            self._read_ticks = 0
            cycle = self._cycle
            cycle.end_body(trailers if self.worker.delivers_request_trailers else None)
            if not cycle.is_started:
                self._start(cycle)
        elif self._phase is Phase.DRAIN:
            self._next_request()
        if self._phase is not Phase.IDLE or not self.write_gate.is_open:
            self._parser.pause()

    # What the cycle calls.

    def write(self, data: bytes) -> None:
        """Write *data*; above high water the transport closes the write gate."""
        self._sent_bytes += len(data)
        self._transport.write(data)

    def write_continue(self, cycle: Http1Cycle) -> None:
        """The application waits for a body that the client holds back (RFC 9110 section 10.1.1)."""
        if self._is_continue_due and cycle is self._cycle and not cycle.is_response_started:
            self._is_continue_due = False
            self.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_head_leaving(self) -> None:
        """The head is about to be framed: the last moment to say that the connection ends."""
        # A client that was never told to continue may or may not send its body: the next request has no sure start.
        if self.worker.is_draining or self._is_continue_due:
            self.framer.keep_alive = False

    def on_body_taken(self) -> None:
        """The application has caught up with the body."""
        if self._phase is Phase.REQUEST and not self._is_message_complete:
            self._read_gate.update(0)
            self._read_ticks = self.worker.body_ticks

    def on_response_end(self, cycle: Http1Cycle) -> None:
        """The answer is complete; what follows depends on the request body and on persistence."""
        self.worker.requests_total += 1
        self._log_access(cycle)
        self._cycle = None
        if self.framer.missing_bytes:
            log_short_body(cycle.head, self.framer.missing_bytes)
        if not self.framer.keep_alive or self.worker.is_draining:
            self._close_after_response()
        elif self._is_message_complete:
            self._next_request()
        elif cycle.head.content_length - self._received_bytes > DRAIN_LIMIT_BYTES:
            self._linger()
        else:
            self._drained_bytes = 0
            self._enter(Phase.DRAIN)
            self._read_gate.update(0)

    def on_app_done(self, cycle: Http1Cycle, exc: BaseException | None) -> None:
        """The application has ended, with an error if *exc* is not None."""
        self.worker.active_requests -= 1
        is_gone = cycle.is_disconnected
        if exc is not None and not (is_gone and is_disconnect(exc)):
            log_app_error(exc, cycle.head)
        if cycle is not self._cycle:
            return
        if exc is None and cycle.is_disconnect_told and not cycle.is_response_started:
            # It saw that the client had ended its side, and had nothing to say to it.
            self._cut_off()
            return
        if exc is None and not is_gone:
            log_no_answer(cycle.head, cycle.is_response_started)
        if cycle.is_response_started:
            self._cut_off()
        else:
            self._answer(500, "the application failed to answer")

    # What the server calls.

    def start_draining(self) -> None:
        """Close the connection as soon as it owes no answer."""
        if self._phase is Phase.NEW or self._phase is Phase.IDLE:
            self._close()

    def tell_disconnect(self) -> None:
        """Tell an application that is still at it to come to an end.

        ``receive`` gives ``http.disconnect``; ``send`` raises only in the middle of a response, since an
        application that has yet to answer can still do so in time.
        """
        cycle = self._cycle
        if cycle is None:
            return
        if cycle.is_response_started:
            cycle.disconnect()
            self.write_gate.wake()
        else:
            cycle.tell_disconnect()

    def abort(self) -> None:
        """Close at once; what has not been sent is lost."""
        self._enter(Phase.CLOSED)
        self._transport.abort()

    def on_tick(self) -> None:
        """One tick of the worker's timer has passed."""
        if self._read_ticks:
            self._read_ticks -= 1
            if not self._read_ticks:
                self._on_read_timeout()
        if self._phase >= Phase.LINGER or not self.write_gate.is_open:
            self._watch_writing()

    # Phases and time-outs.

    def _enter(self, phase: Phase) -> None:
        worker = self.worker
        if phase is Phase.HEAD and self._phase is Phase.NEW:
            # The deadline is absolute: neither a byte nor a first byte buys time.
            self._phase = phase
            return
        self._phase = phase
        self._write_ticks = worker.write_ticks
        if phase is Phase.IDLE:
            self._read_ticks = worker.keep_alive_ticks
        elif phase is Phase.REQUEST or phase is Phase.DRAIN:
            self._read_ticks = worker.body_ticks
        elif phase is Phase.NEW or phase is Phase.HEAD:
            self._read_ticks = worker.header_ticks
        else:
            self._read_ticks = LINGER_TICKS if phase is Phase.LINGER else 0

    def _on_read_timeout(self) -> None:
        if self._phase is Phase.HEAD:
            self._refuse(HttpRequestError("the request head took too long", status=408))
        elif self._phase is Phase.REQUEST:
            self._refuse(HttpRequestError("the request body stalled", status=408))
        else:
            self._close()

    def _watch_writing(self) -> None:
        """Abort a connection whose peer has taken no byte for timeout_write."""
        taken = self._sent_bytes - self._transport.get_write_buffer_size()
        if taken != self._sent_bytes_seen:
            self._sent_bytes_seen = taken
            self._write_ticks = self.worker.write_ticks
            return
        self._write_ticks -= 1
        if self._write_ticks <= 0:
            logger.debug("%s - the peer does not read", self.client_text)
            self.abort()

    # Serving.

    def _after_feed(self) -> None:
        """Everything that came is parsed: start what was waiting for it, and set flow control and time-outs."""
        phase = self._phase
        if phase is Phase.REQUEST:
            cycle = self._cycle
            if not cycle.is_started:
                self._start(cycle)
            if self._phase is Phase.REQUEST:
                if self._is_message_complete:
                    self._read_gate.update(self._parser.buffered)
                    return
                self._read_gate.update(cycle.queued_bytes)
                # While the socket is paused it is the application that is slow, not the peer.
                self._read_ticks = self.worker.body_ticks if self._read_gate.is_open else 0
        elif phase is Phase.DRAIN:
            self._read_ticks = self.worker.body_ticks
            if self._drained_bytes > DRAIN_LIMIT_BYTES:
                self._linger()
        elif phase is Phase.IDLE or phase is Phase.NEW:
            if self._parser.is_mid_message:
                self._enter(Phase.HEAD)
            self._read_gate.update(self._parser.buffered)

    def _start(self, cycle: Http1Cycle) -> None:
        worker = self.worker
        worker.active_requests += 1
        cycle.start(
            worker.app, worker.loop, worker.task_context.copy(), worker.uses_eager_tasks
        )

    def _next_request(self) -> None:
        self._enter(Phase.IDLE)
        if not self.write_gate.is_open:
            # The peer has yet to read what it got; resume_writing goes on from here.
            self._read_ticks = 0
        elif self._parser.buffered:
            # Not from here: this may be inside of the application's send().
            self.worker.loop.call_soon(self._resume_parsing)
        elif self._is_eof:
            self._close()
        else:
            self._parser.resume()

    def _resume_parsing(self) -> None:
        """Go on with the bytes that were kept while a request was served."""
        if self._phase is not Phase.IDLE or not self.write_gate.is_open:
            return
        self._read_ticks = self.worker.keep_alive_ticks
        try:
            self._parser.resume()
        except HttpRequestError as exc:
            self._refuse(exc)
            return
        self._after_feed()
        if self._is_eof and (self._phase is Phase.IDLE or self._phase is Phase.HEAD):
            self._close()

    # Ends.

    def _refuse(self, error: HttpRequestError) -> None:
        """Answer a request that is not acceptable, if the wire still allows an answer, and close."""
        logger.debug("%s - refused with %d: %s", self.client_text, error.status, error.reason)
        cycle = self._cycle
        if self._phase is Phase.DRAIN:
            self._close()
        elif cycle is not None and cycle.is_response_started:
            self._cut_off()
        else:
            self._is_message_complete = False
            self._answer(error.status, error.reason)

    def _answer(self, status: int, reason: str) -> None:
        """Answer the current request in the application's stead, and close."""
        cycle, self._cycle = self._cycle, None
        is_head_method = cycle is not None and cycle.head.method == "HEAD"
        self.write(frame_error(status, reason, self.worker.default_fields, is_head_method))
        self.status = status
        self._log_access(cycle)
        if cycle is not None:
            cycle.disconnect()
        self._close_after_response()

    def _cut_off(self) -> None:
        """End a response that cannot be completed so that the client can tell."""
        cycle, self._cycle = self._cycle, None
        self._log_access(cycle)
        cycle.disconnect()
        if self.framer.is_close_delimited:
            # An orderly close would be the mark of a complete body.
            self.abort()
        else:
            self._close()

    def _close_after_response(self) -> None:
        if self._is_message_complete:
            self._close()
        else:
            self._linger()

    def _linger(self) -> None:
        """Close our side and read on for a while (RFC 9112 section 9.6).

        Closing a socket that has unread input resets the connection, and the reset may overtake the answer.
        """
        if self._is_eof or not self._transport.can_write_eof():
            self._close()
            return
        self._enter(Phase.LINGER)
        self._read_gate.update(0)
        self._transport.write_eof()

    def _close(self) -> None:
        self._enter(Phase.CLOSED)
        self._transport.close()

    def _log_access(self, cycle: Http1Cycle | None) -> None:
        access_log = self.worker.access_log
        if access_log is None:
            return
        if cycle is None:
            access_log.write(self.client_text, "-", b"-", "1.1", self.status, 0, 0.0)
            return
        access_log.write(
            self.client_text,
            cycle.head.method,
            cycle.head.target,
            cycle.head.http_version,
            self.status or CLIENT_CLOSED_REQUEST,
            self.framer.body_bytes,
            time.perf_counter() - cycle.started_s,
        )
