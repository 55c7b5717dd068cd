# cython: language_level=3, freethreading_compatible=True


cdef class AccessLines:
    cdef bytes _bold
    cdef bytearray _lines
    cdef bytes _reset
    cdef tuple _status_colors
    cdef public bytes prefix
    cdef public bytes quiet_target

    # `write`, for C.
    cdef int add_line(
        self,
        str client,
        str method,
        bytes target,
        str http_version,
        unsigned int status,
        unsigned long long body_bytes,
        double duration_s,
    ) except -1

    cpdef object write_websocket_end(
        self,
        str client,
        bytes target,
        unsigned int code,
        unsigned long long received_messages,
        unsigned long long sent_messages,
        double duration_s,
    )
