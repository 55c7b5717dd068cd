# cython: language_level=3, freethreading_compatible=True
"""Accelerated twin of ``codecs/http1_head.py``: what a request head says (RFC 9110, RFC 9112)."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE

from asgiserve._speedups.codecs.header_fields cimport (
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
    parse_content_length,
    trim,
)
from asgiserve._speedups.codecs.http1_section cimport Field, Section
from asgiserve._speedups.codecs.llhttp cimport F_CONTENT_LENGTH, HTTP_HEAD, llhttp_t

from asgiserve.codecs.request_fields import check_fields

__all__ = ["RequestHead"]

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


cdef RequestHead build_head(
    str method, const llhttp_t* parser, const Section* section, const char* base
):
    """Make the head that *section* notes and *base* begins; *parser* has just read it."""
    cdef RequestHead head = RequestHead.__new__(RequestHead)
    cdef bint is_unusual = False
    cdef int hosts = 0
    cdef int codings = 0
    cdef int lengths = 0
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
            is_unusual |= parser.http_minor == 0 or codings > 1
            is_unusual |= not equals_ignoring_case(p, end - p, PyBytes_AS_STRING(CHUNKED), 7)
        elif field_id == FIELD_EXPECT:
            is_unusual = True
            if parser.http_minor == 1 and has_list_member(value, b"100-continue"):
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
            lengths += 1
            is_unusual |= parser.content_length > 0x7FFFFFFFFFFFFFFF or lengths > 1
    head.headers = headers
    head.method = method
    head.target = PyBytes_FromStringAndSize(
        base + section.target.start, section.target.end - section.target.start
    )
    head.is_head_method = parser.method == HTTP_HEAD
    head.is_http_1_0 = parser.http_minor == 0
    head.http_version = "1.0" if head.is_http_1_0 else "1.1"
    is_unusual |= codings and lengths
    if is_unusual or (hosts != 1 and not (hosts == 0 and head.is_http_1_0)):
        error = check_fields(head.http_version, headers)
        if error is not None:
            error.is_head_method = head.is_head_method
            raise error
    head.body_size = -1
    if parser.flags & F_CONTENT_LENGTH:
        head.body_size = parser.content_length
    head.content_length = head.body_size
    head.is_chunked = codings != 0
    head.keep_alive = not head.is_http_1_0
    if connection is not None:
        read_connection(head, connection, upgrade)
    return head


cdef int read_connection(RequestHead head, bytes connection, object upgrade) except -1:
    """Note what Connection says; llhttp's flags miss members next to a tab."""
    if has_list_member(connection, b"close"):
        head.keep_alive = False
    elif head.is_http_1_0:
        head.keep_alive = has_list_member(connection, b"keep-alive")
    # An HTTP/1.0 peer cannot upgrade (RFC 9110 section 7.8).
    if upgrade is not None and not head.is_http_1_0 and has_list_member(connection, b"upgrade"):
        head.upgrade = upgrade
    return 0


cdef RequestHead make_head(str method, bytes target, str http_version, list headers):
    """Make a head of checked fields, as ``read_meaning`` of the pure twin does."""
    cdef RequestHead head = RequestHead(method, target, http_version, headers)
    cdef FieldId field_id
    cdef bytes name
    cdef bytes value
    cdef object upgrade = None
    cdef object connection = None
    for name, value in headers:
        find_name(<const unsigned char*>PyBytes_AS_STRING(name), PyBytes_GET_SIZE(name), &field_id)
        if field_id == FIELD_TRANSFER_ENCODING:
            head.is_chunked = True
        elif field_id == FIELD_EXPECT:
            if not head.is_http_1_0 and has_list_member(value, b"100-continue"):
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
            head.body_size = parse_content_length(value)
    head.content_length = head.body_size
    head.keep_alive = not head.is_http_1_0
    if connection is not None:
        read_connection(head, connection, upgrade)
    return head
