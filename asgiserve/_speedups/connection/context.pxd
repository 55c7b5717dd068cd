# cython: language_level=3, freethreading_compatible=True

from asgiserve._speedups.logs.access_line cimport AccessLines
from asgiserve._speedups.asgi.cycle cimport TaskStarter
from asgiserve._speedups.connection.flow_control cimport WriteBatch
from asgiserve._speedups.codecs.http1_framing cimport DefaultFields


cdef class WorkerContext:
    cdef readonly AccessLines access_log
    cdef public Py_ssize_t active_requests
    cdef readonly object app
    cdef readonly object direct_app
    cdef readonly int body_ticks
    cdef readonly object config
    cdef readonly set connections
    cdef readonly DefaultFields default_fields
    cdef readonly bint delivers_request_trailers
    cdef readonly dict extensions
    cdef readonly int header_ticks
    cdef public bint is_draining
    cdef readonly int keep_alive_ticks
    cdef readonly object loop
    cdef readonly long long max_body_bytes
    cdef readonly Py_ssize_t max_fields
    cdef readonly Py_ssize_t max_head_bytes
    cdef readonly Py_ssize_t max_target_bytes
    cdef readonly int ping_ticks
    cdef readonly int pong_ticks
    cdef readonly object request_queue
    cdef public long long requests_total
    cdef readonly str root_path
    cdef readonly str root_path_mode
    cdef readonly bint serves_websocket
    cdef readonly dict state
    cdef readonly TaskStarter task_starter
    cdef readonly set tasks
    cdef readonly WriteBatch write_batch
    cdef readonly int write_ticks
    cdef readonly bint ws_deflate
    cdef readonly Py_ssize_t ws_max_queue
    cdef readonly Py_ssize_t ws_max_size

    cpdef object end_request(self)
