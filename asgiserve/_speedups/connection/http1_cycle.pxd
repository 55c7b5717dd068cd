# cython: language_level=3, freethreading_compatible=True

from asgiserve._speedups.connection.context cimport WorkerContext
from asgiserve._speedups.connection.flow_control cimport WriteGate
from asgiserve._speedups.codecs.http1_framing cimport ResponseFramer
from asgiserve._speedups.codecs.http1_head cimport RequestHead
from asgiserve._speedups.codecs.http1_parser cimport RequestSink
from asgiserve._speedups.asgi.http_cycle cimport HttpCycle


cdef class CycleOwner(RequestSink):
    cdef readonly WorkerContext worker
    cdef readonly ResponseFramer framer
    cdef readonly WriteGate write_gate
    cdef readonly str client_text

    cpdef object on_body_taken(self)
    cpdef bint has_long_rest(self, Http1Cycle cycle) except -1
    cpdef object on_response_end(self, Http1Cycle cycle)
    cpdef object on_app_done(self, Http1Cycle cycle, exc)
    cpdef object break_off(self, exc)


cdef class Http1Cycle(HttpCycle):
    cdef readonly RequestHead head
    cdef public bint is_continue_due
    cdef CycleOwner _owner
    cdef readonly double started_s
    cdef int _status
    cdef list _trailers_out

    cdef int attach(self, CycleOwner owner, RequestHead head) except -1
    cpdef object answer(self, error)
    cpdef object log_access(self)
