# cython: language_level=3, freethreading_compatible=True

cimport cython
from cpython.object cimport PyObject


cdef class TaskStarter:
    cdef object _get_loop
    cdef object _done
    cdef object _loop
    cdef object _stop
    cdef object _task_context
    cdef dict _options
    cdef bint _is_eager

    cpdef object start(self, call)
    cdef int end_with(self, value) except -1
    cdef PyObject* _free_stop(self) except NULL


cdef class Cycle:
    cdef public dict scope
    cdef public object task
    cdef readonly bint is_disconnected
    cdef readonly bint is_disconnect_told
    cdef readonly bint is_started
    cdef TaskStarter _tasks
    cdef list _more_waits
    cdef EventWait _spare_wait
    cdef EventWait _wait

    cpdef object start(self, app, TaskStarter tasks)
    cpdef object disconnect(self)
    cpdef object tell_disconnect(self)
    cpdef object check_connected(self)
    cpdef object wake(self)
    cdef int _wake_all(self) except -1
    cdef EventWait _begin_wait(self)

    cpdef dict take_event(self)
    cpdef object handle(self, message)
    cpdef bint is_over(self) noexcept

    cpdef bint must_wait(self) except -1
    cpdef object write_waiters(self)
    cpdef object on_receive_wait(self)
    cpdef object on_task_kept(self, task)
    cpdef object on_task_done(self, task)
    cpdef object on_app_done(self, exc)

    cdef inline int _wake(self) except -1:
        return 0 if self._wait is None else self._wake_all()


cdef class Pending:
    cdef Cycle _cycle
    cdef object _message
    cdef object _wait

    cdef Cycle _begin(self)


@cython.final
cdef class PendingSend(Pending):
    cdef bint _has_sent(self) except -1


@cython.final
cdef class AppCall:
    cdef object _coroutine
    cdef bint _has_returned


@cython.final
cdef class PendingEvent(Pending):
    cdef dict _take_event(self, Cycle cycle)


cdef class EventWait:
    cdef public bint _asyncio_future_blocking
    cdef readonly object add_done_callback
    cdef readonly object get_loop
    cdef object _callback
    cdef object _context
    cdef TaskStarter _tasks

    cdef int end_now(self) except -1
    cdef int end_soon(self, future) except -1
    cdef int detach(self) except -1


cpdef dict as_dict(message)
cpdef object take_kind(dict message)
cpdef object take_status(dict message)
cpdef bytes as_bytes(data, str key)
cpdef str as_text(text, str key)
