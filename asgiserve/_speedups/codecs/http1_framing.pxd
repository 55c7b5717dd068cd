# cython: language_level=3, freethreading_compatible=True

cpdef enum Framing:
    UNDECIDED = 0
    NO_BODY = 1
    LENGTH = 2
    CHUNKED = 3
    CLOSE_DELIMITED = 4


cdef class DefaultFields:
    cdef readonly bytes block
    cdef readonly bytes date_line
    cdef readonly bytes server_line
    cdef readonly list extra_lines
    cdef set _extra_names

    cpdef object set_date(self, bytes value)
    cpdef bytes select(self, names)


cdef class ResponseFramer:
    cdef DefaultFields _defaults
    cdef char* _head            # the held head, owned; no empty line yet
    cdef size_t _head_size
    cdef size_t _head_room
    cdef bint _accepts_trailers
    cdef bint _is_head_method
    cdef bint _is_http_1_0
    cdef bint _wants_trailers
    cdef Framing _framing
    cdef int _own_defaults
    cdef set _own_names         # the application's field names; None without extra default fields
    cdef int _status
    cdef unsigned int _step     # counts what changes the response, see _read_fields()
    cdef long long _remaining_bytes
    cdef readonly long long body_bytes
    cdef public bint keep_alive

    cpdef object begin(
        self, bint is_head_method, bint is_http_1_0, bint keep_alive, bint accepts_trailers
    )
    cpdef object hold_head(self, status, headers, bint wants_trailers)
    cpdef list frame_body(self, bytes body, bint more_body)
    cpdef bytes frame_trailers(self, headers)
    # The properties, for C.
    cdef bint ends_with_trailers(self) noexcept
    cdef bint ends_by_closing(self) noexcept
    cdef long long count_missing(self) noexcept
    cdef list _read_fields(self, headers)
    cdef int _reserve(self, size_t size) except -1
    cdef int _append(self, const char* data, size_t size) except -1
    cdef int _append_line(self, bytes name, bytes value) except -1
    cdef int _is_left_out(self, const char* name, size_t size, bytes value) except -1
    cdef int _append_defaults(self) except -1
    cdef int _take_content_length(self, bytes value) except -1
    cdef int _check_length(self, bytes body) except -1
    cdef bint _has_no_body(self) noexcept
    cdef int _end_head(self, bytes body, bint more_body) except -1
    cdef list _join(self, bytes body, const char* tail, size_t tail_size)
    cdef void _shrink(self) noexcept


cpdef bytes frame_informational(int status, headers)
cpdef bytes frame_error(
    int status, str reason, DefaultFields defaults, bint is_head_method, fields=*
)
