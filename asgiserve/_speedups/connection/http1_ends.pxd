# cython: language_level=3, freethreading_compatible=True

from asgiserve._speedups.connection.flow_control cimport ReadGate
from asgiserve._speedups.connection.http1_cycle cimport CycleOwner, Http1Cycle

cpdef enum Phase:
    NEW = 0
    HEAD = 1
    REQUEST = 2
    DRAIN = 3
    IDLE = 4
    LINGER = 5
    CLOSED = 6


cdef class Http1Ends(CycleOwner):
    cdef Http1Cycle _cycle
    cdef ReadGate _read_gate
    cdef object _transport
    cdef Phase _phase
    cdef int _read_ticks
    cdef int _lingered_ticks
    cdef long long _drained_bytes
    cdef long long _linger_start_bytes
    cdef long long _reads
    cdef bint _is_eof
    cdef bint _is_message_complete

    cdef int _enter(self, Phase phase) except -1
    cdef int _watch_writing(self) except -1
    cdef int _refuse(self, error) except -1
    cdef int _answer(self, error) except -1
    cdef int _cut_off(self) except -1
    cdef int _close_after_response(self, bint is_more_expected) except -1
    cdef int _close_when_quiet(self) except -1
    cdef int _close_if_silent(self) except -1
    cdef int _linger(self) except -1
    cdef int _can_stay_open(self) except -1
    cdef int _end_lingering(self) except -1
    cdef int _reset(self) except -1
    cdef int _close(self) except -1
