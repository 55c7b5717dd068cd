# cython: language_level=3, freethreading_compatible=True
"""Accelerated twin of ``codecs/http1_parser.py``: requests from bytes by llhttp (RFC 9112).

llhttp's callbacks, in ``http1_section.pxd``, only note where things are. It pauses at the end of
each head and message, and what was noted becomes objects outside of it, so that no Python code and
no exception runs below a C frame of llhttp.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.string cimport memset

from asgiserve._speedups.http1_head cimport RequestHead, build_head, read_fields
from asgiserve._speedups.http1_section cimport (
    EXTENSION_LIMIT,
    Section,
    begin_section,
    end_message,
    free_section,
    join_pieces,
    set_callbacks,
)
from asgiserve._speedups.llhttp cimport (
    F_CHUNKED,
    F_CONNECTION_CLOSE,
    F_CONNECTION_KEEP_ALIVE,
    HPE_OK,
    HPE_PAUSED,
    HTTP_CONNECT,
    HTTP_QUERY,
    HTTP_REQUEST,
    LLHTTP_VERSION_MAJOR,
    LLHTTP_VERSION_MINOR,
    LLHTTP_VERSION_PATCH,
    llhttp_errno_t,
    llhttp_execute,
    llhttp_get_error_pos,
    llhttp_get_error_reason,
    llhttp_init,
    llhttp_method_name,
    llhttp_method_t,
    llhttp_resume,
    llhttp_settings_init,
    llhttp_settings_t,
)

from sys import intern

from asgiserve.codecs.http1_chunks import TOO_MANY_EXTENSIONS, reword_llhttp_reason
from asgiserve.codecs.http1_syntax import HeadScanner, diagnose_head, diagnose_trailers
from asgiserve.errors import HttpRequestError

__all__ = ["MAX_CHUNK_EXTENSION_BYTES", "RequestParser", "RequestSink"]

LLHTTP_VERSION = f"{LLHTTP_VERSION_MAJOR}.{LLHTTP_VERSION_MINOR}.{LLHTTP_VERSION_PATCH}"

MAX_CHUNK_EXTENSION_BYTES = EXTENSION_LIMIT

cdef enum:
    # A longer method is malformed, see http1_syntax.py.
    MAX_METHOD_BYTES = 64

cdef enum State:
    BETWEEN  # no request line has begun
    HEAD
    BODY
    TRAILERS
    UNKNOWN_METHOD  # llhttp has given up, the method's end tells 400 from 501
    FAILED

# Interned names in the order of llhttp's enumeration.
cdef list METHODS = [
    intern((<bytes>llhttp_method_name(<llhttp_method_t>number)).decode("ascii"))
    for number in range(HTTP_QUERY + 1)
]

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
    """Parses the requests of one connection."""

    def __cinit__(self):
        memset(&self._section, 0, sizeof(Section))

    def __init__(
        self,
        RequestSink sink,
        max_target_bytes: int = 8192,
        max_head_bytes: int = 65536,
        max_fields: int = 128,
    ):
        self._sink = sink
        self._max_target_bytes = max_target_bytes
        self._max_head_bytes = max_head_bytes
        self._section.max_fields = max_fields
        self._state = BETWEEN
        self._kept_section = b""
        llhttp_init(&self._llhttp, HTTP_REQUEST, &SETTINGS)
        self._llhttp.data = &self._section

    def __dealloc__(self):
        free_section(&self._section)

    @property
    def buffered(self):
        """How many bytes are kept while the parser is paused."""
        return self.count_buffered()

    @property
    def is_mid_message(self):
        """Whether a request has begun that has not ended."""
        return self.has_open_message()

    cpdef object feed(self, bytes data):
        """Parse *data*; the sink is told what is in it."""
        if self._state == FAILED:
            # Not made before it is needed: few connections are fed once they are closed.
            raise self._error or HttpRequestError("the connection is closed")
        if self._is_paused:
            self._keep(data)
            return None
        self._run_guarded(data)

    cpdef object pause(self):
        """Stop after the current message and keep what follows."""
        self._is_paused = True

    cpdef object resume(self):
        """Parse what was kept."""
        if not self._is_paused:
            return None
        self._is_paused = False
        kept, self._kept = self._kept, None
        if kept is not None:
            self._run_guarded(bytes(kept))

    cpdef bytes detach(self):
        """Let go of the sink, which holds the parser; what is fed from now on is refused."""
        kept, self._kept = self._kept, None
        self._sink = None
        self._is_paused = False
        self._state = FAILED
        self._error = None
        return b"" if kept is None else bytes(kept)

    # What follows has no counterpart of the same name in the pure twin.

    cdef Py_ssize_t count_buffered(self) except -1:
        return 0 if self._kept is None else len(self._kept)

    cdef bint has_open_message(self) noexcept:
        return self._state != BETWEEN and self._state != FAILED

    cdef int _run_guarded(self, bytes data) except -1:
        try:
            self._run(data)
        except HttpRequestError as exc:
            self._state = FAILED
            self._error = exc
            raise
        return 0

    cdef int _run(self, bytes data) except -1:
        """Feed llhttp from stop to stop."""
        cdef const char* p = PyBytes_AS_STRING(data)
        cdef const char* end = p + PyBytes_GET_SIZE(data)
        cdef llhttp_errno_t error
        self._section.data = p
        while p != end:
            if self._state == BETWEEN:
                # Empty lines before a request line (RFC 9112 section 2.2) belong to no section.
                while p != end and (p[0] == 13 or p[0] == 10):
                    p += 1
                if p == end:
                    break
                if self._is_closing:
                    raise HttpRequestError(
                        "bytes after a request that asked to close the connection"
                    )
                self._begin_section(HEAD, p)
            elif self._state == UNKNOWN_METHOD:
                self._keep_section(end)
                self._diagnose_method()
                return 0
            error = llhttp_execute(&self._llhttp, p, end - p)
            if error == HPE_OK:
                break
            p = llhttp_get_error_pos(&self._llhttp)
            if error != HPE_PAUSED:
                self._on_error(data, end)
                return 0
            llhttp_resume(&self._llhttp)
            self._on_stop(data, p)
            if self._is_paused and self._state == BETWEEN:
                if p != end:
                    self._keep(PyBytes_FromStringAndSize(p, end - p))
                return 0
        self._on_feed_end(data, end)
        return 0

    cdef int _begin_section(self, int state, const char* p) except -1:
        begin_section(&self._section, p)
        self._state = state
        self._is_line_checked = False
        self._scanner = None
        return 0

    cdef int _on_stop(self, bytes data, const char* p) except -1:
        """llhttp has paused at *p*: the end of a head, of the last chunk's line, of the message."""
        if self._state == HEAD:
            self._deliver_head(p)
            if self._llhttp.flags & F_CHUNKED or self._llhttp.content_length:
                self._state = BODY
                return 0
            self._end_message([])
        elif self._state == TRAILERS:
            self._end_message(self._take_trailers(p))
        else:
            self._deliver_body(data)
            if self._llhttp.flags & F_CHUNKED:
                self._begin_section(TRAILERS, p)
                return 0
            self._end_message([])
        return 0

    cdef int _on_feed_end(self, bytes data, const char* end) except -1:
        """All of *data* is parsed: keep what is unfinished, within its limits."""
        if self._state == BODY:
            self._deliver_body(data)
        elif self._state == HEAD:
            kept = len(self._kept_section)
            self._keep_section(end)
            if not self._is_line_checked:
                self._check_line(self._kept_section[kept:])
            if self._section.earlier > self._max_head_bytes:
                self._raise_head_error(True)
        elif self._state == TRAILERS:
            self._keep_section(end)
            if self._section.earlier > self._max_head_bytes:
                self._raise_trailer_error("the trailer section is too large")
        return 0

    cdef int _check_line(self, bytes piece) except -1:
        """Let the shared scanner follow an unfinished request line.

        What llhttp finds good in it need not be good for us.
        """
        if self._scanner is None:
            self._scanner = HeadScanner(
                self._max_target_bytes, self._max_head_bytes, self._section.max_fields
            )
        self._scanner.feed(piece)
        if self._scanner.request_line is not None:
            self._is_line_checked = True
            self._scanner = None
        return 0

    cdef int _on_error(self, bytes data, const char* end) except -1:
        """llhttp has refused: find out why, in the words and with the status of both columns."""
        if self._state == HEAD:
            self._keep_section(end)
            if self._section.target.end == 0:
                self._state = UNKNOWN_METHOD
                self._diagnose_method()
                return 0
            self._raise_head_error(True)
        if self._state == TRAILERS:
            self._keep_section(end)
            self._raise_trailer_error(self._llhttp_reason())
        self._deliver_body(data)
        if self._section.extension_bytes > EXTENSION_LIMIT:
            raise HttpRequestError(TOO_MANY_EXTENSIONS)
        raise HttpRequestError(reword_llhttp_reason(self._llhttp_reason()))

    cdef int _diagnose_method(self) except -1:
        """Wait for the end of an unknown method, which tells 501 from 400."""
        self._raise_head_error(self._section.earlier > MAX_METHOD_BYTES)
        return 0

    cdef int _raise_head_error(self, bint must_raise) except -1:
        """Let the shared scanner look at the head so far."""
        error = diagnose_head(
            self._kept_section,
            self._max_target_bytes,
            self._max_head_bytes,
            self._section.max_fields,
        )
        if error is not None:
            raise error
        if must_raise:
            raise HttpRequestError(self._llhttp_reason())
        return 0

    cdef int _raise_trailer_error(self, str reason) except -1:
        error = diagnose_trailers(
            self._kept_section, self._max_head_bytes, self._section.max_fields
        )
        raise error if error is not None else HttpRequestError(reason)

    cdef str _llhttp_reason(self):
        cdef const char* reason = llhttp_get_error_reason(&self._llhttp)
        return "malformed request" if reason is NULL else (<bytes>reason).decode("ascii", "replace")

    cdef int _keep_section(self, const char* end) except -1:
        """Keep what this feed has brought of an unfinished section."""
        cdef Section* section = &self._section
        self._kept_section += PyBytes_FromStringAndSize(section.data, end - section.data)
        section.earlier = PyBytes_GET_SIZE(self._kept_section)
        section.data = end
        return 0

    cdef int _keep(self, bytes data) except -1:
        if self._kept is None:
            self._kept = bytearray()
        self._kept += data
        return 0

    cdef int _end_message(self, list trailers) except -1:
        self._state = BETWEEN
        # llhttp reads Proxy-Connection too, and trailers; what counts is the head.
        self._llhttp.flags |= F_CONNECTION_KEEP_ALIVE
        self._llhttp.flags &= ~F_CONNECTION_CLOSE
        self._kept_section = b""
        end_message(&self._section)
        self._sink.on_end(trailers)
        return 0

    cdef int _deliver_head(self, const char* end) except -1:
        """Make the head that ends at *end* and give it to the sink."""
        cdef Section* section = &self._section
        cdef const char* base = section.data
        cdef size_t size = end - section.data
        if section.earlier:
            self._keep_section(end)
            base = PyBytes_AS_STRING(self._kept_section)
            size = section.earlier
        if not self._is_plain_line(base, size):
            if not section.earlier:
                self._keep_section(end)
                base = PyBytes_AS_STRING(self._kept_section)
            self._raise_head_error(False)
        cdef RequestHead head = build_head(
            METHODS[self._llhttp.method], &self._llhttp, section, base
        )
        self._is_closing = not head.keep_alive
        self._sink.on_head(head)
        self._kept_section = b""
        return 0

    cdef bint _is_plain_line(self, const char* base, size_t size) noexcept:
        """Whether request line and sizes need no second look."""
        cdef Section* section = &self._section
        cdef const char* p = base + section.target.end
        cdef const char* end = base + size
        while p != end and p[0] == 32:
            p += 1
        # llhttp takes RTSP and ICE too, HTTP/0.9 with no version at all, and a target without a
        # host.
        return (
            end - p > 5
            and p[0] == 72  # "H"
            and (base[section.target.start] == 47 or base[section.target.start] == 42)  # "/" or "*"
            and self._llhttp.http_major == 1
            and self._llhttp.http_minor <= 1
            and self._llhttp.method != HTTP_CONNECT
            and size <= self._max_head_bytes
            and section.target.end - section.target.start <= self._max_target_bytes
        )

    cdef list _take_trailers(self, const char* end):
        """The fields of the trailer section that ends at *end*."""
        cdef Section* section = &self._section
        if section.size == 0 and section.earlier + (end - section.data) <= self._max_head_bytes:
            return []
        self._keep_section(end)
        if section.earlier > self._max_head_bytes:
            self._raise_trailer_error("the trailer section is too large")
        return read_fields(section, PyBytes_AS_STRING(self._kept_section))

    cdef int _deliver_body(self, bytes data) except -1:
        """Give the sink what this feed has brought of the body."""
        cdef Section* section = &self._section
        cdef bytes body
        if section.body is NULL:
            return 0
        if section.piece_count > 1:
            body = join_pieces(section)
        elif (
            section.body == PyBytes_AS_STRING(data)
            and section.body_size == <size_t>PyBytes_GET_SIZE(data)
        ):
            body = data
        else:
            body = PyBytes_FromStringAndSize(section.body, section.body_size)
        section.body = NULL
        section.piece_count = 0
        self._sink.on_body(body)
        return 0
