# cython: language_level=3, freethreading_compatible=True
"""Accelerated twin of ``codecs/http1_parser.py``: requests from bytes by llhttp (RFC 9112).

llhttp's callbacks only note where things are. It pauses at the end of each head and message, and
what was noted becomes objects outside of it, so that no Python code and no exception runs below a C
frame of llhttp.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint32_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy, memset

from asgiserve._speedups.header_fields cimport (
    FIELD_CONNECTION,
    FIELD_CONTENT_LENGTH,
    FIELD_EXPECT,
    FIELD_FORWARDED,
    FIELD_HOST,
    FIELD_TE,
    FIELD_TRANSFER_ENCODING,
    FIELD_UPGRADE,
    FieldId,
    equals_ignoring_case,
    find_name,
    has_list_member,
    is_plain_host,
)
from asgiserve._speedups.llhttp cimport (
    F_CHUNKED,
    F_CONNECTION_CLOSE,
    F_CONNECTION_KEEP_ALIVE,
    F_CONTENT_LENGTH,
    HPE_OK,
    HPE_PAUSED,
    HTTP_CONNECT,
    HTTP_HEAD,
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
    llhttp_t,
)

from sys import intern

from asgiserve.codecs.http1_syntax import HeadScanner, diagnose_head, diagnose_trailers
from asgiserve.codecs.request_fields import check_fields
from asgiserve.errors import HttpRequestError

__all__ = ["MAX_CHUNK_EXTENSION_BYTES", "RequestHead", "RequestParser", "RequestSink"]

LLHTTP_VERSION = f"{LLHTTP_VERSION_MAJOR}.{LLHTTP_VERSION_MINOR}.{LLHTTP_VERSION_PATCH}"

# In total for each message, as other servers have it: extensions carry nothing that anybody reads.
cdef size_t EXTENSION_LIMIT = 16384
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

cdef enum:
    # Room for the fields that a connection keeps; a larger table is given back after its message.
    USUAL_FIELDS = 16

# Interned names in the order of llhttp's enumeration.
cdef list METHODS = [
    intern((<bytes>llhttp_method_name(<llhttp_method_t>number)).decode("ascii"))
    for number in range(HTTP_QUERY + 1)
]

cdef bytes CHUNKED = b"chunked"


cdef class RequestHead:
    """A complete request head."""

    def __init__(
        self,
        str method,
        bytes target,
        str http_version,
        list headers,
        content_length=-1,
        bint is_chunked=False,
        bint keep_alive=True,
        bint expects_continue=False,
        upgrade=None,
        bint accepts_trailers=False,
        bint is_forwarded=False,
    ):
        self.method = method
        self.target = target
        self.http_version = http_version
        self.headers = headers
        self.content_length = content_length
        self.is_chunked = is_chunked
        self.keep_alive = keep_alive
        self.expects_continue = expects_continue
        self.upgrade = upgrade
        self.accepts_trailers = accepts_trailers
        self.is_forwarded = is_forwarded
        self.is_head_method = method == "HEAD"
        self.is_http_1_0 = http_version == "1.0"
        self.body_size = content_length


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
        free(self._section.fields)
        free(self._section.pieces)

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
        if self._error is not None:
            raise self._error
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

    cpdef object detach(self):
        """Let go of the sink, which holds the parser; what is fed from now on is refused."""
        self._sink = None
        self._is_paused = False
        self._kept = None
        self._state = FAILED
        self._error = HttpRequestError("the connection is closed")

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
        cdef Section* section = &self._section
        self._state = state
        section.data = p
        section.earlier = 0
        section.size = 0
        section.is_name_open = False
        section.target.end = 0
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
            raise HttpRequestError("the chunk extensions are too large")
        raise HttpRequestError(self._llhttp_reason())

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
        self._section.extension_bytes = 0
        if self._section.room > USUAL_FIELDS:
            free(self._section.fields)
            self._section.fields = NULL
            self._section.room = 0
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
        cdef RequestHead head = self._build_head(base)
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

    cdef RequestHead _build_head(self, const char* base):
        cdef Section* section = &self._section
        cdef RequestHead head = RequestHead.__new__(RequestHead)
        cdef bint is_unusual = False
        cdef int hosts = 0
        cdef int codings = 0
        cdef list headers = []
        cdef Field* field = section.fields
        cdef Field* last = field + section.size
        cdef FieldId field_id
        cdef const unsigned char* p
        cdef const unsigned char* end
        cdef object name
        cdef bytes value
        cdef object upgrade = None
        cdef object connection = None
        while field != last:
            p = <const unsigned char*>base + field.name.start
            name = find_name(p, field.name.end - field.name.start, &field_id)
            p = <const unsigned char*>base + field.value.start
            end = <const unsigned char*>base + field.value.end
            trim(&p, &end)
            value = PyBytes_FromStringAndSize(<const char*>p, end - p)
            headers.append((name, value))
            field += 1
            if field_id == 0:
                continue
            if field_id == FIELD_HOST:
                hosts += 1
                is_unusual |= not is_plain_host(p, end - p)
            elif field_id == FIELD_TRANSFER_ENCODING:
                codings += 1
                is_unusual |= self._llhttp.http_minor == 0 or codings > 1
                is_unusual |= not equals_ignoring_case(p, end - p, PyBytes_AS_STRING(CHUNKED), 7)
            elif field_id == FIELD_EXPECT:
                is_unusual = True
                if self._llhttp.http_minor == 1 and has_list_member(value, b"100-continue"):
                    head.expects_continue = True
            elif field_id == FIELD_TE:
                head.accepts_trailers |= has_list_member(value, b"trailers")
            elif field_id == FIELD_FORWARDED:
                head.is_forwarded = True
            elif field_id == FIELD_UPGRADE:
                upgrade = value if upgrade is None else upgrade + b", " + value
            elif field_id == FIELD_CONNECTION:
                connection = value if connection is None else connection + b", " + value
            elif field_id == FIELD_CONTENT_LENGTH:
                is_unusual |= self._llhttp.content_length > 0x7FFFFFFFFFFFFFFF
        head.headers = headers
        head.method = METHODS[self._llhttp.method]
        head.target = PyBytes_FromStringAndSize(
            base + section.target.start, section.target.end - section.target.start
        )
        head.is_head_method = self._llhttp.method == HTTP_HEAD
        head.is_http_1_0 = self._llhttp.http_minor == 0
        head.http_version = "1.0" if head.is_http_1_0 else "1.1"
        if is_unusual or (hosts != 1 and not (hosts == 0 and head.is_http_1_0)):
            error = check_fields(head.http_version, headers)
            if error is not None:
                raise error
        head.body_size = -1
        if self._llhttp.flags & F_CONTENT_LENGTH:
            head.body_size = self._llhttp.content_length
        head.content_length = head.body_size
        head.is_chunked = (self._llhttp.flags & F_CHUNKED) != 0
        head.keep_alive = not head.is_http_1_0
        if connection is not None:
            self._read_connection(head, connection, upgrade)
        return head

    cdef int _read_connection(self, RequestHead head, bytes connection, object upgrade) except -1:
        """Note what Connection says; llhttp's flags miss members next to a tab."""
        if has_list_member(connection, b"close"):
            head.keep_alive = False
        elif head.is_http_1_0:
            head.keep_alive = has_list_member(connection, b"keep-alive")
        # An HTTP/1.0 peer cannot upgrade (RFC 9110 section 7.8).
        if upgrade is not None and not head.is_http_1_0 and has_list_member(connection, b"upgrade"):
            head.upgrade = upgrade
        return 0

    cdef list _take_trailers(self, const char* end):
        """The fields of the trailer section that ends at *end*."""
        cdef Section* section = &self._section
        cdef const unsigned char* base
        cdef const unsigned char* p
        cdef const unsigned char* value_end
        cdef Field* field
        cdef FieldId field_id
        cdef list trailers = []
        if section.size == 0 and section.earlier + (end - section.data) <= self._max_head_bytes:
            return trailers
        self._keep_section(end)
        if section.earlier > self._max_head_bytes:
            self._raise_trailer_error("the trailer section is too large")
        base = <const unsigned char*>PyBytes_AS_STRING(self._kept_section)
        for field in section.fields[:section.size]:
            name = find_name(base + field.name.start, field.name.end - field.name.start, &field_id)
            p = base + field.value.start
            value_end = base + field.value.end
            trim(&p, &value_end)
            trailers.append((name, PyBytes_FromStringAndSize(<const char*>p, value_end - p)))
        return trailers

    cdef int _deliver_body(self, bytes data) except -1:
        """Give the sink what this feed has brought of the body."""
        cdef Section* section = &self._section
        cdef bytes body
        if section.body is NULL:
            return 0
        if section.piece_count > 1:
            body = self._join_pieces()
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

    cdef bytes _join_pieces(self):
        """The chunks of one feed as one piece; they lie apart, with chunk marks in between."""
        cdef Section* section = &self._section
        cdef size_t size = 0
        cdef Span* piece = section.pieces
        cdef Span* last = piece + section.piece_count
        while piece != last:
            size += piece.end - piece.start
            piece += 1
        cdef bytes body = PyBytes_FromStringAndSize(NULL, size)
        cdef char* out = PyBytes_AS_STRING(body)
        piece = section.pieces
        while piece != last:
            # Offsets from the first piece, which section.body points to.
            memcpy(out, section.body + piece.start, piece.end - piece.start)
            out += piece.end - piece.start
            piece += 1
        free(section.pieces)
        section.pieces = NULL
        section.piece_room = 0
        return body


