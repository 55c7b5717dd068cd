# cython: language_level=3, freethreading_compatible=True
"""Accelerated twin of ``codecs/http1_framing.py``: responses as wire bytes (RFC 9112)."""

from cpython.bytes cimport (
    PyBytes_AS_STRING,
    PyBytes_CheckExact,
    PyBytes_FromStringAndSize,
    PyBytes_GET_SIZE,
)
from cpython.tuple cimport PyTuple_GET_ITEM
from libc.stdio cimport snprintf
from libc.stdlib cimport free, realloc
from libc.string cimport memcmp, memcpy

from asgiserve._speedups.codecs.header_fields cimport (
    copy_lower_token,
    has_list_member,
    is_value,
    parse_content_length,
)

from http import HTTPStatus

from asgiserve.codecs.response_fields import read_fields as read_any_fields
from asgiserve.errors import AppError

__all__ = [
    "JOIN_LIMIT_BYTES",
    "DefaultFields",
    "Framing",
    "ResponseFramer",
    "frame_error",
    "frame_informational",
]

cdef Py_ssize_t JOIN_LIMIT = 16384
JOIN_LIMIT_BYTES = JOIN_LIMIT

cdef enum:
    # The largest framing: "transfer-encoding: chunked" or "content-length: " with 20 digits,
    # "connection: keep-alive".
    FRAMING_ROOM = 96
    # Hexadecimal size of a chunk, CRLF and the NUL of snprintf.
    CHUNK_SIZE_ROOM = 24
    # A head buffer of this size stays with the connection for its next response.
    USUAL_HEAD_BYTES = 256
    # Bits of ResponseFramer._own_defaults: fields that the application has set itself.
    OWN_DATE = 1
    OWN_SERVER = 2

cdef dict PHRASES = {status.value: status.phrase.encode() for status in HTTPStatus}
cdef list STATUS_LINES = [
    b"HTTP/1.1 %d %s\r\n" % (status, PHRASES.get(status, b"")) for status in range(200, 1000)
]


cdef class DefaultFields:
    """The fields that the server adds to each response, as bytes for the wire."""

    def __init__(self, bytes server, extra=()):
        self.server_line = b"" if server is None else b"server: %s\r\n" % server
        self.extra_lines = [
            (name.lower(), b"%s: %s\r\n" % (name.lower(), value)) for name, value in extra
        ]
        self._extra_names = {name for name, _line in self.extra_lines}
        self.set_date(None)

    cpdef object set_date(self, bytes value):
        """Set the value of ``Date``; None sends none."""
        self.date_line = b"" if value is None else b"date: %s\r\n" % value
        self.block = self.select(frozenset())

    cpdef bytes select(self, names):
        """The lines of those default fields whose names are not in *names*."""
        lines = [line for name, line in self.extra_lines if name not in names]
        if b"server" not in names and b"server" not in self._extra_names:
            lines.append(self.server_line)
        if b"date" not in names and b"date" not in self._extra_names:
            lines.append(self.date_line)
        return b"".join(lines)


