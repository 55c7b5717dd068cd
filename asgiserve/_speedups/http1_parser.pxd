# cython: language_level=3, freethreading_compatible=True

from asgiserve._speedups.http1_head cimport RequestHead
from asgiserve._speedups.http1_section cimport Section
from asgiserve._speedups.llhttp cimport llhttp_t


cdef class RequestSink:
    cpdef object on_head(self, RequestHead head)
    cpdef object on_body(self, bytes data)
    cpdef object on_end(self, list trailers)


cdef class RequestParser:
    cdef llhttp_t _llhttp
    cdef Section _section
    cdef RequestSink _sink
    cdef size_t _max_target_bytes
    cdef size_t _max_head_bytes
    cdef int _state
    cdef bint _is_paused
    cdef bint _is_closing        # the last request asks for the end of the connection
    cdef bint _is_line_checked   # an unfinished head's request line needs no second look
    cdef object _scanner         # HeadScanner of an unfinished request line
    cdef bytes _kept_section     # of an unfinished section: what came in earlier feeds
    cdef object _kept            # bytearray: what came while paused, None for nothing
    cdef object _error

    cpdef object feed(self, bytes data)
    cpdef object pause(self)
    cpdef object resume(self)
    cpdef bytes detach(self)
    # The two properties, for C.
    cdef Py_ssize_t count_buffered(self) except -1
    cdef bint has_open_message(self) noexcept
    cdef int _run_guarded(self, bytes data) except -1
    cdef int _run(self, bytes data) except -1
    cdef int _begin_section(self, int state, const char* p) except -1
    cdef int _on_stop(self, bytes data, const char* p) except -1
    cdef int _on_feed_end(self, bytes data, const char* end) except -1
    cdef int _check_line(self, bytes piece) except -1
    cdef int _on_error(self, bytes data, const char* end) except -1
    cdef int _diagnose_method(self) except -1
    cdef int _raise_head_error(self, bint must_raise) except -1
    cdef int _raise_trailer_error(self, str reason) except -1
    cdef str _llhttp_reason(self)
    cdef int _keep_section(self, const char* end) except -1
    cdef int _keep(self, bytes data) except -1
    cdef int _end_message(self, list trailers) except -1
    cdef int _deliver_head(self, const char* end) except -1
    cdef bint _is_plain_line(self, const char* base, size_t size) noexcept
    cdef list _take_trailers(self, const char* end)
    cdef int _deliver_body(self, bytes data) except -1
