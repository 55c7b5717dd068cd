# cython: language_level=3, freethreading_compatible=True
"""Accelerated twin of ``codecs/ws_frames.py``: RFC 6455 section 5 framing."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.unicode cimport (
    PyUnicode_AsUTF8AndSize,
    PyUnicode_DecodeUTF8,
    PyUnicode_DecodeUTF8Stateful,
    PyUnicode_GET_LENGTH,
)
from libc.string cimport memcpy

from asgiserve.errors import WebSocketError

__all__ = [
    "JOIN_LIMIT_BYTES",
    "Opcode",
    "frame_binary",
    "frame_close",
    "frame_compressed",
    "frame_control",
    "frame_text",
]

cdef Py_ssize_t JOIN_LIMIT = 16384
JOIN_LIMIT_BYTES = JOIN_LIMIT

cdef enum:
    # The bits of a header's first two bytes (RFC 6455 section 5.2).
    FINAL = 0x80
    COMPRESSED = 0x40  # RSV1 (RFC 7692 section 6)
    RESERVED = 0x70
    MASKED = 0x80


cpdef list frame_text(str text):
    """Frame a whole text message; one buffer, or header and payload when that is large."""
    cdef Py_ssize_t size
    cdef const char* payload
    if PyUnicode_GET_LENGTH(text) <= JOIN_LIMIT:
        # The UTF-8 of ASCII is the string itself. Other strings keep theirs: that serves the next
        # receiver of the same text, and is for those of this size alone.
        payload = PyUnicode_AsUTF8AndSize(text, &size)
        if size <= JOIN_LIMIT:
            return [make_frame(FINAL | Opcode.TEXT, payload, size, size)]
    return join_frame(FINAL | Opcode.TEXT, text.encode())


cpdef list frame_binary(bytes data):
    """Frame a whole binary message; one buffer, or header and *data* when that is large."""
    return join_frame(FINAL | Opcode.BINARY, data)


cpdef list frame_compressed(int opcode, bytes payload):
    """Frame a whole message that was deflated (RFC 7692 section 6.1), as ``frame_text`` does."""
    return join_frame(FINAL | COMPRESSED | opcode, payload)


cpdef bytes frame_control(int opcode, bytes payload):
    """Frame CLOSE, PING or PONG (RFC 6455 section 5.5)."""
    cdef Py_ssize_t size = PyBytes_GET_SIZE(payload)
    if size > MAX_CONTROL_BYTES:
        raise ValueError(f"payload of a control frame has {size} bytes, more than 125")
    return make_frame(FINAL | opcode, PyBytes_AS_STRING(payload), size, size)


cpdef bytes frame_close(int code, str reason):
    """Frame a CLOSE (RFC 6455 section 5.5.1)."""
    if code == NO_CLOSE_CODE:
        return frame_control(Opcode.CLOSE, b"")
    room = MAX_CONTROL_BYTES - 2
    encoded = reason.encode("utf-8", "replace")
    if len(encoded) > room:
        encoded = encoded[:room].decode("utf-8", "ignore").encode()
    return frame_control(Opcode.CLOSE, code.to_bytes(2, "big") + encoded)


cdef Py_ssize_t read_header(
    const unsigned char* p,
    Py_ssize_t size,
    FrameHeader* header,
    bint is_message_open,
    bint allows_compression,
    unsigned long long max_length,
) except -1:
    """Read the header of a client's frame; its size, 0 while it is incomplete."""
    cdef Py_ssize_t used = 2
    cdef unsigned long long length
    cdef int first
    if size == 0:
        return 0
    first = p[0]
    header.opcode = first & 0x0F
    header.is_final = (first & FINAL) != 0
    header.is_compressed = (first & COMPRESSED) != 0
    check_first_byte(first, is_message_open, allows_compression)
    if size == 1:
        return 0
    check_second_byte(p[1], header.opcode)
    length = p[1] & 0x7F
    if length >= 126:
        used = 4 if length == 126 else 10
        if size < used:
            return 0
        length = read_length(p + 2, used - 2)
    if length > max_length and header.opcode < Opcode.CLOSE and not header.is_compressed:
        raise WebSocketError(f"a frame of {length} bytes makes the message too large", code=1009)
    if size < used + 4:
        return 0
    header.length = length
    memcpy(header.mask, p + used, 4)
    return used + 4


