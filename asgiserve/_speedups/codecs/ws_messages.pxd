# cython: language_level=3, freethreading_compatible=True

from cpython.object cimport PyObject

from asgiserve._speedups.codecs.ws_frames cimport MAX_CONTROL_BYTES, MAX_HEADER_BYTES, FrameHeader


cdef class MessageSink:
    cpdef object on_message(self, message)
    cpdef object on_ping(self, bytes payload)
    cpdef object on_pong(self, bytes payload)
    cpdef object on_close(self, int code, str reason)


cdef class MessageReader:
    cdef MessageSink _sink
    cdef object _inflater
    cdef Py_ssize_t _max_size
    cdef bint _is_paused
    cdef bint _is_reading
    cdef bint _is_over
    # What came while paused, and where in it what is unread begins.
    cdef bytes _kept
    cdef Py_ssize_t _kept_from
    # The frame that is being read.
    cdef unsigned char[MAX_HEADER_BYTES] _partial_header
    cdef unsigned char[MAX_CONTROL_BYTES] _control
    cdef Py_ssize_t _partial_size
    cdef Py_ssize_t _control_size
    cdef FrameHeader _frame
    cdef bint _has_frame
    cdef unsigned long long _remaining_bytes
    # The message that is being read; no message has the opcode CONTINUATION.
    cdef int _opcode
    cdef bint _is_compressed
    cdef PyObject* _payload      # a bytes object that nobody else has, owned; NULL for none
    cdef Py_ssize_t _size        # of what is in it
    cdef Py_ssize_t _room
    cdef Py_ssize_t _checked_bytes

    cpdef object feed(self, bytes data)
    cpdef object pause(self)
    cpdef object resume(self)
    cpdef object detach(self)
    # The two properties, for C.
    cdef Py_ssize_t count_buffered(self) noexcept
    cdef bint is_mid_message(self) noexcept
    cdef void _end(self) noexcept
    cdef void _forget_message(self) noexcept
    cdef int _read(self, bytes data, Py_ssize_t position) except -1
    cdef Py_ssize_t _read_frames(self, bytes data, Py_ssize_t position) except -1
    cdef const unsigned char* _begin_frame(
        self, const unsigned char* p, const unsigned char* end
    ) except NULL
    cdef Py_ssize_t _read_header(self, const unsigned char* p, Py_ssize_t size) except -1
    cdef const unsigned char* _read_payload(
        self, const unsigned char* p, const unsigned char* end
    ) except NULL
    cdef bint _is_whole(self, Py_ssize_t size) noexcept
    cdef int _deliver_whole(self, const unsigned char* p) except -1
    cdef int _add_control(
        self, const unsigned char* p, Py_ssize_t size, unsigned long long offset
    ) except -1
    cdef int _check_close(self) except -1
    cdef int _add_compressed(
        self, const unsigned char* p, Py_ssize_t size, unsigned long long offset, bint is_last
    ) except -1
    cdef int _add_masked(
        self, const unsigned char* p, Py_ssize_t size, unsigned long long offset, bint is_last
    ) except -1
    cdef int _reserve(self, Py_ssize_t size, Py_ssize_t expected, bint is_final) except -1
    cdef int _end_piece(self, bint is_last) except -1
    cdef int _end_message(self, bytes payload) except -1
    cdef bytes _take_payload(self)
