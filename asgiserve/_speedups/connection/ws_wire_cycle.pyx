# cython: language_level=3, freethreading_compatible=True
"""Accelerated twin of ``connection/ws_wire_cycle.py``: the state machine of ASGI with its wire."""

from cpython.time cimport perf_counter
from cpython.unicode cimport PyUnicode_CheckExact

from asgiserve._speedups.logs.access_line cimport AccessLines
from asgiserve._speedups.connection.context cimport WorkerContext
from asgiserve._speedups.connection.flow_control cimport WriteGate
from asgiserve._speedups.codecs.http1_framing cimport ResponseFramer, frame_error
from asgiserve._speedups.codecs.http1_head cimport RequestHead
from asgiserve._speedups.asgi.ws_cycle cimport WsCycle
from asgiserve._speedups.codecs.ws_frames cimport (
    Opcode,
    frame_binary,
    frame_close,
    frame_compressed,
    frame_text,
)
from asgiserve._speedups.codecs.ws_messages cimport MessageSink

from asgiserve._speedups.connection.context import to_ticks
from asgiserve.codecs.ws_deflate import Deflater
from asgiserve.codecs.ws_handshake import frame_accept
from asgiserve.connection.addresses import forwarded_text

__all__ = ["WsOwner", "WsWireCycle"]

cdef int ABNORMAL_CLOSURE = 1006

cdef int DEFLATER_TICKS = to_ticks(2.0)


cdef class WsOwner(MessageSink):
    """The side of a connection that its cycle sees; the connection fills the hooks."""

    def __init__(self, WorkerContext worker, WriteGate write_gate, str client_text):
        self.worker = worker
        self.write_gate = write_gate
        self.client_text = client_text

    cpdef object on_accept(self):
        """The handshake is answered with 101."""
        raise NotImplementedError

    cpdef object on_event_taken(self):
        """The application has taken an event."""
        raise NotImplementedError

    cpdef object on_receive_wait(self):
        """The application waits for an event."""
        raise NotImplementedError

    cpdef object on_close_sent(self):
        """The application has closed the WebSocket; the peer's close is to come."""
        raise NotImplementedError

    cpdef object on_denied(self):
        """The handshake is answered, and not with 101."""
        raise NotImplementedError

    cpdef object on_app_done(self, WsWireCycle cycle, exc):
        """The application has ended, with an error if *exc* is not None."""
        raise NotImplementedError

    cpdef object break_off(self, exc):
        """Something has failed with *exc* that may not fail: abort the connection."""
        raise NotImplementedError


cdef class WsWireCycle(WsCycle):
    """One WebSocket on the wire of *owner*, begun by the request *head*."""

    def __init__(self, WsOwner owner, RequestHead head, handshake):
        WsCycle.__init__(self)
        self.head = head
        self._owner = owner
        self._handshake = handshake
        self._deflater = None if handshake.deflate is None else Deflater(handshake.deflate)
        self.started_s = perf_counter()

    cpdef object answer(self, int status, str reason):
        """Answer the handshake in the application's stead; nothing may be on the wire."""
        cdef WsOwner owner = self._owner
        owner.write_gate.write(frame_error(status, reason, owner.worker.default_fields, False))
        self._log_answer(status, 0)
        owner.on_denied()

    cpdef object on_tick(self):
        """One tick of the worker's timer has passed."""
        if self._deflater_ticks and self._deflater is not None:
            self._deflater_ticks -= 1
            if not self._deflater_ticks:
                self._deflater.forget()

    cpdef object log_end(self, int code):
        """Log the end of an accepted WebSocket, once."""
        cdef AccessLines access_log = self._owner.worker.access_log
        if access_log is None or self._status != 101 or self._is_logged:
            return None
        self._is_logged = True
        access_log.write_websocket_end(
            self._client_text(),
            self.head.target,
            code,
            self.received_messages,
            self.sent_messages,
            perf_counter() - self.started_s,
        )

    cdef str _client_text(self):
        cdef str client_text = self._owner.client_text
        return forwarded_text(self.scope, client_text) if self.head.is_forwarded else client_text

    cdef int _log_answer(self, int status, long long body_bytes) except -1:
        cdef WorkerContext worker = self._owner.worker
        self._status = status
        worker.requests_total += 1
        if worker.access_log is not None:
            worker.access_log.write(
                self._client_text(),
                self.head.method,
                self.head.target,
                self.head.http_version,
                status,
                body_bytes,
                perf_counter() - self.started_s,
            )
        return 0

    # The hooks of WsCycle.

    cpdef object write_accept(self, subprotocol, headers):
        cdef WsOwner owner = self._owner
        owner.write_gate.write(
            frame_accept(self._handshake, subprotocol, headers, owner.worker.default_fields)
        )
        self._log_answer(101, 0)
        owner.on_accept()

    cpdef object write_message(self, data):
        cdef WriteGate gate = self._owner.write_gate
        gate.write_pieces(self._frame(data))
        self.sent_messages += 1
        # An application that sends without a pause never lets the loop call connection_lost().
        if gate.is_torn:
            self.end(ABNORMAL_CLOSURE, "")

    cpdef object write_close(self, int code, str reason):
        self._owner.write_gate.write(frame_close(code, reason))
        self.log_end(code)
        self._owner.on_close_sent()

    cpdef object write_refusal(self):
        self.answer(403, "the application refuses the WebSocket")

    cpdef object hold_denial(self, status, headers):
        cdef ResponseFramer framer = ResponseFramer(self._owner.worker.default_fields)
        framer.begin(False, False, False, False)
        framer.hold_head(status, headers, False)
        self._framer = framer
        self._status = status

    cpdef object write_denial(self, bytes body, bint more_body):
        cdef WsOwner owner = self._owner
        owner.write_gate.write_pieces(self._framer.frame_body(body, more_body))
        if not more_body:
            self._log_answer(self._status, self._framer.body_bytes)
            owner.on_denied()

    cpdef bint must_wait(self) except -1:
        return self._owner.write_gate.is_full()

    cpdef object write_waiters(self):
        return self._owner.write_gate.waiters()

    cpdef object on_event_taken(self):
        self._owner.on_event_taken()

    cpdef object on_receive_wait(self):
        self._owner.on_receive_wait()

    cpdef object on_task_kept(self, task):
        self._owner.worker.tasks.add(task)

    cpdef object on_task_done(self, task):
        if self.task is not None:
            self._owner.worker.tasks.discard(task)
        try:
            WsCycle.on_task_done(self, task)
        except Exception as exc:
            self._owner.break_off(exc)

    cpdef object on_app_done(self, exc):
        self._owner.on_app_done(self, exc)

    cdef list _frame(self, data):
        cdef bint is_text = PyUnicode_CheckExact(data)
        if self._deflater is not None:
            self._deflater_ticks = DEFLATER_TICKS
            deflated = self._deflater.deflate(data.encode() if is_text else data)
            if deflated is not None:
                return frame_compressed(Opcode.TEXT if is_text else Opcode.BINARY, deflated)
        return frame_text(data) if is_text else frame_binary(data)
