# cython: language_level=3, freethreading_compatible=True

from asgiserve._speedups.codecs.http1_section cimport Section
from asgiserve._speedups.codecs.llhttp cimport llhttp_t


cdef class RequestHead:
    cdef readonly str method
    cdef readonly bytes target
    cdef readonly str http_version
    cdef readonly list headers
    cdef readonly object content_length
    cdef readonly bint is_chunked
    cdef readonly bint keep_alive
    cdef readonly bint expects_continue
    cdef readonly object upgrade
    cdef readonly bint accepts_trailers
    cdef readonly bint is_forwarded
    # The two that decide how a response is framed, for C.
    cdef bint is_head_method
    cdef bint is_http_1_0
    cdef long long body_size  # content_length


cdef RequestHead build_head(
    str method, const llhttp_t* parser, const Section* section, const char* base
)
cdef RequestHead make_head(str method, bytes target, str http_version, list headers)
