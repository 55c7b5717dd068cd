# cython: language_level=3, freethreading_compatible=True
"""Accelerated twin of ``codecs/access_line.py``: a finished request or WebSocket as one line."""

from cpython.bytearray cimport PyByteArray_AS_STRING, PyByteArray_GET_SIZE, PyByteArray_Resize
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.string cimport memcpy

from asgiserve.log_formatters import (
    SAFE_CLIENT_CHARS,
    SAFE_TARGET_BYTES,
    escape_client,
    escape_target,
)

__all__ = ["AccessLines"]

cdef extern from "Python.h":
    bint PyUnicode_IS_ASCII(str text)
    const void* PyUnicode_DATA(str text)
    Py_ssize_t PyUnicode_GET_LENGTH(str text)

cdef enum:
    MAX_PARTS = 24  # a WebSocket's line has as many, a request's 21
    MAX_NUMBERS = 5  # as many as in a WebSocket's line
    MAX_DIGITS = 20  # of a 64-bit number

cdef struct Parts:
    # The pieces of a line in their order; whoever adds one keeps its owner alive.
    const char* starts[MAX_PARTS]
    Py_ssize_t sizes[MAX_PARTS]
    int count
    Py_ssize_t total_size
    char digits[MAX_NUMBERS][MAX_DIGITS]
    int number_count

cdef unsigned char[256] IS_SAFE_TARGET_BYTE
cdef unsigned char[256] IS_SAFE_CLIENT_CHAR


cdef void mark_bytes(unsigned char* table, const unsigned char[:] members) noexcept:
    cdef Py_ssize_t i
    for i in range(members.shape[0]):
        table[members[i]] = 1


mark_bytes(IS_SAFE_TARGET_BYTE, SAFE_TARGET_BYTES)
mark_bytes(IS_SAFE_CLIENT_CHAR, SAFE_CLIENT_CHARS)


