# cython: language_level=3, freethreading_compatible=True

from asgiserve._speedups.connection.http1_cycle cimport Http1Cycle
from asgiserve._speedups.connection.http1_ends cimport Http1Ends
from asgiserve._speedups.codecs.http1_head cimport RequestHead
from asgiserve._speedups.codecs.http1_parser cimport RequestParser
from asgiserve._speedups.asgi.scope cimport ScopeFactory


cdef class Http1Connection(Http1Ends):
    cdef RequestParser _parser
    cdef ScopeFactory _scopes
    cdef object _addresses
    cdef object _handshake
    cdef long long _received_bytes

    cdef int _open(self, transport) except -1
    cdef int _count_tick(self) except -1
    cdef int _refuse_safely(self, error) except -1
    cdef int _on_read_timeout(self) except -1
    cdef int _tell_end_of_input(self) except -1
    cdef int _after_feed(self) except -1
    cdef int _drop(self, bytes data) except -1
    cdef int _start(self, Http1Cycle cycle) except -1
    cdef int _begin(self, Http1Cycle cycle) except -1
    cdef int _hand_over(self, RequestHead head) except -1
    cdef int _next_request(self) except -1
    cdef int _close_unless_serving(self) except -1