cdef inline void trim(const unsigned char** p, const unsigned char** end) noexcept:
    """Leave out whitespace at both ends (RFC 9110 section 5.5)."""
    while p[0] != end[0] and (p[0][0] == 32 or p[0][0] == 9):
        p[0] += 1
    while p[0] != end[0] and (end[0][-1] == 32 or end[0][-1] == 9):
        end[0] -= 1


# llhttp's callbacks. Each gets the Section of its parser; -1 stops with HPE_USER.

cdef llhttp_settings_t SETTINGS


cdef int note_target(llhttp_t* parser, const char* at, size_t length) noexcept:
    cdef Section* section = <Section*>parser.data
    cdef uint32_t start = <uint32_t>(section.earlier + (at - section.data))
    # A target that came in pieces is contiguous in the section.
    if section.target.end != start:
        section.target.start = start
    section.target.end = start + <uint32_t>length
    return 0


cdef int note_name(llhttp_t* parser, const char* at, size_t length) noexcept:
    cdef Section* section = <Section*>parser.data
    cdef uint32_t start = <uint32_t>(section.earlier + (at - section.data))
    cdef Field* field
    if section.is_name_open and section.fields[section.size - 1].name.end == start:
        section.fields[section.size - 1].name.end = start + <uint32_t>length
        return 0
    if section.size == section.max_fields:
        return -1
    if section.size == section.room:
        if not has_room(<void**>&section.fields, &section.room, sizeof(Field)):
            return -1
    field = &section.fields[section.size]
    field.name.start = start
    field.name.end = start + <uint32_t>length
    field.value = field.name
    field.value.start = field.value.end
    section.size += 1
    section.is_name_open = True
    return 0


