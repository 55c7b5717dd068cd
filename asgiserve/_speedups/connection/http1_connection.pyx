# cython: language_level=3, freethreading_compatible=True
"""Accelerated twin of ``connection/http1_connection.py``: an asyncio protocol for HTTP/1.1."""

from asgiserve._speedups.connection.context cimport WorkerContext
from asgiserve._speedups.connection.flow_control cimport ReadGate
from asgiserve._speedups.connection.http1_cycle cimport Http1Cycle
from asgiserve._speedups.connection.http1_ends cimport Http1Ends, Phase
from asgiserve._speedups.codecs.http1_head cimport RequestHead
from asgiserve._speedups.codecs.http1_parser cimport RequestParser
from asgiserve._speedups.asgi.scope cimport ScopeFactory

from asgiserve._speedups.connection.context import to_ticks
from asgiserve._speedups.connection.ws_connection import WsConnection
from asgiserve.codecs.ws_handshake import is_websocket, read_handshake
from asgiserve.connection.addresses import address_pair, address_text, local_address
from asgiserve.connection.app_errors import (
    is_disconnect,
    log_app_error,
    log_internal_error,
    log_no_answer,
    log_short_body,
)
from asgiserve.connection.request_queue import shed, shutting_down
from asgiserve.connection.tls_info import add_tls
from asgiserve.errors import HttpRequestError

__all__ = ["Http1Connection"]

cdef Py_ssize_t DRAIN_LIMIT_BYTES = 65536
cdef int EOF_GRACE_TICKS = to_ticks(0.5)


