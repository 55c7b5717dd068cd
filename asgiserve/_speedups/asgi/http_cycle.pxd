# cython: language_level=3, freethreading_compatible=True

from asgiserve._speedups.asgi.cycle cimport Cycle

cpdef enum CycleState:
    WAITING = 0
    HELD = 1
    STREAMING = 2
    TRAILERS = 3
    COMPLETE = 4


cdef class HttpCycle(Cycle):
    cdef readonly Py_ssize_t queued_bytes
    cdef CycleState _state
    cdef list _body
    cdef object _trailers
    cdef bint _is_body_complete
    cdef bint _is_end_taken

    cpdef object add_body(self, bytes data)
    cpdef object end_body(self, trailers)
    cdef bint has_started_response(self) noexcept
    cdef dict _take_body(self)
    cdef int _handle_body(self, dict message) except -1
    cdef int _handle_trailers(self, dict message) except -1
    cdef int _complete(self) except -1

    cpdef object hold_head(self, status, headers, bint wants_trailers)
    cpdef object write_body(self, bytes body, bint more_body)
    cpdef object write_trailers(self, headers, bint more_trailers)
    cpdef object write_early_hint(self, list links)
    cpdef bint has_trailers(self)
    cpdef object on_body_taken(self)
    cpdef object on_response_end(self)
