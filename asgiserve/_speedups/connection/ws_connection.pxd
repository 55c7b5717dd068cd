# cython: language_level=3, freethreading_compatible=True

from asgiserve._speedups.connection.flow_control cimport ReadGate
from asgiserve._speedups.codecs.http1_head cimport RequestHead
from asgiserve._speedups.codecs.ws_messages cimport MessageReader
from asgiserve._speedups.connection.ws_wire_cycle cimport WsOwner, WsWireCycle

cpdef enum WsPhase:
    CONNECTING = 0
    OPEN = 1
    CLOSING = 2
    LINGER = 3
    CLOSED = 4


cdef class WsConnection(WsOwner):
    cdef bytes _awaited_pong
    cdef WsWireCycle _cycle
    cdef object _failure
    cdef bint _is_reading
    cdef bytes _late_pong
    cdef WsPhase _phase
    cdef ReadGate _read_gate
    cdef MessageReader _reader
    cdef long long _reads
    cdef int _count_tick(self) except -1
    cdef int _read_on(self) except -1
    cdef int _fail_safely(self, error) except -1
    cdef int _ticks
    cdef object _transport

    cpdef object take_over(self, RequestHead head, handshake, dict scope, bytes data)
    cdef int _on_timeout(self) except -1
    cdef int _ping(self) except -1
    cdef int _watch_writing(self) except -1
    cdef int _wake_app(self) except -1
    cdef int _update_read_gate(self) except -1
    cdef int _end(self, int code, str reason) except -1
    cdef int _begin_close(self, int code) except -1
    cdef int _fail_soon(self, error) except -1
    cdef int _fail(self, int code, str reason) except -1
    cdef int _end_handshake(self, int status, str reason) except -1
    cdef int _linger(self) except -1
    cdef int _reset(self) except -1
    cdef int _close(self) except -1
