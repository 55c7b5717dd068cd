# cython: language_level=3, freethreading_compatible=True

cpdef enum CycleState:
    WAITING = 0
    HELD = 1
    STREAMING = 2
    TRAILERS = 3
    COMPLETE = 4


cdef class TaskStarter:
    cdef object _loop
    cdef object _task_context
    cdef dict _options
    cdef bint _is_eager

    cpdef object start(self, call)


cdef class HttpCycle:
    cdef public dict scope
    cdef public object task
    cdef readonly Py_ssize_t queued_bytes
    cdef readonly bint is_disconnected
    cdef readonly bint is_disconnect_told
    cdef readonly bint is_started
    cdef CycleState _state
    cdef list _body
    cdef object _trailers
    cdef object _app_waiters
    cdef bint _is_body_complete
    cdef bint _is_end_taken

    cpdef object start(self, app, TaskStarter tasks)
    cpdef object add_body(self, bytes data)
    cpdef object end_body(self, trailers)
    cpdef object disconnect(self)
    cpdef object tell_disconnect(self)
    cdef bint has_started_response(self) noexcept
    cpdef dict take_event(self)
    cpdef object event_waiters(self)
    cpdef object check_connected(self)
    cpdef object handle(self, message)
    cdef dict _take_body(self)
    cdef int _handle_body(self, dict message) except -1
    cdef int _handle_trailers(self, dict message) except -1
    cdef int _complete(self) except -1
    cdef int _wake(self) except -1

    cpdef object hold_head(self, status, headers, bint wants_trailers)
    cpdef object write_body(self, bytes body, bint more_body)
    cpdef object write_trailers(self, headers, bint more_trailers)
    cpdef object write_early_hint(self, list links)
    cpdef bint has_trailers(self)
    cpdef object write_waiters(self)
    cpdef object on_receive_wait(self)
    cpdef object on_body_taken(self)
    cpdef object on_response_end(self)
    cpdef object on_task_kept(self, task)
    cpdef object on_task_done(self, task)
    cpdef object on_app_done(self, exc)
