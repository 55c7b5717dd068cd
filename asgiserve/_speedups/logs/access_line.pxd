# cython: language_level=3, freethreading_compatible=True


cdef enum:
    MAX_PIECES = 32
    MAX_DIGITS = 24  # of a 64-bit number, or with a point in it
    LITERAL = -1

cdef enum:
    # As `Part` in access_layouts.py.
    CLIENT = 0
    METHOD = 1
    TARGET = 2
    HTTP_VERSION = 3
    STATUS = 4
    BODY_BYTES = 5
    RECEIVED_MESSAGES = 6
    SENT_MESSAGES = 7
    DURATION = 8
    PART_COUNT = 9

cdef struct Piece:
    int part  # LITERAL for bytes that stand in the layout
    const char* start
    Py_ssize_t size


cdef class AccessLines:
    cdef bint _doubles_backslashes
    cdef bytearray _lines
    cdef tuple _request
    cdef int _request_count
    cdef Piece[MAX_PIECES] _request_pieces
    cdef tuple _status_colors
    cdef tuple _websocket
    cdef int _websocket_count
    cdef Piece[MAX_PIECES] _websocket_pieces
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
