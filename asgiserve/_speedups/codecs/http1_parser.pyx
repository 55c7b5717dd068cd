# cython: language_level=3, freethreading_compatible=True
"""Accelerated twin of ``codecs/http1_parser.py``: requests from bytes (RFC 9112).

llhttp reads heads, and no more. Its callbacks, in ``http1_section.pxd``, only note where things
are; it pauses at the end of the head, and what was noted becomes objects outside of it, so that no
Python code and no exception runs below a C frame of llhttp.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.string cimport memset

from asgiserve._speedups.codecs.http1_chunks cimport ChunkDecoder
from asgiserve._speedups.codecs.http1_head cimport RequestHead, build_head, make_head
from asgiserve._speedups.codecs.http1_section cimport (
    Section,
    begin_section,
    end_section,
    free_section,
    set_callbacks,
)
from asgiserve._speedups.codecs.llhttp cimport (
    HPE_OK,
    HPE_PAUSED,
    HTTP_QUERY,
    HTTP_REQUEST,
    LLHTTP_VERSION_MAJOR,
    LLHTTP_VERSION_MINOR,
    LLHTTP_VERSION_PATCH,
    llhttp_errno_t,
    llhttp_execute,
    llhttp_get_error_pos,
    llhttp_init,
    llhttp_method_name,
    llhttp_method_t,
    llhttp_settings_init,
    llhttp_settings_t,
)

from asgiserve.codecs.http1_request_line import METHODS as KNOWN_METHODS
from asgiserve.codecs.http1_request_line import PATH_BYTES, QUERY_BYTES
from asgiserve.codecs.http1_syntax import HeadScanner
from asgiserve.errors import HttpRequestError

__all__ = ["RequestParser", "RequestSink"]

LLHTTP_VERSION = f"{LLHTTP_VERSION_MAJOR}.{LLHTTP_VERSION_MINOR}.{LLHTTP_VERSION_PATCH}"

cdef enum State:
    IDLE
    HEAD
    SCANNED_HEAD  # a head that the shared scanner reads
    SIZED_BODY
    CHUNKED_BODY
    CLOSED
    FAILED

# In the order of llhttp's enumeration; None for those that are not served.
cdef list METHODS = [
    KNOWN_METHODS.get(<bytes>llhttp_method_name(<llhttp_method_t>number))
    for number in range(HTTP_QUERY + 1)
]

# Whether a byte may stand in a path, or in a query.
cdef unsigned char[256] IN_PATH
cdef unsigned char[256] IN_QUERY

cdef llhttp_settings_t SETTINGS
llhttp_settings_init(&SETTINGS)
set_callbacks(&SETTINGS)


cdef class RequestSink:
    """What a parser tells its owner; the owner overrides all three."""

    cpdef object on_head(self, RequestHead head):
        """A request head is complete."""
        raise NotImplementedError

    cpdef object on_body(self, bytes data):
        """A piece of the body."""
        raise NotImplementedError

    cpdef object on_end(self, list trailers):
        """The message is complete."""
        raise NotImplementedError


cdef class RequestParser:
    """Reads the requests of one connection and tells them to a sink."""

    def __cinit__(self):
        memset(&self._section, 0, sizeof(Section))

    def __init__(
        self,
        RequestSink sink not None,
        max_target_bytes: int = 8192,
        max_head_bytes: int = 65536,
        max_fields: int = 128,
    ):
        self._sink = sink
        self._max_target_bytes = max_target_bytes
        self._max_head_bytes = max_head_bytes
        self._section.max_fields = max_fields
        self._state = IDLE
        self._kept_section = b""

    def __dealloc__(self):
        free_section(&self._section)

    @property
    def buffered(self):
        """Bytes kept while the parser is paused, or fed by the sink."""
        return self.count_buffered()

    @property
    def is_mid_message(self):
        """Whether the first byte of a request has come, and not yet its last."""
        return self.has_open_message()

    cpdef object feed(self, bytes data):
        """Parse *data*, or keep it while the parser is paused or in a call of its sink."""
        if self._state == FAILED:
            # Not made before it is needed: few connections are fed once they are closed.
            raise self._error or HttpRequestError("the connection is closed")
        if self._kept is None and not self._is_reading:
            self._read(data)
        else:
            self._kept = data if self._kept is None else self._kept + data

    cpdef object pause(self):
        """Stop after the current message, and keep what follows it until ``resume``."""
        self._is_paused = True

    cpdef object resume(self):
        """Go on after ``pause``, first with the bytes kept."""
        cdef bytes kept = self._kept
        self._is_paused = False
        if kept is not None and not self._is_reading:
            self._kept = None
            self._read(kept)

    cpdef bytes detach(self):
        """Let go of the sink, which holds the parser; what is fed from now on is refused."""
        cdef bytes kept = self._kept
        self._is_paused = False
        self._fail(None)
        # A sink that is being called lives on until ``_read`` ends.
        if not self._is_reading:
            self._sink = None
        return b"" if kept is None else kept

    # What follows has partly no counterpart of the same name in the pure twin.

    cdef Py_ssize_t count_buffered(self) noexcept:
        return 0 if self._kept is None else PyBytes_GET_SIZE(self._kept)

    cdef bint has_open_message(self) noexcept:
        return self._state != IDLE and self._state != CLOSED and self._state != FAILED

    cdef int _fail(self, object error) except -1:
        """Be done for good; None stands for the error of a closed connection."""
        self._error = error
        self._state = FAILED
        self._kept = None
        self._kept_section = b""
        self._scanner = None
        self._chunks = None
        return 0

    cdef int _read(self, bytes data) except -1:
        """Parse *data*, and what the sink may have fed meanwhile."""
        # The sink may let go of the parser.
        cdef RequestParser parser = self
        cdef Py_ssize_t position
        self._is_reading = True
        try:
            while True:
                position = parser._parse(data)
                if self._state == FAILED:
                    return 0
                if position < PyBytes_GET_SIZE(data):
                    data = data[position:]
                    self._kept = data if self._kept is None else data + self._kept
                if self._is_paused or self._kept is None:
                    return 0
                data = self._kept
                self._kept = None
        except HttpRequestError as error:
            self._fail(error)
            raise
        except BaseException:
            # Where in the bytes the sink left off is not known any more.
            self._fail(HttpRequestError("the request could not be taken", status=500))
            raise
        finally:
            self._is_reading = False
            if self._state == FAILED:
                self._sink = None

    cdef Py_ssize_t _parse(self, bytes data) except -1:
        """Parse until the end of *data*, or until the sink wants no more; the position reached."""
        cdef Py_ssize_t position = 0
        cdef Py_ssize_t end = PyBytes_GET_SIZE(data)
        self._section.data = PyBytes_AS_STRING(data)
        while position < end:
            if self._state == IDLE or self._state == CLOSED:
                if self._is_paused:
                    break
                position = self._begin_request(data, position)
            elif self._state == HEAD:
                position = self._read_head_piece(data, position)
            elif self._state == SIZED_BODY:
                position = self._read_sized_body(data, position)
            elif self._state == CHUNKED_BODY:
                position = self._read_chunked_body(data, position)
            elif self._state == SCANNED_HEAD:
                position = self._read_scanned_piece(data, position)
            else:
                break
        return position

    cdef Py_ssize_t _begin_request(self, bytes data, Py_ssize_t position) except -1:
        """Skip empty lines (RFC 9112 section 2.2), and let llhttp begin a head."""
        cdef const char* p = PyBytes_AS_STRING(data) + position
        cdef const char* end = PyBytes_AS_STRING(data) + PyBytes_GET_SIZE(data)
        if p[0] == 13 or p[0] == 10:
            while p != end and (p[0] == 13 or p[0] == 10):
                p += 1
                self._blank_bytes += 1
            if self._blank_bytes > self._max_head_bytes:
                raise HttpRequestError("too many empty lines before a request")
            if p == end:
                return PyBytes_GET_SIZE(data)
        if self._state == CLOSED:
            raise HttpRequestError("bytes after a request that asked to close the connection")
        self._blank_bytes = 0
        begin_section(&self._section, p)
        llhttp_init(&self._llhttp, HTTP_REQUEST, &SETTINGS)
        self._llhttp.data = &self._section
        self._is_line_checked = False
        self._state = HEAD
        return self._read_head_piece(data, p - PyBytes_AS_STRING(data))

    cdef Py_ssize_t _read_head_piece(self, bytes data, Py_ssize_t position) except -1:
        cdef Section* section = &self._section
        cdef const char* start = PyBytes_AS_STRING(data)
        cdef const char* base = section.data
        cdef const char* stop = start + PyBytes_GET_SIZE(data)
        cdef size_t size
        cdef bytes whole
        cdef str method = None
        cdef llhttp_errno_t error = llhttp_execute(
            &self._llhttp, start + position, PyBytes_GET_SIZE(data) - position
        )
        if error == HPE_OK:
            size = section.earlier + (stop - section.data)
            if size > <size_t>self._max_head_bytes:
                return self._scan_head(data)
            self._keep_section(stop)
            return PyBytes_GET_SIZE(data)
        if error != HPE_PAUSED:
            return self._scan_head(data)
        stop = llhttp_get_error_pos(&self._llhttp)
        size = section.earlier + (stop - section.data)
        if section.earlier:
            whole = self._kept_section + PyBytes_FromStringAndSize(base, stop - base)
            base = PyBytes_AS_STRING(whole)
        if self._llhttp.method <= HTTP_QUERY:
            method = METHODS[self._llhttp.method]
        if method is None or not self._is_plain(base, size):
            return self._scan_head(data)
        self._begin_body(build_head(method, &self._llhttp, section, base))
        return stop - start

    cdef int _keep_section(self, const char* end) except -1:
        """Keep what this feed has brought of an unfinished head, and check its request line."""
        cdef Section* section = &self._section
        cdef bytes piece = PyBytes_FromStringAndSize(section.data, end - section.data)
        self._kept_section += piece
        section.earlier = PyBytes_GET_SIZE(self._kept_section)
        if self._is_line_checked:
            return 0
        # What llhttp finds good in a request line need not be good for us.
        if self._scanner is None:
            self._scanner = self._make_scanner()
        self._scanner.feed(piece)
        if self._scanner.request_line is not None:
            self._is_line_checked = True
            self._scanner = None
        return 0

    cdef bint _is_plain(self, const char* base, size_t size) noexcept:
        """Whether the request line and the size of a head need no second look."""
        cdef Section* section = &self._section
        cdef const unsigned char* p = <const unsigned char*>base + section.target.start
        cdef const unsigned char* end = <const unsigned char*>base + section.target.end
        # llhttp takes several spaces, HTTP/0.9 with no version at all, fragments, and other targets
        # than paths that need a look. It has seen a method and a space before the target, and two
        # bytes after it.
        if (
            p[0] != 47  # "/"
            or p[-2] == 32
            or end[0] != 32
            or end[1] != 72  # "H"
            or self._llhttp.http_major != 1
            or self._llhttp.http_minor > 1
            or size > <size_t>self._max_head_bytes
            or end - p > self._max_target_bytes
        ):
            return False
        while p != end and IN_PATH[p[0]]:
            p += 1
        if p != end and p[0] == 63:  # "?"
            p += 1
            while p != end and IN_QUERY[p[0]]:
                p += 1
        return p == end

    cdef Py_ssize_t _scan_head(self, bytes data) except -1:
        """Let the shared scanner read a head from its start: of all that is unusual it decides."""
        cdef Py_ssize_t position = self._section.data - PyBytes_AS_STRING(data)
        cdef bytes kept = self._kept_section
        self._kept_section = b""
        self._scanner = self._make_scanner()
        self._state = SCANNED_HEAD
        if not kept:
            return self._read_scanned_piece(data, position)
        position -= PyBytes_GET_SIZE(kept)
        return position + self._read_scanned_piece(kept + data[position + len(kept) :], 0)

    cdef Py_ssize_t _read_scanned_piece(self, bytes data, Py_ssize_t position) except -1:
        scanner = self._scanner
        used = scanner.feed(data[position:])
        if used < 0:
            return PyBytes_GET_SIZE(data)
        line = scanner.request_line
        self._begin_body(make_head(line.method, line.target, line.http_version, scanner.headers))
        return position + used

    cdef object _make_scanner(self):
        return HeadScanner(
            self._max_target_bytes, self._max_head_bytes, self._section.max_fields
        )

    cdef int _begin_body(self, RequestHead head) except -1:
        self._scanner = None
        self._kept_section = b""
        end_section(&self._section)
        self._keeps_alive = head.keep_alive
        if head.is_chunked:
            self._chunks = ChunkDecoder(self._max_head_bytes, self._section.max_fields)
            self._state = CHUNKED_BODY
        else:
            self._remaining_bytes = max(head.body_size, 0)
            self._state = SIZED_BODY
        self._sink.on_head(head)
        if self._state == SIZED_BODY and self._remaining_bytes == 0:
            self._end_message([])
        return 0

    cdef int _end_message(self, list trailers) except -1:
        self._state = IDLE if self._keeps_alive else CLOSED
        self._sink.on_end(trailers)
        return 0

    cdef Py_ssize_t _read_sized_body(self, bytes data, Py_ssize_t position) except -1:
        cdef Py_ssize_t size = PyBytes_GET_SIZE(data) - position
        cdef bytes piece = data
        if size > self._remaining_bytes:
            size = <Py_ssize_t>self._remaining_bytes
        if size != PyBytes_GET_SIZE(data):
            piece = PyBytes_FromStringAndSize(PyBytes_AS_STRING(data) + position, size)
        self._remaining_bytes -= size
        self._sink.on_body(piece)
        if self._state == SIZED_BODY and self._remaining_bytes == 0:
            self._end_message([])
        return position + size

    cdef Py_ssize_t _read_chunked_body(self, bytes data, Py_ssize_t position) except -1:
        # The sink may detach the parser.
        cdef ChunkDecoder chunks = self._chunks
        cdef list pieces = []
        try:
            position = chunks.decode(data, position, pieces)
        finally:
            # Also before an error: the bytes in front of it were right.
            if pieces:
                self._sink.on_body(pieces[0] if len(pieces) == 1 else b"".join(pieces))
        if self._state == CHUNKED_BODY and chunks.has_ended():
            self._chunks = None
            self._end_message(chunks.trailers)
        return position


cdef int fill_tables() except -1:
    cdef int byte
    for byte in range(256):
        IN_PATH[byte] = byte in PATH_BYTES
        IN_QUERY[byte] = byte in QUERY_BYTES
    return 0


fill_tables()
