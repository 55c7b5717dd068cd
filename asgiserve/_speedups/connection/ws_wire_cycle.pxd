# cython: language_level=3, freethreading_compatible=True

from asgiserve._speedups.connection.context cimport WorkerContext
from asgiserve._speedups.connection.flow_control cimport WriteGate
from asgiserve._speedups.codecs.http1_framing cimport ResponseFramer
from asgiserve._speedups.codecs.http1_head cimport RequestHead
from asgiserve._speedups.asgi.ws_cycle cimport WsCycle
from asgiserve._speedups.codecs.ws_messages cimport MessageSink


cdef class WsOwner(MessageSink):
    cdef readonly WorkerContext worker
    cdef readonly WriteGate write_gate
    cdef readonly str client_text

    cpdef object on_accept(self)
    cpdef object on_event_taken(self)
    cpdef object on_receive_wait(self)
    cpdef object on_close_sent(self)
    cpdef object on_denied(self)
    cpdef object on_app_done(self, WsWireCycle cycle, exc)
    cpdef object break_off(self, exc)


cdef class WsWireCycle(WsCycle):
    cdef readonly RequestHead head
    cdef public long long received_messages
    cdef readonly long long sent_messages
    cdef object _deflater
    cdef int _deflater_ticks
    cdef ResponseFramer _framer
    cdef object _handshake
    cdef bint _is_logged
    cdef WsOwner _owner
    cdef readonly double started_s
    cdef int _status

    cpdef object answer(self, int status, str reason)
    cpdef object on_tick(self)
    cpdef object log_end(self, int code)
    cdef str _client_text(self)
    cdef int _log_answer(self, int status, long long body_bytes) except -1
    cdef list _frame(self, data)
