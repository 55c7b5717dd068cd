# cython: language_level=3, freethreading_compatible=True


cdef class Ready:
    cdef object _value


cdef class ReadyEvent(Ready):
    cdef object _give_back


cdef class Failed(Ready):
    pass


cdef Ready NOTHING
