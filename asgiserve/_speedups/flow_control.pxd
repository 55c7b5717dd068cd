# cython: language_level=3, freethreading_compatible=True


cdef class ReadGate:
    cdef readonly bint is_open
    cdef object _transport

    cpdef object update(self, Py_ssize_t held_bytes)


cdef class WriteGate:
    cdef readonly bint is_open
    cdef int _stalled_ticks
    cdef long long _taken_bytes
    cdef long long _written_bytes
    cdef object _transport
    cdef object _transport_write
    cdef object _waiters

    cpdef object attach(self, transport)
    cpdef object write(self, bytes data)
    cpdef bint is_torn(self) except? -1
    cpdef object close(self)
    cpdef object open(self)
    cpdef object wake(self)
    cpdef object waiters(self)
    cpdef int count_stalled_tick(self) except -1