cdef class Http1Connection(Http1Ends):
    """One HTTP/1.1 connection of *worker*."""

    def __init__(self, WorkerContext worker, addresses=None):
        Http1Ends.__init__(self, worker)
        self._addresses = addresses
        self._parser = RequestParser(
            self, worker.max_target_bytes, worker.max_head_bytes, worker.max_fields
        )

    # asyncio.Protocol

    def connection_made(self, transport):
        """Note the addresses and give the client its time for a first head."""
        self._transport = transport
        try:
            self._open(transport)
        except Exception as exc:
            self.break_off(exc)

    cdef int _open(self, transport) except -1:
        cdef WorkerContext worker = self.worker
        addresses = self._addresses
        if addresses is None:
            client = address_pair(transport.get_extra_info("peername"))
            server = local_address(transport.get_extra_info("sockname"))
        else:
            client, server = addresses.client, addresses.server
        self.client_text = address_text(client, server)
        self._read_gate = ReadGate(transport)
        self.write_gate.attach(transport)
        is_tls = transport.get_extra_info("sslcontext") is not None
        self._scopes = ScopeFactory(
            "https" if is_tls else "http",
            server,
            client,
            worker.state,
            add_tls(worker.extensions, transport) if is_tls else worker.extensions,
            worker.root_path,
            worker.root_path_mode,
        )
        worker.connections.add(self)
        self._enter(Phase.NEW)
        return 0

    def data_received(self, bytes data):
        """Parse *data*; requests that become complete are served from within."""
        self._reads += 1
        if self._phase >= Phase.LINGER:
            self._drop(data)
            return
        try:
            self._parser.feed(data)
            self._after_feed()
        except HttpRequestError as exc:
            self._refuse_safely(exc)
        except Exception as exc:
            self.break_off(exc)

    def eof_received(self):
        """The client has ended its side; it may still read, so what it asked for is answered."""
        cdef Http1Cycle cycle = self._cycle
        self._is_eof = True
        # The transport may close by itself after this.
        self.write_gate.flush()
        if self._phase == Phase.REQUEST and cycle is not None:
            if not self._is_message_complete:
                cycle.disconnect()
                return False
            self._read_ticks = EOF_GRACE_TICKS
        elif self._phase != Phase.IDLE or not self._parser.count_buffered():
            return False
        # TLS cannot be closed by halves.
        return self._transport.get_extra_info("sslcontext") is None

    def connection_lost(self, exc):
        """The transport is gone: tell the application and let go of everything."""
        cdef Http1Cycle cycle = self._cycle
        self._enter(Phase.CLOSED)
        self.worker.connections.discard(self)
        self._cycle = None
        if cycle is not None:
            cycle.disconnect()
            if self.worker.request_queue is not None:
                self.worker.request_queue.discard(self)
        self.write_gate.open()
        # Parser and connection hold each other; without this only the garbage collector ends it.
        self._parser.detach()
        # Last: it may fail, in what a program has set up for its logs.
        if cycle is not None:
            cycle.log_access()

    def pause_writing(self):
        """The peer reads too slowly: ``send`` waits, and no further request is begun."""
        self.write_gate.close()

    def resume_writing(self):
        """The peer has read on."""
        try:
            self.write_gate.resume()
        except Exception as exc:
            self.break_off(exc)
        if self._phase == Phase.IDLE:
            self._enter(Phase.IDLE)
            self._resume_parsing()

    # RequestSink

    cpdef object on_head(self, RequestHead head):
        """A request begins."""
        cdef WorkerContext worker = self.worker
        cdef Http1Cycle cycle = Http1Cycle.__new__(Http1Cycle)
        cycle.attach(self, head)
        self._cycle = cycle
        self._is_message_complete = False
        self._received_bytes = 0
        if 0 <= worker.max_body_bytes < head.body_size:
            raise HttpRequestError(
                f"content-length {head.body_size} is over the limit of"
                f" {worker.max_body_bytes} bytes",
                status=413,
            )
        if worker.request_queue is not None:
            worker.request_queue.check_room()
        # A client that has ended its side can ask for no WebSocket.
        if (
            head.upgrade is not None
            and worker.serves_websocket
            and not self._is_eof
            and is_websocket(head)
        ):
            self._handshake = read_handshake(head, allows_deflate=worker.ws_deflate)
        else:
            cycle.scope = self._scopes.http(head)
        self._enter(Phase.REQUEST)

    cpdef object on_body(self, bytes data):
        """A piece of the request body has come."""
        cdef long long max_body_bytes = self.worker.max_body_bytes
        self._received_bytes += len(data)
        if 0 <= max_body_bytes < self._received_bytes:
            raise HttpRequestError(
                f"the body is over the limit of {max_body_bytes} bytes", status=413
            )
        if self._phase == Phase.DRAIN:
            self._drained_bytes += len(data)
        elif self._cycle is not None:
            self._cycle.is_continue_due = False
            self._cycle.add_body(data)

    cpdef object on_end(self, list trailers):
        """The request is complete: serve it, and go on parsing only if that is over already."""
        cdef Http1Cycle cycle = self._cycle
        self._is_message_complete = True
        if cycle is not None:
            self._read_ticks = EOF_GRACE_TICKS if self._is_eof else 0
            cycle.is_continue_due = False
            cycle.end_body(trailers if self.worker.delivers_request_trailers else None)
            if not cycle.is_started and self._handshake is None:
                self._start(cycle)
        elif self._phase == Phase.DRAIN:
            self._next_request()
        if self._phase != Phase.IDLE or not self.write_gate.is_open:
            self._parser.pause()

    # CycleOwner

    cpdef object on_body_taken(self):
        """The application has caught up with the body."""
        if self._phase == Phase.REQUEST and not self._is_message_complete:
            self._read_gate.update(0)
            self._read_ticks = self.worker.body_ticks

    cpdef bint has_long_rest(self, Http1Cycle cycle) except -1:
        """Whether more of the request's body is to come than is worth reading."""
        return cycle.head.body_size - self._received_bytes > DRAIN_LIMIT_BYTES

    cpdef object on_response_end(self, Http1Cycle cycle):
        """The answer is complete; what follows depends on the request body and on persistence."""
        self.worker.requests_total += 1
        self._cycle = None
        cycle.log_access()
        if self.framer.count_missing():
            log_short_body(cycle.head, self.framer.count_missing())
        if not self.framer.keep_alive:
            self._close_after_response(cycle.head.keep_alive)
        elif self._is_message_complete:
            self._next_request()
        elif self.worker.is_draining or self.has_long_rest(cycle):
            self._linger()
        else:
            self._drained_bytes = 0
            self._enter(Phase.DRAIN)
            self._read_gate.update(0)

    cpdef object on_app_done(self, Http1Cycle cycle, exc):
        """The application has ended: if its answer is not complete, end it in its stead."""
        self.worker.end_request()
        if exc is not None and not (cycle.is_disconnect_told and is_disconnect(exc)):
            log_app_error(exc, cycle.head)
        if cycle is not self._cycle:
            return None
        if cycle.is_disconnect_told and exc is None:
            # It saw that the client had gone, or was about to be cut off, and came to an end.
            self._cut_off()
            return None
        if exc is None:
            log_no_answer(cycle.head, cycle.has_started_response())
        if cycle.has_started_response():
            self._cut_off()
        else:
            self._answer(HttpRequestError("the application failed to answer", status=500))

    cpdef object break_off(self, exc):
        """Log *exc*, which nobody expected, and close at once: no state can be relied on."""
        # First, since a log handler of the host program may fail as well.
        self.abort()
        log_internal_error(exc, self.client_text)

    # What the server calls.

    def current_cycle(self):
        """The request that is being served; None between requests."""
        return self._cycle

    def start_draining(self):
        """Close the connection as soon as it owes no answer, and nothing happens on it."""
        if self._handshake is not None and self._phase == Phase.REQUEST:
            # It waits for its turn to begin what would be ended at once.
            self._refuse(shutting_down())
        else:
            Http1Ends.start_draining(self)

    def count_progress(self):
        """What changes whenever bytes come or go; -1 while the application is waited for."""
        cdef Http1Cycle cycle = self._cycle
        cdef bint has_all
        if self._phase == Phase.REQUEST and self.write_gate.is_open and cycle is not None:
            has_all = self._is_message_complete or not self._read_gate.is_open
            if has_all or cycle.is_continue_due:
                return -1
        return self._reads + self.write_gate.count_taken_bytes()

    def end_stalled(self):
        """End a connection whose peer has neither sent nor taken a byte for too long."""
        if self._phase == Phase.CLOSED or not self.write_gate.is_open:
            self._reset()
        else:
            self._on_read_timeout()

    def tell_disconnect(self):
        """Tell an application that is still at it to come to an end."""
        cdef Http1Cycle cycle = self._cycle
        if self._phase == Phase.HEAD:
            # Half of the grace period was its time to become a request.
            self._close()
        if cycle is None:
            return
        if cycle.has_started_response():
            cycle.disconnect()
            self.write_gate.wake()
        else:
            cycle.tell_disconnect()

    def on_tick(self):
        """One tick of the worker's timer has passed."""
        try:
            self._count_tick()
        except Exception as exc:
            self.break_off(exc)

    # QueuedConnection

    def on_admitted(self):
        """The request has waited for its turn, which has come."""
        cdef Http1Cycle cycle = self._cycle
        # Called at the end of another connection's request, which must not fail with this one.
        try:
            if cycle is not None and self._handshake is not None and self._is_eof:
                self._close()
            elif cycle is not None:
                self._begin(cycle)
        except Exception as exc:
            self.break_off(exc)

    def on_queue_timeout(self):
        """The request has waited too long for its turn."""
        self._refuse_safely(
            shed("the server has been at its limit of concurrent requests for too long")
        )

    # Time-outs.

    cdef int _count_tick(self) except -1:
        if self._read_ticks:
            self._read_ticks -= 1
            if not self._read_ticks:
                self._on_read_timeout()
        if self._phase == Phase.CLOSED or not self.write_gate.is_open:
            self._watch_writing()
        return 0

    cdef int _on_read_timeout(self) except -1:
        if self._phase == Phase.HEAD:
            self._refuse(HttpRequestError("the request head took too long", status=408))
        elif self._phase == Phase.REQUEST and self._is_message_complete:
            self._tell_end_of_input()
        elif self._phase == Phase.REQUEST:
            self._refuse(HttpRequestError("the request body stalled", status=408))
        elif self._phase == Phase.NEW or self._phase == Phase.IDLE:
            self._close_if_silent()
        elif self._phase == Phase.LINGER:
            self._end_lingering()
        else:
            self._close()
        return 0

    cdef int _tell_end_of_input(self) except -1:
        if self._cycle is not None:
            self._cycle.tell_disconnect()
        return 0

    cdef int _refuse_safely(self, error) except -1:
        """Refuse what the loop has brought, so that no error gets back to it."""
        try:
            self._refuse(error)
        except Exception as exc:
            self.break_off(exc)
        return 0

    # Serving.

    cdef int _after_feed(self) except -1:
        """All that came is parsed: start what waited for it, set flow control and time-outs."""
        cdef Http1Cycle cycle = self._cycle
        if cycle is not None and not cycle.is_started:
            self._start(cycle)
        if self._phase == Phase.REQUEST and cycle is not None:
            if self._is_message_complete:
                self._read_gate.update(self._parser.count_buffered())
            else:
                self._read_gate.update(cycle.queued_bytes)
                # While the socket is paused it is the application that is slow, not the peer.
                self._read_ticks = self.worker.body_ticks if self._read_gate.is_open else 0
        elif self._phase == Phase.DRAIN:
            self._read_ticks = self.worker.body_ticks
            if self._drained_bytes > DRAIN_LIMIT_BYTES:
                self._linger()
        elif self._phase == Phase.IDLE or self._phase == Phase.NEW:
            self._read_gate.update(self._parser.count_buffered())
            if self._parser.has_open_message():
                self._enter(Phase.HEAD)
        return 0

    cdef int _drop(self, bytes data) except -1:
        """Read on for the sake of an answer that the client has yet to read."""
        if self._phase != Phase.LINGER:
            return 0
        self._drained_bytes += len(data)
        # The answer did not say that it is the last one, and our side of TLS is still open: at the
        # end of the body the client might send another request.
        if self.framer.keep_alive and not self._transport.can_write_eof():
            try:
                self._parser.feed(data)
            except HttpRequestError:
                self._close()
            else:
                if self._is_message_complete:
                    self._close()
        return 0

    cdef int _start(self, Http1Cycle cycle) except -1:
        """Serve the request, or let it wait for its turn."""
        queue = self.worker.request_queue
        if queue is None or queue.admits(self):
            self._begin(cycle)
        return 0

    cdef int _begin(self, Http1Cycle cycle) except -1:
        cdef WorkerContext worker = self.worker
        if self._handshake is not None:
            if worker.is_draining:
                return self._refuse(shutting_down())
            return self._hand_over(cycle.head)
        worker.active_requests += 1
        # Three thousand instructions less than the way through a middleware that finds nothing to
        # do.
        app = worker.app if cycle.head.is_forwarded else worker.direct_app
        cycle.start(app, worker.task_starter)
        return 0

    cdef int _hand_over(self, RequestHead head) except -1:
        """Let a WebSocket have the transport, and be done."""
        self._cycle = None
        self._enter(Phase.CLOSED)
        self.worker.connections.discard(self)
        websocket = WsConnection(
            self.worker, self._transport, self._read_gate, self.write_gate, self.client_text
        )
        scope = self._scopes.websocket(head, self._handshake.subprotocols)
        websocket.take_over(head, self._handshake, scope, self._parser.detach())
        return 0

    cdef int _next_request(self) except -1:
        self._enter(Phase.IDLE)
        if not self.write_gate.is_open:
            # The peer has yet to read what it got; resume_writing goes on from here.
            self._read_ticks = 0
        elif self._parser.count_buffered() or self._is_eof:
            # Not from here: this may be inside of the application's send(), or of the parser, which
            # may hold more requests of a client that has ended its side.
            self.worker.loop.call_soon(self._resume_parsing)
        else:
            self._parser.resume()
        return 0

    def _resume_parsing(self):
        """Go on with the bytes that were kept while a request was served."""
        if self._phase != Phase.IDLE or not self.write_gate.is_open:
            return
        try:
            self._parser.resume()
            self._after_feed()
            if self._is_eof and not self._parser.count_buffered():
                self._close_unless_serving()
        except HttpRequestError as exc:
            self._refuse_safely(exc)
        except Exception as exc:
            self.break_off(exc)

    cdef int _close_unless_serving(self) except -1:
        if self._phase == Phase.IDLE or self._phase == Phase.HEAD:
            self._close()
        return 0