cdef inline int check_first_byte(
    int first, bint is_message_open, bint allows_compression
) except -1:
    """Check what the first byte of a header says, as ``read_header`` does."""
    cdef int opcode = first & 0x0F
    cdef int reserved = first & RESERVED
    if reserved and not (
        reserved == COMPRESSED
        and allows_compression
        and (opcode == Opcode.TEXT or opcode == Opcode.BINARY)
    ):
        raise WebSocketError("reserved bits are set")
    if Opcode.BINARY < opcode < Opcode.CLOSE or opcode > Opcode.PONG:
        raise WebSocketError(f"opcode {opcode} is reserved")
    if opcode >= Opcode.CLOSE:
        if not first & FINAL:
            raise WebSocketError("a control frame is fragmented")
    elif is_message_open and opcode != Opcode.CONTINUATION:
        raise WebSocketError("a new message begins before the last one has ended")
    elif not is_message_open and opcode == Opcode.CONTINUATION:
        raise WebSocketError("a continuation frame has no message to continue")
    return 0


cdef inline int check_second_byte(int second, int opcode) except -1:
    """Check the mask bit, and the length where a control frame has to be short."""
    cdef int length = second & 0x7F
    if not second & MASKED:
        raise WebSocketError("a frame is not masked")
    if opcode >= Opcode.CLOSE and length > MAX_CONTROL_BYTES:
        raise WebSocketError("a control frame has more than 125 bytes")
    if opcode == Opcode.CLOSE and length == 1:
        raise WebSocketError("a close frame has a payload of 1 byte")
    return 0


cdef unsigned long long read_length(const unsigned char* p, Py_ssize_t size) except? 0:
    """Read a length of *size* bytes, two or eight."""
    cdef unsigned long long length = 0
    cdef Py_ssize_t i
    for i in range(size):
        length = length << 8 | p[i]
    if length >> 63:
        raise WebSocketError("a frame's length has its top bit set")
    if length < <unsigned long long>(126 if size == 2 else 65536):
        raise WebSocketError("a frame's length is not in its shortest form")
    return length


cdef str read_close(
    const unsigned char* p, Py_ssize_t size, bint is_complete, int* code
):
    """Code, put into *code*, and reason of a CLOSE (section 5.5.1), as far as they have come."""
    cdef Py_ssize_t used
    if size < 2:
        return ""
    code[0] = p[0] << 8 | p[1]
    if not is_close_code(code[0]):
        raise WebSocketError(f"close code {code[0]} is not allowed")
    used = text_size(p + 2, size - 2)
    if used < 0 or (used < size - 2 and is_complete):
        raise WebSocketError("a close reason is not UTF-8", code=1007)
    return PyUnicode_DecodeUTF8(<char*>p + 2, used, NULL)


cdef Py_ssize_t text_size(const unsigned char* p, Py_ssize_t size) except -2:
    """How many bytes are whole characters; -1 when what follows them cannot become one."""
    cdef Py_ssize_t used = 0
    if is_ascii(p, size):
        return size
    try:
        PyUnicode_DecodeUTF8Stateful(<char*>p, size, NULL, &used)
    except UnicodeDecodeError:
        return -1
    # A surrogate is wrong from its second byte on; the decoder waits for the third, since error
    # handlers want all of it.
    if size - used >= 2 and p[used] == 0xED and p[used + 1] >= 0xA0:
        return -1
    return used


cdef inline bint is_ascii(const unsigned char* p, Py_ssize_t size) noexcept:
    cdef unsigned char seen = 0
    cdef Py_ssize_t i
    for i in range(size):
        seen |= p[i]
    return seen < 0x80


cdef list join_frame(int first, bytes payload):
    """Put a header before *payload*: in one buffer, or in one of its own before a large payload."""
    cdef Py_ssize_t size = PyBytes_GET_SIZE(payload)
    if size <= JOIN_LIMIT:
        return [make_frame(first, PyBytes_AS_STRING(payload), size, size)]
    return [make_frame(first, b"", 0, size), payload]


cdef bytes make_frame(int first, const char* payload, Py_ssize_t size, Py_ssize_t length):
    """A header that tells *length*, and behind it *size* bytes of payload."""
    cdef Py_ssize_t header_size = 2 if length < 126 else 4 if length < 65536 else 10
    cdef bytes frame = PyBytes_FromStringAndSize(NULL, header_size + size)
    cdef unsigned char* p = <unsigned char*>PyBytes_AS_STRING(frame)
    cdef Py_ssize_t i
    p[0] = <unsigned char>first
    p[1] = <unsigned char>(length if length < 126 else 126 if length < 65536 else 127)
    for i in range(header_size - 1, 1, -1):
        p[i] = <unsigned char>(length & 0xFF)
        length >>= 8
    memcpy(p + header_size, payload, size)
    return frame