cdef class ResponseFramer:
    """Frames the responses of one connection, one after the other."""

    def __init__(self, DefaultFields defaults):
        self._defaults = defaults
        self.begin(False, False, True, False)

    def __dealloc__(self):
        free(self._head)

    cpdef object begin(
        self, bint is_head_method, bint is_http_1_0, bint keep_alive, bint accepts_trailers
    ):
        """Start over for the answer to another request."""
        self._is_head_method = is_head_method
        self._is_http_1_0 = is_http_1_0
        self._accepts_trailers = accepts_trailers and not is_http_1_0
        self._wants_trailers = False
        self._framing = Framing.UNDECIDED
        self._head_size = 0
        self._remaining_bytes = -1
        self._status = 0
        self.keep_alive = keep_alive
        self.body_bytes = 0
        self._step += 1

    cpdef object hold_head(self, status, headers, bint wants_trailers):
        """Check and encode the application's head; ``frame_body`` completes it and lets it go."""
        cdef bytes line
        cdef bytes name
        cdef bytes value
        cdef size_t start
        if not isinstance(status, int) or not 200 <= status <= 999:
            raise AppError(f"status must be an integer from 200 to 999, not {status!r}")
        cdef list fields = self._read_fields(headers)
        self._step += 1
        self._status = status
        self._remaining_bytes = -1
        self._head_size = 0
        self._own_defaults = 0
        self._own_names = set() if self._defaults.extra_lines else None
        line = STATUS_LINES[self._status - 200]
        self._append(PyBytes_AS_STRING(line), PyBytes_GET_SIZE(line))
        for field in fields:
            name = <bytes>(<tuple>field)[0]
            value = <bytes>(<tuple>field)[1]
            start = self._head_size
            self._append_line(name, value)
            if self._is_left_out(self._head + start, PyBytes_GET_SIZE(name), value):
                self._head_size = start
        self._append_defaults()
        self._wants_trailers = wants_trailers and self._accepts_trailers

    cpdef list frame_body(self, bytes body, bint more_body):
        """Frame a piece of the body, the first one together with the head."""
        cdef char[CHUNK_SIZE_ROOM] line
        cdef Py_ssize_t size = PyBytes_GET_SIZE(body)
        self._step += 1
        if self._framing == Framing.UNDECIDED:
            self._check_length(body)
            self._end_head(body, more_body)
        elif self._framing == Framing.LENGTH:
            self._check_length(body)
        if self._framing == Framing.NO_BODY:
            return self._join(b"", b"", 0)
        self.body_bytes += size
        if self._framing == Framing.LENGTH:
            self._remaining_bytes -= size
            if not more_body and self._remaining_bytes:
                # The peer waits for bytes that never come; the end of the connection tells it so.
                self.keep_alive = False
        elif self._framing == Framing.CHUNKED:
            more_body = more_body or self._wants_trailers
            if size:
                self._append(line, snprintf(line, CHUNK_SIZE_ROOM, b"%zx\r\n", size))
                # The last chunk's end is followed by the last chunk, of size 0, and no trailers.
                return self._join(body, b"\r\n0\r\n\r\n", 2 if more_body else 7)
            return self._join(body, b"0\r\n\r\n", 0 if more_body else 5)
        return self._join(body, b"", 0)

    cpdef bytes frame_trailers(self, headers):
        """End a chunked body with its trailer section (RFC 9112 section 7.1.2)."""
        cdef bytes lines = encode_fields(self._read_fields(headers))
        if not self.ends_with_trailers():
            return b""
        self._step += 1
        self._wants_trailers = False
        return b"0\r\n%s\r\n" % lines

    @property
    def has_trailers(self):
        """Whether the body's end is to be told by ``frame_trailers``."""
        return self.ends_with_trailers()

    @property
    def is_close_delimited(self):
        """Whether only the end of the connection tells the end of the body."""
        return self.ends_by_closing()

    @property
    def missing_bytes(self):
        """Body bytes that Content-Length announced and that have not been framed."""
        return self.count_missing()

    cdef bint ends_with_trailers(self) noexcept:
        return self._wants_trailers and self._framing == Framing.CHUNKED

    cdef bint ends_by_closing(self) noexcept:
        return self._framing == Framing.CLOSE_DELIMITED

    cdef long long count_missing(self) noexcept:
        return self._remaining_bytes if self._framing == Framing.LENGTH else 0

    cdef list _read_fields(self, headers):
        """Read all fields before anything is done with them: that may run the application's code,
        and it may send.
        """
        cdef unsigned int step = self._step
        cdef list fields = read_fields(headers)
        if step != self._step:
            raise AppError("a message was sent while the headers of another were read")
        return fields

    cdef int _reserve(self, size_t size) except -1:
        """Make room for *size* more bytes of head."""
        cdef size_t room = self._head_room or USUAL_HEAD_BYTES
        cdef void* grown
        while room < self._head_size + size:
            room *= 2
        if room != self._head_room:
            grown = realloc(self._head, room)
            if grown is NULL:
                raise MemoryError
            self._head = <char*>grown
            self._head_room = room
        return 0

    cdef int _append(self, const char* data, size_t size) except -1:
        self._reserve(size)
        memcpy(self._head + self._head_size, data, size)
        self._head_size += size
        return 0

    cdef int _append_line(self, bytes name, bytes value) except -1:
        """Check one field of the application and append its line, the name in lower case."""
        cdef Py_ssize_t name_size = PyBytes_GET_SIZE(name)
        cdef Py_ssize_t value_size = PyBytes_GET_SIZE(value)
        cdef char* p
        self._reserve(name_size + value_size + 4)
        p = self._head + self._head_size
        if copy_lower_token(p, <const unsigned char*>PyBytes_AS_STRING(name), name_size) < 0:
            raise AppError(f"header name is not a token: {name[:64]!r}")
        if not is_value(<const unsigned char*>PyBytes_AS_STRING(value), value_size):
            raise AppError(f"value of header {name[:64]!r} has CR, LF or NUL: {value[:64]!r}")
        p = put(p + name_size, b": ", 2)
        p = put(p, PyBytes_AS_STRING(value), value_size)
        put(p, b"\r\n", 2)
        self._head_size += name_size + value_size + 4
        return 0

    cdef int _is_left_out(self, const char* name, size_t size, bytes value) except -1:
        """Note a field that framing or defaults depend on; whether its line is left out."""
        if self._own_names is not None:
            self._own_names.add(PyBytes_FromStringAndSize(name, size))
        if size == 14 and memcmp(name, b"content-length", 14) == 0:
            self._take_content_length(value)
            return True
        if size == 10 and memcmp(name, b"connection", 10) == 0:
            # Persistence is the server's business, but the application may ask for the end of it.
            if has_list_member(value, b"close"):
                self.keep_alive = False
            return True
        if size == 4 and memcmp(name, b"date", 4) == 0:
            self._own_defaults |= OWN_DATE
        elif size == 6 and memcmp(name, b"server", 6) == 0:
            self._own_defaults |= OWN_SERVER
        return (size == 17 and memcmp(name, b"transfer-encoding", 17) == 0) or (
            size == 10 and memcmp(name, b"keep-alive", 10) == 0
        )

    cdef int _append_defaults(self) except -1:
        cdef DefaultFields defaults = self._defaults
        cdef bytes lines = defaults.block
        if self._own_names is not None:
            lines = defaults.select(self._own_names)
        elif self._own_defaults == OWN_DATE:
            lines = defaults.server_line
        elif self._own_defaults == OWN_SERVER:
            lines = defaults.date_line
        elif self._own_defaults:
            return 0
        return self._append(PyBytes_AS_STRING(lines), PyBytes_GET_SIZE(lines))

    cdef int _take_content_length(self, bytes value) except -1:
        cdef long long length = parse_content_length(value)
        if length < 0:
            raise AppError(f"content-length must be a decimal number of bytes, not {value[:64]!r}")
        if self._remaining_bytes != -1 and self._remaining_bytes != length:
            raise AppError("two content-length fields of different values")
        self._remaining_bytes = length
        return 0

    cdef int _check_length(self, bytes body) except -1:
        if 0 <= self._remaining_bytes < PyBytes_GET_SIZE(body) and not self._has_no_body():
            raise AppError(
                f"body of {len(body)} bytes is longer than the {self._remaining_bytes} bytes"
                " that content-length leaves"
            )
        return 0

    cdef bint _has_no_body(self) noexcept:
        return (
            self._is_head_method
            or self._status == 204
            or self._status == 205
            or self._status == 304
        )

    cdef int _end_head(self, bytes body, bint more_body) except -1:
        """Decide the framing, and append what tells it, the connection's fate and the empty line.
        """
        cdef long long length = self._remaining_bytes
        cdef char* p
        self._reserve(FRAMING_ROOM)
        p = self._head + self._head_size
        if self._has_no_body():
            self._framing = Framing.NO_BODY
            if self._status == 205:
                # Nothing but a length tells a client that there is none (RFC 9110 section 15.3.6).
                length = 0
            elif length < 0 and self._is_head_method and not more_body and PyBytes_GET_SIZE(body):
                length = PyBytes_GET_SIZE(body)
            if self._status == 204:
                length = -1
        elif length >= 0 or not (more_body or self._wants_trailers):
            self._framing = Framing.LENGTH
            if length < 0:
                length = self._remaining_bytes = PyBytes_GET_SIZE(body)
        elif self._is_http_1_0:
            # HTTP/1.0 peers cannot read chunks, so closing the connection is the end mark.
            self._framing = Framing.CLOSE_DELIMITED
            self.keep_alive = False
        else:
            self._framing = Framing.CHUNKED
            p = put(p, b"transfer-encoding: chunked\r\n", 28)
        if length >= 0:
            p = put(p, b"content-length: ", 16)
            p = put_decimal(p, length)
            p = put(p, b"\r\n", 2)
        if not self.keep_alive:
            p = put(p, b"connection: close\r\n", 19)
        elif self._is_http_1_0:
            p = put(p, b"connection: keep-alive\r\n", 24)
        p = put(p, b"\r\n", 2)
        self._head_size = p - self._head
        return 0

    cdef list _join(self, bytes body, const char* tail, size_t tail_size):
        """The head buffer, *body* and *tail* as one piece, or a large body uncopied between two."""
        cdef Py_ssize_t size = PyBytes_GET_SIZE(body)
        cdef size_t head_size = self._head_size
        cdef bytes joined
        cdef char* p
        self._head_size = 0
        if size > JOIN_LIMIT:
            buffers = [body]
            if head_size:
                buffers.insert(0, PyBytes_FromStringAndSize(self._head, head_size))
            if tail_size:
                buffers.append(PyBytes_FromStringAndSize(tail, tail_size))
            self._shrink()
            return buffers
        if not head_size and not tail_size:
            return [body] if size else []
        joined = PyBytes_FromStringAndSize(NULL, head_size + size + tail_size)
        p = PyBytes_AS_STRING(joined)
        # Without a head there may be no buffer for one either.
        if head_size:
            p = put(p, self._head, head_size)
        p = put(p, PyBytes_AS_STRING(body), size)
        put(p, tail, tail_size)
        self._shrink()
        return [joined]

    cdef void _shrink(self) noexcept:
        """Give back the room of an unusually large head."""
        if self._head_room > USUAL_HEAD_BYTES:
            free(self._head)
            self._head = NULL
            self._head_room = 0