cdef int note_value(llhttp_t* parser, const char* at, size_t length) noexcept:
    cdef Section* section = <Section*>parser.data
    cdef uint32_t start = <uint32_t>(section.earlier + (at - section.data))
    cdef Field* field = &section.fields[section.size - 1]
    if section.is_name_open:
        section.is_name_open = False
        field.value.start = start
    field.value.end = start + <uint32_t>length
    return 0


cdef int note_body(llhttp_t* parser, const char* at, size_t length) noexcept:
    cdef Section* section = <Section*>parser.data
    if section.piece_count == 0:
        section.body = at
        section.body_size = length
        section.piece_count = 1
        return 0
    if section.piece_room < section.piece_count + 1:
        if not has_room(<void**>&section.pieces, &section.piece_room, sizeof(Span)):
            return -1
    if section.piece_count == 1:
        section.pieces[0].start = 0
        section.pieces[0].end = <uint32_t>section.body_size
    section.pieces[section.piece_count].start = <uint32_t>(at - section.body)
    section.pieces[section.piece_count].end = <uint32_t>(at - section.body + length)
    section.piece_count += 1
    return 0


cdef int note_extension(llhttp_t* parser, const char* at, size_t length) noexcept:
    cdef Section* section = <Section*>parser.data
    section.extension_bytes += length
    return -1 if section.extension_bytes > EXTENSION_LIMIT else 0


cdef int note_extension_name_end(llhttp_t* parser) noexcept:
    # Names may be empty, so each costs a byte more than it has.
    return note_extension(parser, NULL, 1)


cdef int stop_before_body(llhttp_t* parser) noexcept:
    # For llhttp an upgrade or CONNECT ends HTTP; here it is for the application to say so.
    parser.upgrade = 0
    return HPE_PAUSED if parser.flags & F_CHUNKED or parser.content_length else 0


cdef int stop_at_last_chunk(llhttp_t* parser) noexcept:
    return 0 if parser.content_length else HPE_PAUSED


cdef int stop_at_end(llhttp_t* parser) noexcept:
    return HPE_PAUSED


cdef bint has_room(void** table, size_t* room, size_t entry_size) noexcept:
    """Double a table; False when there is no memory."""
    cdef size_t new_room = USUAL_FIELDS if room[0] == 0 else room[0] * 2
    cdef void* grown = realloc(table[0], new_room * entry_size)
    if grown is NULL:
        return False
    table[0] = grown
    room[0] = new_room
    return True


llhttp_settings_init(&SETTINGS)
SETTINGS.on_url = note_target
SETTINGS.on_header_field = note_name
SETTINGS.on_header_value = note_value
SETTINGS.on_body = note_body
SETTINGS.on_chunk_extension_name = note_extension
SETTINGS.on_chunk_extension_value = note_extension
SETTINGS.on_chunk_extension_name_complete = note_extension_name_end
SETTINGS.on_headers_complete = stop_before_body
SETTINGS.on_chunk_header = stop_at_last_chunk
SETTINGS.on_message_complete = stop_at_end
