# cython: language_level=3, freethreading_compatible=True

from libc.stdint cimport uint32_t

from asgiserve._speedups.llhttp cimport llhttp_t


cdef class RequestHead:
    cdef readonly str method
    cdef readonly bytes target
    cdef readonly str http_version
    cdef readonly list headers
    cdef readonly object content_length
    cdef readonly bint is_chunked
    cdef readonly bint keep_alive
    cdef readonly bint expects_continue
    cdef readonly object upgrade
    cdef readonly bint accepts_trailers
    cdef readonly bint is_forwarded
    # The two that decide how a response is framed, for C.
    cdef bint is_head_method
    cdef bint is_http_1_0
    cdef long long body_size  # content_length


cdef class RequestSink:
    cpdef object on_head(self, RequestHead head)
    cpdef object on_body(self, bytes data)
    cpdef object on_end(self, list trailers)


cdef struct Span:
    # Offsets from the first byte of the section; 32 bits keep an idle connection small.
    uint32_t start
    uint32_t end


cdef struct Field:
    Span name
    Span value


cdef struct Section:
    # What the callbacks note of the head or trailer section that is being read, and of the body.
    const char* data         # where the section, or its continuation, begins in the bytes fed
    size_t earlier           # bytes of the section that came in earlier feeds
    Span target
    Field* fields
    size_t size
    size_t room
    size_t max_fields
    bint is_name_open        # the last field has no value yet
    const char* body         # the first body piece of this feed, NULL if none
    size_t body_size
    Span* pieces             # all of them when there are several, as offsets from the first
    size_t piece_count
    size_t piece_room
    size_t extension_bytes


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
    cpdef object detach(self)
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
    cdef RequestHead _build_head(self, const char* base)
    cdef int _read_connection(self, RequestHead head, bytes connection, object upgrade) except -1
    cdef list _take_trailers(self, const char* end)
    cdef int _deliver_body(self, bytes data) except -1
    cdef bytes _join_pieces(self)
