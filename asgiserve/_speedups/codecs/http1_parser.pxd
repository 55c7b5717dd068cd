# cython: language_level=3, freethreading_compatible=True

from asgiserve._speedups.codecs.http1_chunks cimport ChunkDecoder
from asgiserve._speedups.codecs.http1_head cimport RequestHead
from asgiserve._speedups.codecs.http1_section cimport Section
from asgiserve._speedups.codecs.llhttp cimport llhttp_t


cdef class RequestSink:
    cpdef object on_head(self, RequestHead head)
    cpdef object on_body(self, bytes data)
    cpdef object on_end(self, list trailers)


cdef class RequestParser:
    cdef llhttp_t _llhttp
    cdef Section _section
    cdef RequestSink _sink
    cdef Py_ssize_t _max_target_bytes
    cdef Py_ssize_t _max_head_bytes
    cdef int _state
    cdef bint _is_paused
    cdef bint _is_reading
    cdef bint _keeps_alive
    cdef bint _is_line_checked   # an unfinished head's request line needs no second look
    cdef object _scanner         # HeadScanner of an unfinished request line, or of a whole head
    cdef bytes _kept_section     # of an unfinished section: what came in earlier feeds
    cdef bytes _kept             # what came while paused, or from the sink; None for nothing
    cdef object _error
    cdef Py_ssize_t _blank_bytes
    cdef long long _remaining_bytes
    cdef ChunkDecoder _chunks

    cpdef object feed(self, bytes data)
    cpdef object pause(self)
    cpdef object resume(self)
    cpdef bytes detach(self)
    # The two properties, for C.
    cdef Py_ssize_t count_buffered(self) noexcept
    cdef bint has_open_message(self) noexcept
    cdef int _fail(self, object error) except -1
    cdef int _read(self, bytes data) except -1
    cdef Py_ssize_t _parse(self, bytes data) except -1
    cdef Py_ssize_t _begin_request(self, bytes data, Py_ssize_t position) except -1
    cdef Py_ssize_t _read_head_piece(self, bytes data, Py_ssize_t position) except -1
    cdef int _keep_section(self, const char* end) except -1
    cdef bint _is_plain(self, const char* base, size_t size) noexcept
    cdef Py_ssize_t _scan_head(self, bytes data) except -1
    cdef Py_ssize_t _read_scanned_piece(self, bytes data, Py_ssize_t position) except -1
    cdef object _make_scanner(self)
    cdef int _begin_body(self, RequestHead head) except -1
    cdef int _end_message(self, list trailers) except -1
    cdef Py_ssize_t _read_sized_body(self, bytes data, Py_ssize_t position) except -1
    cdef Py_ssize_t _read_chunked_body(self, bytes data, Py_ssize_t position) except -1
