# cython: language_level=3, freethreading_compatible=True

from asgiserve._speedups.asgi.cycle cimport Cycle

cpdef enum WsState:
    CONNECTING = 0
    OPEN = 1
    DENIAL_HELD = 2
    DENIAL_STREAMING = 3
    CLOSED = 4


cdef class WsCycle(Cycle):
    cdef readonly WsState state
    cdef readonly Py_ssize_t queued_bytes
    cdef list _events
    cdef dict _disconnect_event

    cpdef object add_message(self, message)
    cpdef object end(self, int code, str reason)
    cdef Py_ssize_t count_messages(self) except -1
    cdef int _send(self, data) except -1
    cdef int _close(self, int code, str reason) except -1
    cdef int _deny(self, dict message) except -1
    cdef int _note_end(self, int code, str reason) except -1

    cpdef object write_accept(self, subprotocol, headers)
    cpdef object write_message(self, data)
    cpdef object write_close(self, int code, str reason)
    cpdef object write_refusal(self)
    cpdef object hold_denial(self, status, headers)
    cpdef object write_denial(self, bytes body, bint more_body)
    cpdef object on_event_taken(self)
