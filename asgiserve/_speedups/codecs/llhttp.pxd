# cython: language_level=3, freethreading_compatible=True
# What of llhttp 9's C interface is used.

from libc.stdint cimport uint8_t, uint16_t, uint64_t

cdef extern from "llhttp.h":
    int LLHTTP_VERSION_MAJOR
    int LLHTTP_VERSION_MINOR
    int LLHTTP_VERSION_PATCH

    ctypedef struct llhttp_t:
        void* data
        uint64_t content_length
        uint8_t method
        uint8_t http_major
        uint8_t http_minor
        uint16_t flags

    ctypedef int (*llhttp_data_cb)(llhttp_t*, const char*, size_t)
    ctypedef int (*llhttp_cb)(llhttp_t*)

    ctypedef struct llhttp_settings_t:
        llhttp_data_cb on_url
        llhttp_data_cb on_header_field
        llhttp_data_cb on_header_value
        llhttp_cb on_headers_complete

    ctypedef enum llhttp_errno_t:
        HPE_OK
        HPE_PAUSED

    ctypedef enum llhttp_flags_t:
        F_CONTENT_LENGTH

    ctypedef enum llhttp_type_t:
        HTTP_REQUEST

    ctypedef enum llhttp_method_t:
        HTTP_HEAD
        HTTP_QUERY

    void llhttp_init(llhttp_t*, llhttp_type_t, const llhttp_settings_t*)
    void llhttp_settings_init(llhttp_settings_t*)
    llhttp_errno_t llhttp_execute(llhttp_t*, const char*, size_t)
    const char* llhttp_get_error_pos(const llhttp_t*)
    const char* llhttp_method_name(llhttp_method_t)
