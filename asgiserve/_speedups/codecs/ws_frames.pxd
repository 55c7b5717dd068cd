# cython: language_level=3, freethreading_compatible=True

from libc.string cimport memcpy

cpdef enum Opcode:
    CONTINUATION = 0
    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9
    PONG = 10


cdef enum:
    # Two bytes, a length of eight and the masking key.
    MAX_HEADER_BYTES = 14
    MAX_CONTROL_BYTES = 125
    NO_CLOSE_CODE = 1005


cdef struct FrameHeader:
    # What the header of a peer's frame says.
    unsigned long long length
    unsigned char[4] mask
    int opcode
    bint is_final
    bint is_compressed


cpdef list frame_text(str text)
cpdef list frame_binary(bytes data)
cpdef list frame_compressed(int opcode, bytes payload)
cpdef bytes frame_control(int opcode, bytes payload)
cpdef bytes frame_close(int code, str reason)
cdef Py_ssize_t read_header(
    const unsigned char* p,
    Py_ssize_t size,
    FrameHeader* header,
    bint is_message_open,
    bint allows_compression,
    unsigned long long max_length,
) except -1
cdef str read_close(const unsigned char* p, Py_ssize_t size, bint is_complete, int* code)
cdef Py_ssize_t text_size(const unsigned char* p, Py_ssize_t size) except -2


cdef inline void unmask(
    unsigned char* to,
    const unsigned char* data,
    size_t size,
    const unsigned char* mask,
    unsigned long long offset,
) noexcept:
    """Copy a piece that begins *offset* bytes into its payload, without the mask (section 5.3)."""
    cdef unsigned char[8] turned
    cdef unsigned long long wide_mask
    cdef unsigned long long word
    cdef size_t wide_size = size & ~<size_t>7
    cdef size_t i
    for i in range(8):
        turned[i] = mask[(offset + i) & 3]
    memcpy(&wide_mask, turned, 8)
    # gcc and clang make 16 bytes and more of each turn.
    for i in range(0, wide_size, 8):
        memcpy(&word, data + i, 8)
        word ^= wide_mask
        memcpy(to + i, &word, 8)
    for i in range(wide_size, size):
        to[i] = data[i] ^ turned[i & 7]


cdef inline bint is_close_code(int code) noexcept:
    """Whether *code* may be sent (RFC 6455 section 7.4, and IANA's registry up to 1014)."""
    return 1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999
