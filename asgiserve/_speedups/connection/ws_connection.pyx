# cython: language_level=3, freethreading_compatible=True
"""Accelerated twin of ``connection/ws_connection.py``: an asyncio protocol for WebSocket."""

from asgiserve._speedups.connection.context cimport WorkerContext
from asgiserve._speedups.connection.flow_control cimport ReadGate, WriteGate
from asgiserve._speedups.codecs.http1_head cimport RequestHead
from asgiserve._speedups.asgi.ws_cycle cimport WsState
from asgiserve._speedups.codecs.ws_frames cimport Opcode, frame_close, frame_control
from asgiserve._speedups.codecs.ws_messages cimport MessageReader
from asgiserve._speedups.connection.ws_wire_cycle cimport WsOwner, WsWireCycle

import logging
import os

from asgiserve._speedups.connection.context import to_ticks
from asgiserve.codecs.ws_deflate import Inflater
from asgiserve.connection.app_errors import (
    is_disconnect,
    log_app_error,
    log_internal_error,
    log_no_answer,
)
from asgiserve.connection.reset import reset
from asgiserve.errors import WebSocketError

__all__ = ["WsConnection", "WsPhase"]

logger = logging.getLogger("asgiserve.error")

cdef int NORMAL_CLOSURE = 1000
cdef int ABNORMAL_CLOSURE = 1006
cdef int INTERNAL_ERROR = 1011
cdef int SERVICE_RESTART = 1012

cdef int CLOSE_TICKS = to_ticks(10.0)
cdef int LINGER_TICKS = to_ticks(2.0)

cdef int FAILURE_TICKS = to_ticks(1.0)

cdef int PING_BYTES = 4


