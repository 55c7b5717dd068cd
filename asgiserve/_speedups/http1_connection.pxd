# cython: language_level=3, freethreading_compatible=True

from asgiserve._speedups.flow_control cimport ReadGate
from asgiserve._speedups.http1_cycle cimport CycleOwner, Http1Cycle
from asgiserve._speedups.http1_head cimport RequestHead
from asgiserve._speedups.http1_parser cimport RequestParser
from asgiserve._speedups.scope cimport ScopeFactory

cpdef enum Phase:
    NEW = 0
    HEAD = 1
    REQUEST = 2
    DRAIN = 3
    IDLE = 4
    LINGER = 5
    CLOSED = 6


cdef class Http1Connection(CycleOwner):
    cdef Http1Cycle _cycle
    cdef RequestParser _parser
    cdef ReadGate _read_gate
    cdef ScopeFactory _scopes
    cdef object _addresses
    cdef object _handshake
    cdef object _transport
    cdef Phase _phase
    cdef int _read_ticks
    cdef bint _is_eof
    cdef bint _is_message_complete
    cdef long long _received_bytes
    cdef long long _drained_bytes

    cdef int _enter(self, Phase phase) except -1
    cdef int _on_read_timeout(self) except -1
    cdef int _tell_end_of_input(self) except -1
    cdef int _watch_writing(self) except -1
    cdef int _after_feed(self) except -1
    cdef int _start(self, Http1Cycle cycle) except -1
    cdef int _begin(self, Http1Cycle cycle) except -1
    cdef int _hand_over(self, RequestHead head) except -1
    cdef int _next_request(self) except -1
    cdef int _refuse(self, error) except -1
    cdef int _answer(self, error) except -1
    cdef int _cut_off(self) except -1
    cdef int _close_after_response(self, bint is_more_expected) except -1
    cdef int _close_when_quiet(self) except -1
    cdef int _close_unless_serving(self) except -1
    cdef int _linger(self) except -1
    cdef int _close(self) except -1
