# cython: language_level=3, freethreading_compatible=True


cdef class ChunkDecoder:
    cdef readonly list trailers
    cdef Py_ssize_t _max_trailer_bytes
    cdef Py_ssize_t _max_fields
    cdef int _step
    cdef int _digit_count
    # Of the chunk: its size, later what is missing of it.
    cdef unsigned long long _size
    cdef Py_ssize_t _extension_bytes
    cdef object _trailer_scanner

    cpdef Py_ssize_t decode(self, bytes data, Py_ssize_t position, list pieces) except -1
    # The property, for C.
    cdef bint has_ended(self) noexcept
    cdef const unsigned char* _read_line(
        self, const unsigned char* p, const unsigned char* end
    ) except NULL
    cdef Py_ssize_t _read_trailers(self, bytes data, Py_ssize_t position) except -1