cdef class WsConnection(WsOwner):
    """One WebSocket connection of *worker*, on *transport* with its two gates."""

    def __init__(
        self,
        WorkerContext worker,
        transport,
        ReadGate read_gate,
        WriteGate write_gate,
        str client_text,
    ):
        WsOwner.__init__(self, worker, write_gate, client_text)
        self._transport = transport
        self._read_gate = read_gate

    cpdef object take_over(self, RequestHead head, handshake, dict scope, bytes data):
        """Let the application answer the *handshake*; *data* came behind its request."""
        cdef WorkerContext worker = self.worker
        cdef WsWireCycle cycle = WsWireCycle(self, head, handshake)
        inflater = None if handshake.deflate is None else Inflater(handshake.deflate)
        self._reader = MessageReader(self, worker.ws_max_size, inflater)
        # Nothing is read before the application has accepted.
        self._reader.pause()
        self._reader.feed(data)
        worker.connections.add(self)
        self._transport.set_protocol(self)
        self._cycle = cycle
        cycle.scope = scope
        worker.active_requests += 1
        cycle.start(worker.app if head.is_forwarded else worker.direct_app, worker.task_starter)
        self._update_read_gate()

    # asyncio.Protocol

    def data_received(self, bytes data):
        """Parse *data*; the messages in it are queued for the application."""
        self._reads += 1
        if self._phase >= WsPhase.LINGER:
            return
        try:
            self._reader.feed(data)
            self._wake_app()
            self._update_read_gate()
        except WebSocketError as exc:
            self._fail_safely(exc)
        except Exception as exc:
            self.break_off(exc)

    def eof_received(self):
        """The peer has ended its side, without which there is no WebSocket."""
        # The transport closes by itself after this.
        self.write_gate.flush()
        self._end(ABNORMAL_CLOSURE, "")
        return False

    def connection_lost(self, exc):
        """The transport is gone: tell the application and let go of everything."""
        self._end(ABNORMAL_CLOSURE, "")
        self._phase = WsPhase.CLOSED
        self._cycle = None
        self.worker.connections.discard(self)
        self.write_gate.open()
        # Reader and connection hold each other; without this only the garbage collector ends it.
        self._reader.detach()

    def pause_writing(self):
        """The peer reads too slowly: ``send`` waits."""
        self.write_gate.close()

    def resume_writing(self):
        """The peer has read on."""
        self.write_gate.resume()
        payload, self._late_pong = self._late_pong, None
        if payload is not None:
            self.on_ping(payload)

    # MessageSink

    cpdef object on_message(self, message):
        """A message has come whole."""
        cdef WsWireCycle cycle = self._cycle
        if self._phase != WsPhase.OPEN or cycle is None:
            return
        cycle.received_messages += 1
        cycle.add_message(message)
        cdef WorkerContext worker = self.worker
        if (
            cycle.count_messages() >= worker.ws_max_queue
            or cycle.queued_bytes >= worker.ws_max_size
        ):
            self._is_reading = False
            self._reader.pause()

    cpdef object on_ping(self, bytes payload):
        """Answer a ping; of those that a slow reader sends, only the last (section 5.5.3)."""
        if self._phase != WsPhase.OPEN:
            return
        if self.write_gate.is_open:
            self.write_gate.write(frame_control(Opcode.PONG, payload))
        else:
            self._late_pong = payload

    cpdef object on_pong(self, bytes payload):
        """The peer is alive, if this is the pong that was asked for."""
        if payload == self._awaited_pong:
            self._awaited_pong = None
            self._ticks = self.worker.ping_ticks

    cpdef object on_close(self, int code, str reason):
        """The peer closes, or answers our close."""
        if self._phase == WsPhase.OPEN:
            self.write_gate.write(frame_close(code, ""))
            self._end(code, reason)
        self._close()

    # WsOwner

    cpdef object on_accept(self):
        """The WebSocket is open: read what the peer has sent behind its handshake."""
        self._phase = WsPhase.OPEN
        self._ticks = self.worker.ping_ticks
        # Not from here: this is inside of the application's send().
        self.worker.loop.call_soon(self._resume_reading)

    cpdef object on_event_taken(self):
        """The application has taken an event: read on when half of the queue is free."""
        cdef WsWireCycle cycle = self._cycle
        cdef WorkerContext worker = self.worker
        if (
            self._phase == WsPhase.OPEN
            and not self._is_reading
            and cycle is not None
            and cycle.count_messages() <= worker.ws_max_queue // 2
            and cycle.queued_bytes <= worker.ws_max_size // 2
        ):
            self._resume_reading()

    cpdef object on_receive_wait(self):
        """The application has seen to all messages: a failure need not wait any more."""
        error = self._failure
        if error is not None and self._phase == WsPhase.OPEN:
            self._fail(error.code, error.reason)

    cpdef object on_close_sent(self):
        """Our close is sent: what the peer still says is of no interest, but its close is."""
        self._phase = WsPhase.CLOSING
        self._ticks = CLOSE_TICKS
        self._resume_reading()

    cpdef object on_denied(self):
        """There will be no WebSocket."""
        self._linger()

    cpdef object on_app_done(self, WsWireCycle cycle, exc):
        """The application has ended: if it has left the WebSocket open, close it."""
        self.worker.end_request()
        if exc is not None and not (cycle.is_disconnect_told and is_disconnect(exc)):
            log_app_error(exc, cycle.head)
        if self._phase == WsPhase.OPEN:
            self._begin_close(NORMAL_CLOSURE if exc is None else INTERNAL_ERROR)
        elif self._phase == WsPhase.CONNECTING:
            if exc is None:
                log_no_answer(cycle.head, cycle.state == WsState.DENIAL_STREAMING)
            self._end_handshake(500, "the application failed to answer")

    cpdef object break_off(self, exc):
        """Log *exc*, which nobody expected, and close at once: no state can be relied on."""
        # First, since a log handler of the host program may fail as well.
        self.abort()
        log_internal_error(exc, self.client_text)

    # What the server calls.

    def current_cycle(self):
        """The WebSocket as its application sees it; None after its end."""
        return self._cycle

    def start_draining(self):
        """Close the WebSocket; one whose handshake the application has yet to answer is refused."""
        cdef WsWireCycle cycle = self._cycle
        if self._phase == WsPhase.OPEN:
            self._begin_close(SERVICE_RESTART)
        elif (
            self._phase == WsPhase.CONNECTING
            and cycle is not None
            and cycle.state == WsState.CONNECTING
        ):
            self._end_handshake(503, "the server is shutting down")

    def tell_disconnect(self):
        """End what has not ended by itself."""
        if self._phase == WsPhase.CONNECTING:
            self._end_handshake(503, "the server is shutting down")
        else:
            self._close()

    def count_progress(self):
        """What changes whenever bytes come or go; -1 while the application is waited for."""
        if self._phase <= WsPhase.OPEN and self.write_gate.is_open:
            return -1
        return self._reads + self.write_gate.count_taken_bytes()

    def end_stalled(self):
        """End a connection whose peer has neither sent nor taken a byte for too long."""
        if self._phase == WsPhase.CLOSED or not self.write_gate.is_open:
            self._reset()
        else:
            self._close()

    def abort(self):
        """Close at once; what has not been sent is lost."""
        self._phase = WsPhase.CLOSED
        self._transport.abort()

    def on_tick(self):
        """One tick of the worker's timer has passed."""
        try:
            self._count_tick()
        except Exception as exc:
            self.break_off(exc)

    # Time-outs.

    cdef int _count_tick(self) except -1:
        if self._cycle is not None:
            self._cycle.on_tick()
        # While nothing is read, no pong can be seen.
        if self._ticks and (self._is_reading or self._failure or self._phase != WsPhase.OPEN):
            self._ticks -= 1
            if not self._ticks:
                self._on_timeout()
        if self._phase >= WsPhase.LINGER or not self.write_gate.is_open:
            self._watch_writing()
        return 0

    cdef int _on_timeout(self) except -1:
        error = self._failure
        if self._phase != WsPhase.OPEN:
            self._close()
        elif error is not None:
            self._fail(error.code, error.reason)
        elif self._awaited_pong is not None:
            self._fail(INTERNAL_ERROR, "no pong has come")
        elif not self.write_gate.is_open:
            # A peer that does not read has its own time-out.
            self._ticks = 1
        else:
            self._ping()
        return 0

    cdef int _ping(self) except -1:
        payload = os.urandom(PING_BYTES)
        self.write_gate.write(frame_control(Opcode.PING, payload))
        self._ticks = self.worker.pong_ticks or self.worker.ping_ticks
        if self.worker.pong_ticks:
            self._awaited_pong = payload
        return 0

    cdef int _watch_writing(self) except -1:
        if self.write_gate.count_stalled_tick() > self.worker.write_ticks:
            logger.debug("%s - the peer does not read", self.client_text)
            self._reset()
        elif self._phase == WsPhase.CLOSED and self.write_gate.has_lingered(LINGER_TICKS):
            self.abort()
        return 0

    # Reading.

    def _resume_reading(self):
        if self._phase != WsPhase.OPEN and self._phase != WsPhase.CLOSING:
            return
        try:
            self._read_on()
        except Exception as exc:
            self.break_off(exc)

    cdef int _read_on(self) except -1:
        self._is_reading = True
        try:
            self._reader.resume()
        except WebSocketError as exc:
            self._fail_soon(exc)
        self._wake_app()
        self._update_read_gate()
        # Only now: an application that has just accepted is not cut short.
        if self._phase == WsPhase.OPEN and self.worker.is_draining:
            self._begin_close(SERVICE_RESTART)
        return 0

    cdef int _wake_app(self) except -1:
        # After the reader is done: the application may go on within, and close the WebSocket.
        cdef WsWireCycle cycle = self._cycle
        if cycle is not None and cycle.count_messages():
            cycle.wake()
        return 0

    cdef int _update_read_gate(self) except -1:
        if self._phase == WsPhase.OPEN and not self._is_reading:
            self._read_gate.close()
        else:
            self._read_gate.update(self._reader.count_buffered())
        return 0

    # Ends.

    cdef int _end(self, int code, str reason) except -1:
        """Tell the application that there is nobody any more."""
        cdef WsWireCycle cycle = self._cycle
        if cycle is not None:
            cycle.end(code, reason)
            cycle.log_end(code)
        return 0

    cdef int _begin_close(self, int code) except -1:
        """Close in the application's stead."""
        self.write_gate.write(frame_close(code, ""))
        self._end(code, "")
        self.on_close_sent()
        return 0

    cdef int _fail_soon(self, error) except -1:
        """Fail the connection when the application has seen to the messages that came before."""
        cdef WsWireCycle cycle = self._cycle
        if self._phase == WsPhase.OPEN and cycle is not None and cycle.count_messages():
            self._failure = error
            self._ticks = FAILURE_TICKS
        else:
            self._fail(error.code, error.reason)
        return 0

    cdef int _fail_safely(self, error) except -1:
        """Fail for what the loop has brought, so that no error gets back to it."""
        try:
            self._fail_soon(error)
            self._wake_app()
            self._update_read_gate()
        except Exception as exc:
            self.break_off(exc)
        return 0

    cdef int _fail(self, int code, str reason) except -1:
        """Fail the connection (RFC 6455 section 7.1.7)."""
        logger.debug("%s - failed with %d: %s", self.client_text, code, reason)
        if self._phase == WsPhase.OPEN:
            self.write_gate.write(frame_close(code, reason))
            self._end(code, reason)
        self._linger()
        return 0

    cdef int _end_handshake(self, int status, str reason) except -1:
        """Answer the handshake in the application's stead, if the wire still allows it."""
        cdef WsWireCycle cycle = self._cycle
        if cycle is None:
            return 0
        cycle.end(ABNORMAL_CLOSURE, "")
        if cycle.state == WsState.DENIAL_STREAMING:
            # An orderly close could be the mark of a complete body.
            self._reset()
        else:
            cycle.answer(status, reason)
        return 0

    cdef int _linger(self) except -1:
        """Close our side and read on for a while."""
        # Over TLS, which has no half of a close, closing reads on in the same way.
        self._read_gate.update(0)
        if not self._transport.can_write_eof():
            self._close()
            return 0
        self._phase = WsPhase.LINGER
        self._ticks = LINGER_TICKS
        self.write_gate.flush()
        try:
            self._transport.write_eof()
        except OSError:
            # asyncio's transports raise where the peer has reset the connection.
            self.abort()
        return 0

    cdef int _reset(self) except -1:
        """Close at once, and in no order: the peer lacks what it is owed."""
        self._phase = WsPhase.CLOSED
        reset(self._transport)
        return 0

    cdef int _close(self) except -1:
        self._phase = WsPhase.CLOSED
        self.write_gate.flush()
        self._transport.close()
        return 0
