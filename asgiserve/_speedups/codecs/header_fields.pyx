# cython: language_level=3, freethreading_compatible=True
"""Accelerated twin of ``codecs/header_fields.py``: tokens, lists, lengths, hosts."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.ref cimport PyObject
from libc.stdint cimport int64_t, uint32_t
from libc.string cimport memchr, memcmp, memset

import re
from ipaddress import IPv6Address

from asgiserve.codecs.field_names import COMMON_NAMES

__all__ = [
    "has_list_member",
    "is_field_value",
    "is_token",
    "is_valid_host",
    "lower_name",
    "parse_content_length",
    "select_fields",
]

cdef int64_t MAX_CONTENT_LENGTH = 0x7FFFFFFFFFFFFFFF

FIELD_IDS = {
    b"connection": FIELD_CONNECTION,
    b"content-length": FIELD_CONTENT_LENGTH,
    b"date": FIELD_DATE,
    b"expect": FIELD_EXPECT,
    b"forwarded": FIELD_FORWARDED,
    b"x-forwarded-for": FIELD_FORWARDED,
    b"x-forwarded-host": FIELD_FORWARDED,
    b"x-forwarded-port": FIELD_FORWARDED,
    b"x-forwarded-prefix": FIELD_FORWARDED,
    b"x-forwarded-proto": FIELD_FORWARDED,
    b"host": FIELD_HOST,
    b"keep-alive": FIELD_KEEP_ALIVE,
    b"server": FIELD_SERVER,
    b"te": FIELD_TE,
    b"transfer-encoding": FIELD_TRANSFER_ENCODING,
    b"upgrade": FIELD_UPGRADE,
}

HOST = re.compile(
    rb"(?:\[(?:v[0-9A-F]+\.[!$&'()*+,;=:\-._~0-9A-Z]+|(?P<ipv6>[0-9A-F:.]+)(?:%[0-9A-Z\-._~]+)?)\]"
    rb"|(?:[!$&'()*+,;=\-._~0-9A-Z]|%[0-9A-F]{2})*)(?::[0-9]*)?",
    re.IGNORECASE,
)

# For each byte: the lower-case byte if it may stand in a token, else 0 (RFC 9110 section 5.6.2).
cdef unsigned char[256] TOKEN_LOWER
# Bytes of a host that is neither a bracketed literal nor percent-encoded.
cdef unsigned char[256] PLAIN_HOST


cdef struct Slot:
    PyObject* name  # kept alive by COMMON_NAMES
    FieldId field_id

# Open addressing; sparse, so that a miss is mostly one look.
cdef enum:
    SLOTS = 512

cdef Slot[SLOTS] NAME_TABLE


cdef inline uint32_t hash_name(const unsigned char* p, Py_ssize_t size) noexcept:
    """Hash length and three letters in either case; 0x20 is the bit between the cases."""
    cdef uint32_t h = <uint32_t>size * 131
    h += (p[0] | 0x20) * 31
    h += (p[size - 1] | 0x20) * 7
    h += (p[size >> 1] | 0x20) * 59
    return h & (SLOTS - 1)


cdef fill_tables():
    cdef int i
    cdef uint32_t slot
    memset(&TOKEN_LOWER[0], 0, sizeof(TOKEN_LOWER))
    memset(&PLAIN_HOST[0], 0, sizeof(PLAIN_HOST))
    memset(&NAME_TABLE[0], 0, sizeof(NAME_TABLE))
    for i in b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz":
        TOKEN_LOWER[i] = <unsigned char>i
    for i in range(26):
        TOKEN_LOWER[65 + i] = <unsigned char>(97 + i)
    for i in b"!$&'()*+,;=-._~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ":
        PLAIN_HOST[i] = 1
    for name in COMMON_NAMES:
        slot = hash_name(<const unsigned char*>PyBytes_AS_STRING(name), PyBytes_GET_SIZE(name))
        while NAME_TABLE[slot].name is not NULL:
            slot = (slot + 1) & (SLOTS - 1)
        NAME_TABLE[slot].name = <PyObject*>name
        NAME_TABLE[slot].field_id = FIELD_IDS.get(name, FIELD_OTHER)


cdef object find_name(const unsigned char* p, Py_ssize_t size, FieldId* field_id):
    """The token at *p* in lower case, interned for common names; *field_id* says which it is."""
    cdef uint32_t slot
    cdef object name
    field_id[0] = FIELD_OTHER
    if size == 0:
        return b""
    slot = hash_name(p, size)
    while NAME_TABLE[slot].name is not NULL:
        name = <object>NAME_TABLE[slot].name
        if equals_ignoring_case(p, size, PyBytes_AS_STRING(name), PyBytes_GET_SIZE(name)):
            field_id[0] = NAME_TABLE[slot].field_id
            return name
        slot = (slot + 1) & (SLOTS - 1)
    return lower_copy(p, size)


cdef bytes lower_copy(const unsigned char* p, Py_ssize_t size):
    cdef bytes lower = PyBytes_FromStringAndSize(NULL, size)
    cdef unsigned char* out = <unsigned char*>PyBytes_AS_STRING(lower)
    cdef Py_ssize_t i
    for i in range(size):
        # As bytes.lower() does; a byte outside of tokens stays as it is.
        out[i] = p[i] | 0x20 if 65 <= p[i] <= 90 else p[i]
    return lower


cdef Py_ssize_t copy_lower_token(char* out, const unsigned char* p, Py_ssize_t size) noexcept:
    """Copy a token to *out* in lower case; the size, or -1 if it is no token."""
    cdef Py_ssize_t i
    cdef unsigned char lower
    for i in range(size):
        lower = TOKEN_LOWER[p[i]]
        if not lower:
            return -1
        out[i] = <char>lower
    return size if size else -1


cdef bint is_value(const unsigned char* p, Py_ssize_t size) noexcept:
    """Whether a field value has no CR, LF or NUL."""
    cdef const unsigned char* end = p + size
    while p != end:
        if p[0] <= 13 and (p[0] == 13 or p[0] == 10 or p[0] == 0):
            return False
        p += 1
    return True


cdef bint is_plain_host(const unsigned char* p, Py_ssize_t size) noexcept:
    """Whether a host is surely valid; False sends the caller to ``is_valid_host``."""
    cdef const unsigned char* end = p + size
    while p != end and PLAIN_HOST[p[0]]:
        p += 1
    if p != end and p[0] == 58:  # ":"
        p += 1
        while p != end and 48 <= p[0] <= 57:
            p += 1
    return p == end


cdef bint equals_ignoring_case(
    const unsigned char* p, Py_ssize_t size, const char* lower, Py_ssize_t lower_size
) noexcept:
    """Whether the token at *p* is *lower* in some case."""
    cdef Py_ssize_t i
    if size != lower_size:
        return False
    for i in range(size):
        if TOKEN_LOWER[p[i]] != <unsigned char>lower[i]:
            return False
    return True


cpdef bytes lower_name(bytes name):
    """Lower-case a field name; common names come from one table."""
    cdef FieldId field_id
    cdef const unsigned char* p = <const unsigned char*>PyBytes_AS_STRING(name)
    return find_name(p, PyBytes_GET_SIZE(name), &field_id)


cpdef bint is_token(bytes data):
    """Whether *data* is a token (RFC 9110 section 5.6.2)."""
    cdef const unsigned char* p = <const unsigned char*>PyBytes_AS_STRING(data)
    cdef const unsigned char* end = p + PyBytes_GET_SIZE(data)
    if p == end:
        return False
    while p != end:
        if not TOKEN_LOWER[p[0]]:
            return False
        p += 1
    return True


cpdef bint is_field_value(bytes data):
    """Whether *data* may be sent as a field value (RFC 9110 section 5.5)."""
    return is_value(<const unsigned char*>PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))


cpdef object parse_content_length(bytes value):
    """Read the value of Content-Length; -1 when it is malformed (RFC 9110 section 8.6)."""
    cdef const unsigned char* p = <const unsigned char*>PyBytes_AS_STRING(value)
    cdef const unsigned char* end = p + PyBytes_GET_SIZE(value)
    cdef int64_t length = 0
    cdef int digit
    if p == end:
        return -1
    while p != end:
        digit = p[0] - 48
        if not 0 <= digit <= 9 or length > (MAX_CONTENT_LENGTH - digit) // 10:
            return -1
        length = length * 10 + digit
        p += 1
    return length


cpdef bint is_valid_host(bytes value):
    """Whether *value* is ``uri-host [ ":" port ]`` (RFC 9110 section 7.2)."""
    if is_plain_host(<const unsigned char*>PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value)):
        return True
    match = HOST.fullmatch(value)
    if match is None:
        return False
    address = match["ipv6"]
    if address is None:
        return True
    try:
        IPv6Address(address.decode("ascii"))
    except ValueError:
        return False
    return True


cpdef bint has_list_member(bytes value, bytes member):
    """Whether the comma-separated list *value* has *member*, in any case (RFC 9110 section 5.6.1).
    """
    cdef const unsigned char* p = <const unsigned char*>PyBytes_AS_STRING(value)
    cdef const unsigned char* end = p + PyBytes_GET_SIZE(value)
    cdef const unsigned char* comma
    cdef const unsigned char* part_end
    while True:
        comma = <const unsigned char*>memchr(p, 44, end - p)
        part_end = end if comma is NULL else comma
        trim(&p, &part_end)
        if equals_ignoring_case(
            p, part_end - p, PyBytes_AS_STRING(member), PyBytes_GET_SIZE(member)
        ):
            return True
        if comma is NULL:
            return False
        p = comma + 1


fill_tables()


cpdef tuple select_fields(fields, tuple names):
    """Those of *fields* that have one of a few lower-case *names*, in their order."""
    cdef list selected = []
    cdef bytes name
    for name, value in fields:
        if is_one_of(name, names):
            selected.append((name, value))
    return tuple(selected)


cdef bint is_one_of(bytes name, tuple names) except -1:
    """Whether *name* is one of *names*; common names are mostly the same objects."""
    cdef bytes other
    cdef Py_ssize_t size = PyBytes_GET_SIZE(name)
    for other in names:
        if name is other:
            return True
        if size == PyBytes_GET_SIZE(other):
            if memcmp(PyBytes_AS_STRING(name), PyBytes_AS_STRING(other), size) == 0:
                return True
    return False