cdef class AccessLines:
    """Collects access lines."""

    def __init__(
        self,
        bytes bold not None = b"",
        bytes reset not None = b"",
        tuple status_colors not None = (b"",) * 10,
    ):
        self.prefix = b""
        self.quiet_target = None
        self._bold = bold
        self._reset = reset
        self._status_colors = status_colors
        self._lines = bytearray()

    def write(
        self,
        str client not None,
        str method not None,
        bytes target not None,
        str http_version not None,
        unsigned int status,
        unsigned long long body_bytes,
        double duration_s,
    ):
        """Add the line of one request."""
        self.add_line(client, method, target, http_version, status, body_bytes, duration_s)

    cdef int add_line(
        self,
        str client,
        str method,
        bytes target,
        str http_version,
        unsigned int status,
        unsigned long long body_bytes,
        double duration_s,
    ) except -1:
        cdef Parts parts
        if self.quiet_target is not None and status == 200 and target == self.quiet_target:
            return 0
        if PyByteArray_GET_SIZE(self._lines) == 0 and not self.begin_batch():
            self.write_record(client, method, target, http_version, status, body_bytes, duration_s)
            return 0
        cdef str safe_client = make_safe_client(client)
        cdef bytes safe_target = make_safe_target(target)
        cdef bytes status_color = self._status_colors[status // 100]
        begin_line(&parts, self, safe_client, method, safe_target, http_version)
        add_bytes(&parts, status_color)
        add_number(&parts, status, 1)
        add_bytes(&parts, self._reset)
        add_part(&parts, b" ", 1)
        add_number(&parts, body_bytes, 1)
        add_duration(&parts, duration_s)
        return append_parts(self._lines, &parts)

    cpdef object write_websocket_end(
        self,
        str client,
        bytes target,
        unsigned int code,
        unsigned long long received_messages,
        unsigned long long sent_messages,
        double duration_s,
    ):
        """Add the line of one WebSocket that has ended."""
        cdef Parts parts
        if client is None or target is None:
            raise TypeError("client and target must not be None")
        if PyByteArray_GET_SIZE(self._lines) == 0 and not self.begin_batch():
            self.write_websocket_record(
                client, target, code, received_messages, sent_messages, duration_s
            )
            return None
        cdef str safe_client = make_safe_client(client)
        cdef bytes safe_target = make_safe_target(target)
        cdef bytes code_color = self._status_colors[code // 1000]
        begin_line(&parts, self, safe_client, "WEBSOCKET", safe_target, "1.1")
        add_bytes(&parts, code_color)
        add_number(&parts, code, 1)
        add_bytes(&parts, self._reset)
        add_part(&parts, b" ", 1)
        add_number(&parts, received_messages, 1)
        add_part(&parts, b" received ", 10)
        add_number(&parts, sent_messages, 1)
        add_part(&parts, b" sent", 5)
        add_duration(&parts, duration_s)
        append_parts(self._lines, &parts)
        return None

    def take(self):
        """Give the lines that were collected, and forget them."""
        lines = bytes(self._lines)
        self._lines = bytearray()
        return lines

    def begin_batch(self):
        """Hook before the first line since `take`: sets the prefix; False if records are wanted."""
        return True

    def write_record(
        self, client, method, target, http_version, status, body_bytes, duration_s
    ):
        """Hook that logs a request in place of a line, when `begin_batch` says so."""
        raise NotImplementedError

    def write_websocket_record(
        self, client, target, code, received_messages, sent_messages, duration_s
    ):
        """Hook that logs the end of a WebSocket in place of a line, as `write_record` does."""
        raise NotImplementedError


cdef str make_safe_client(str client):
    """*client* itself if it holds nothing but what addresses are made of."""
    if PyUnicode_IS_ASCII(client) and is_made_of(
        IS_SAFE_CLIENT_CHAR,
        <const unsigned char*>PyUnicode_DATA(client),
        PyUnicode_GET_LENGTH(client),
    ):
        return client
    return escape_client(client)


cdef bytes make_safe_target(bytes target):
    """*target* itself if it holds nothing but visible ASCII without quotes and backslashes."""
    cdef const unsigned char* start = <const unsigned char*>PyBytes_AS_STRING(target)
    if is_made_of(IS_SAFE_TARGET_BYTE, start, PyBytes_GET_SIZE(target)):
        return target
    return escape_target(target).encode("ascii")


cdef inline bint is_made_of(
    const unsigned char* table, const unsigned char* p, Py_ssize_t size
) noexcept:
    cdef const unsigned char* end = p + size
    while p < end:
        if not table[p[0]]:
            return False
        p += 1
    return True


cdef inline int begin_line(
    Parts* parts,
    AccessLines lines,
    str safe_client,
    str method,
    bytes safe_target,
    str http_version,
) except -1:
    """Make *parts* what all lines have before the status."""
    parts.count = 0
    parts.total_size = 0
    parts.number_count = 0
    add_bytes(parts, lines.prefix)
    add_text(parts, safe_client)
    add_part(parts, b' - "', 4)
    add_bytes(parts, lines._bold)
    add_text(parts, method)
    add_part(parts, b" ", 1)
    add_bytes(parts, safe_target)
    add_part(parts, b" HTTP/", 6)
    add_text(parts, http_version)
    add_bytes(parts, lines._reset)
    add_part(parts, b'" ', 2)
    return 0


cdef inline void add_duration(Parts* parts, double duration_s) noexcept:
    """Add what all lines end with."""
    cdef unsigned long long hundredths = 0
    if duration_s > 0:
        hundredths = <unsigned long long>(duration_s * 100_000)
    add_part(parts, b" ", 1)
    add_number(parts, hundredths // 100, 1)
    add_part(parts, b".", 1)
    add_number(parts, hundredths % 100, 2)
    add_part(parts, b"ms\n", 3)


cdef inline void add_part(Parts* parts, const char* start, Py_ssize_t size) noexcept:
    parts.starts[parts.count] = start
    parts.sizes[parts.count] = size
    parts.count += 1
    parts.total_size += size


cdef inline void add_bytes(Parts* parts, bytes part) noexcept:
    add_part(parts, PyBytes_AS_STRING(part), PyBytes_GET_SIZE(part))


cdef inline int add_text(Parts* parts, str part) except -1:
    if not PyUnicode_IS_ASCII(part):
        part.encode("ascii")  # raises, as the pure twin does
    add_part(parts, <const char*>PyUnicode_DATA(part), PyUnicode_GET_LENGTH(part))
    return 0


cdef inline void add_number(
    Parts* parts, unsigned long long number, int min_digits
) noexcept:
    """Add *number* in decimal."""
    cdef char* digits = parts.digits[parts.number_count]
    cdef int first = MAX_DIGITS
    parts.number_count += 1
    while number or min_digits > 0:
        first -= 1
        digits[first] = 48 + <char>(number % 10)  # 48: "0"
        number //= 10
        min_digits -= 1
    add_part(parts, digits + first, MAX_DIGITS - first)


cdef int append_parts(bytearray lines, const Parts* parts) except -1:
    cdef Py_ssize_t old_size = PyByteArray_GET_SIZE(lines)
    cdef int i
    PyByteArray_Resize(lines, old_size + parts.total_size)
    cdef char* p = PyByteArray_AS_STRING(lines) + old_size
    for i in range(parts.count):
        memcpy(p, parts.starts[i], <size_t>parts.sizes[i])
        p += parts.sizes[i]
    return 0