cpdef bytes frame_informational(int status, headers):
    """Frame an interim response, 100 to 199 (RFC 9110 section 15.2)."""
    cdef bytes lines = encode_fields(read_fields(headers))
    return b"HTTP/1.1 %d %s\r\n%s\r\n" % (status, PHRASES[status], lines)


cpdef bytes frame_error(
    int status, str reason, DefaultFields defaults, bint is_head_method, fields=()
):
    """Frame an answer of the server's own; the connection ends with it."""
    body = f"{HTTPStatus(status).phrase}: {reason}\n".encode("ascii", "backslashreplace")
    head = (
        b"%s%s%scontent-type: text/plain; charset=utf-8\r\n"
        b"content-length: %d\r\nconnection: close\r\n\r\n"
    ) % (
        STATUS_LINES[status - 200],
        defaults.block,
        b"".join([b"%s: %s\r\n" % field for field in fields]),
        len(body),
    )
    return head if is_head_method else head + body


cdef inline char* put(char* p, const char* data, size_t size) noexcept:
    """Copy *data* to *p*; the end of the copy."""
    memcpy(p, data, size)
    return p + size


cdef inline char* put_decimal(char* p, unsigned long long number) noexcept:
    """Write *number* at *p*, at most 20 digits; its end."""
    cdef char[20] digits
    cdef int at = 20
    while True:
        at -= 1
        digits[at] = 48 + <char>(number % 10)
        number //= 10
        if not number:
            return put(p, &digits[at], 20 - at)


cdef list read_fields(headers):
    """An application's fields as a list of pairs of bytes; *headers* itself where it is one."""
    if type(headers) is list:
        for field in <list>headers:
            if not is_plain(field):
                break
        else:
            return <list>headers
    return read_any_fields(headers)


cdef inline bint is_plain(field) noexcept:
    """Whether a field is a tuple of two bytes, and reading it runs no code."""
    return (
        type(field) is tuple
        and len(<tuple>field) == 2
        and PyBytes_CheckExact(<object>PyTuple_GET_ITEM(field, 0))
        and PyBytes_CheckExact(<object>PyTuple_GET_ITEM(field, 1))
    )


cdef bytes encode_fields(list fields):
    """Check the fields of an interim response or a trailer section, and encode them."""
    cdef ResponseFramer framer = ResponseFramer(NO_DEFAULTS)
    for name, value in fields:
        framer._append_line(name, value)
    return PyBytes_FromStringAndSize(framer._head, framer._head_size)


cdef DefaultFields NO_DEFAULTS = DefaultFields(None)
