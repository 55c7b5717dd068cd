# cython: language_level=3, freethreading_compatible=True

cdef enum FieldId:
    # The fields that a parser or framer has to look at; every other name is FIELD_OTHER.
    FIELD_OTHER = 0
    FIELD_CONNECTION
    FIELD_CONTENT_LENGTH
    FIELD_DATE
    FIELD_EXPECT
    FIELD_FORWARDED  # and X-Forwarded-*
    FIELD_HOST
    FIELD_KEEP_ALIVE
    FIELD_SERVER
    FIELD_TE
    FIELD_TRANSFER_ENCODING
    FIELD_UPGRADE

cdef object find_name(const unsigned char* p, Py_ssize_t size, FieldId* field_id)
cdef Py_ssize_t copy_lower_token(char* out, const unsigned char* p, Py_ssize_t size) noexcept
cdef bint is_value(const unsigned char* p, Py_ssize_t size) noexcept
cdef bint is_plain_host(const unsigned char* p, Py_ssize_t size) noexcept
cdef bint equals_ignoring_case(
    const unsigned char* p, Py_ssize_t size, const char* lower, Py_ssize_t lower_size
) noexcept

cdef inline void trim(const unsigned char** p, const unsigned char** end) noexcept:
    """Leave out whitespace at both ends (RFC 9110 section 5.5)."""
    while p[0] != end[0] and (p[0][0] == 32 or p[0][0] == 9):
        p[0] += 1
    while p[0] != end[0] and (end[0][-1] == 32 or end[0][-1] == 9):
        end[0] -= 1


cpdef bytes lower_name(bytes name)
cpdef bint is_token(bytes data)
cpdef bint is_field_value(bytes data)
cpdef object parse_content_length(bytes value)
cpdef bint is_valid_host(bytes value)
cpdef bint has_list_member(bytes value, bytes member)
cpdef tuple select_fields(fields, tuple names)
