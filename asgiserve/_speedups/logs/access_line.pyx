# cython: language_level=3, freethreading_compatible=True
"""Accelerated twin of ``logs/access_line.py``: a finished request or WebSocket as one line."""

from cpython.bytearray cimport PyByteArray_AS_STRING, PyByteArray_GET_SIZE, PyByteArray_Resize
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.string cimport memcpy

from asgiserve.logs.access_layout import TEXT_LAYOUT
from asgiserve.logs.formatters import (
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

cdef struct Line:
    # The pieces of a line in their order; whoever adds one keeps its owner alive.
    const char* starts[2 * MAX_PIECES + 1]  # the prefix, and before each piece a colour at most
    Py_ssize_t sizes[2 * MAX_PIECES + 1]
    int count
    Py_ssize_t total_size

cdef struct Span:
    const char* start
    Py_ssize_t size

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

    def __init__(self, layout=None):
        layout = layout or TEXT_LAYOUT
        self.prefix = b""
        self.quiet_target = None
        # They own the bytes that the pieces point to.
        self._request = layout.request
        self._websocket = layout.websocket
        self._status_colors = layout.status_colors
        self._doubles_backslashes = layout.doubles_backslashes
        self._request_count = read_pieces(self._request, self._request_pieces)
        self._websocket_count = read_pieces(self._websocket, self._websocket_pieces)
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
        cdef Span values[PART_COUNT]
        cdef char digits[PART_COUNT][MAX_DIGITS]
        if self.quiet_target is not None and status == 200 and target == self.quiet_target:
            return 0
        if PyByteArray_GET_SIZE(self._lines) == 0 and not self.begin_batch():
            self.write_record(client, method, target, http_version, status, body_bytes, duration_s)
            return 0
        cdef str safe_client = make_safe_client(client, self._doubles_backslashes)
        cdef bytes safe_target = make_safe_target(target, self._doubles_backslashes)
        cdef bytes color = self._status_colors[status // 100]
        set_text(&values[CLIENT], safe_client)
        set_text(&values[METHOD], method)
        set_bytes(&values[TARGET], safe_target)
        set_text(&values[HTTP_VERSION], http_version)
        set_number(&values[STATUS], digits[STATUS], status)
        set_number(&values[BODY_BYTES], digits[BODY_BYTES], body_bytes)
        set_empty(&values[RECEIVED_MESSAGES])
        set_empty(&values[SENT_MESSAGES])
        set_duration(&values[DURATION], digits[DURATION], duration_s)
        return append_line(
            self._lines, self.prefix, color, self._request_pieces, self._request_count, values
        )

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
        cdef Span values[PART_COUNT]
        cdef char digits[PART_COUNT][MAX_DIGITS]
        if client is None or target is None:
            raise TypeError("client and target must not be None")
        if PyByteArray_GET_SIZE(self._lines) == 0 and not self.begin_batch():
            self.write_websocket_record(
                client, target, code, received_messages, sent_messages, duration_s
            )
            return None
        cdef str safe_client = make_safe_client(client, self._doubles_backslashes)
        cdef bytes safe_target = make_safe_target(target, self._doubles_backslashes)
        cdef bytes color = self._status_colors[code // 1000]
        set_text(&values[CLIENT], safe_client)
        set_text(&values[METHOD], "WEBSOCKET")
        set_bytes(&values[TARGET], safe_target)
        set_text(&values[HTTP_VERSION], "1.1")
        set_number(&values[STATUS], digits[STATUS], code)
        set_empty(&values[BODY_BYTES])
        set_number(&values[RECEIVED_MESSAGES], digits[RECEIVED_MESSAGES], received_messages)
        set_number(&values[SENT_MESSAGES], digits[SENT_MESSAGES], sent_messages)
        set_duration(&values[DURATION], digits[DURATION], duration_s)
        append_line(
            self._lines, self.prefix, color, self._websocket_pieces, self._websocket_count, values
        )
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


cdef int read_pieces(tuple pieces, Piece* read) except -1:
    """Fill *read* with what *pieces* say; gives how many there are."""
    cdef int count = 0
    if len(pieces) > MAX_PIECES:
        raise ValueError("a layout has too many pieces")
    for piece in pieces:
        read[count].part = LITERAL
        read[count].start = NULL
        read[count].size = 0
        if isinstance(piece, bytes):
            read[count].start = PyBytes_AS_STRING(piece)
            read[count].size = PyBytes_GET_SIZE(piece)
        else:
            read[count].part = piece
            if not 0 <= read[count].part < PART_COUNT:
                raise ValueError(f"{piece!r} is no part of a line")
        count += 1
    return count


cdef str make_safe_client(str client, bint doubles_backslashes):
    """*client* itself if it holds nothing but what addresses are made of."""
    if PyUnicode_IS_ASCII(client) and is_made_of(
        IS_SAFE_CLIENT_CHAR,
        <const unsigned char*>PyUnicode_DATA(client),
        PyUnicode_GET_LENGTH(client),
    ):
        return client
    client = escape_client(client)
    return client.replace("\\", "\\\\") if doubles_backslashes else client


cdef bytes make_safe_target(bytes target, bint doubles_backslashes):
    """*target* itself if it holds nothing but visible ASCII without quotes and backslashes."""
    cdef const unsigned char* start = <const unsigned char*>PyBytes_AS_STRING(target)
    if is_made_of(IS_SAFE_TARGET_BYTE, start, PyBytes_GET_SIZE(target)):
        return target
    target = escape_target(target).encode("ascii")
    return target.replace(b"\\", b"\\\\") if doubles_backslashes else target


cdef inline bint is_made_of(
    const unsigned char* table, const unsigned char* p, Py_ssize_t size
) noexcept:
    cdef const unsigned char* end = p + size
    while p < end:
        if not table[p[0]]:
            return False
        p += 1
    return True


cdef inline void set_empty(Span* span) noexcept:
    span.start = b""
    span.size = 0


cdef inline void set_bytes(Span* span, bytes value) noexcept:
    span.start = PyBytes_AS_STRING(value)
    span.size = PyBytes_GET_SIZE(value)


cdef inline int set_text(Span* span, str value) except -1:
    if not PyUnicode_IS_ASCII(value):
        value.encode("ascii")  # raises, as the pure twin does
    span.start = <const char*>PyUnicode_DATA(value)
    span.size = PyUnicode_GET_LENGTH(value)
    return 0


cdef inline char* write_digits(
    char* end, unsigned long long number, int min_digits
) noexcept:
    """Write *number* in decimal up to *end*; gives where it begins."""
    while number or min_digits > 0:
        end -= 1
        end[0] = 48 + <char>(number % 10)  # 48: "0"
        number //= 10
        min_digits -= 1
    return end


cdef inline void set_number(Span* span, char* digits, unsigned long long number) noexcept:
    """Write *number* into *digits*, which has MAX_DIGITS bytes."""
    cdef char* end = digits + MAX_DIGITS
    span.start = write_digits(end, number, 1)
    span.size = end - span.start


cdef inline void set_duration(Span* span, char* digits, double duration_s) noexcept:
    """Write milliseconds with two places into *digits*, which has MAX_DIGITS bytes."""
    cdef char* end = digits + MAX_DIGITS
    cdef unsigned long long hundredths = 0
    # Rounded to a double as Python does: x87 registers are wider.
    cdef volatile double product = duration_s * 100_000
    if product > 0:
        hundredths = <unsigned long long>product
    cdef char* start = write_digits(end, hundredths % 100, 2) - 1
    start[0] = 46  # "."
    span.start = write_digits(start, hundredths // 100, 1)
    span.size = end - span.start


cdef inline void add_part(Line* line, const char* start, Py_ssize_t size) noexcept:
    line.starts[line.count] = start
    line.sizes[line.count] = size
    line.count += 1
    line.total_size += size


cdef int append_line(
    bytearray lines,
    bytes prefix,
    bytes color,
    const Piece* pieces,
    int piece_count,
    const Span* values,
) except -1:
    """Add one line to *lines*: *prefix*, and *pieces* with *values* between them."""
    cdef Line line
    cdef const Span* value
    cdef Py_ssize_t old_size = PyByteArray_GET_SIZE(lines)
    cdef int i
    line.count = 0
    line.total_size = 0
    add_part(&line, PyBytes_AS_STRING(prefix), PyBytes_GET_SIZE(prefix))
    for i in range(piece_count):
        if pieces[i].part == LITERAL:
            add_part(&line, pieces[i].start, pieces[i].size)
            continue
        if pieces[i].part == STATUS and PyBytes_GET_SIZE(color):
            add_part(&line, PyBytes_AS_STRING(color), PyBytes_GET_SIZE(color))
        value = &values[pieces[i].part]
        add_part(&line, value.start, value.size)
    PyByteArray_Resize(lines, old_size + line.total_size)
    cdef char* p = PyByteArray_AS_STRING(lines) + old_size
    for i in range(line.count):
        memcpy(p, line.starts[i], <size_t>line.sizes[i])
        p += line.sizes[i]
    return 0
