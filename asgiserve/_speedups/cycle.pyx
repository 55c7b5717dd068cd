# cython: language_level=3, freethreading_compatible=True
"""Accelerated twin of ``asgi/cycle.py``: one call of an application."""

cimport cython
from cpython.contextvars cimport PyContext_Copy, PyContext_Enter, PyContext_Exit
from cpython.dict cimport PyDict_CheckExact
from cpython.object cimport PyObject_Call
from cpython.ref cimport Py_INCREF, Py_XDECREF, PyObject
from cpython.unicode cimport PyUnicode_CheckExact

from asgiserve._speedups.ready cimport NOTHING, Failed, ReadyEvent

import asyncio
from asyncio import CancelledError
from types import CoroutineType

from asgiserve.asgi.eager_start import can_start_eagerly
from asgiserve.asgi.waits import send_later, wait_writable
from asgiserve.errors import AppError, ClientDisconnected

__all__ = ["Cycle", "TaskStarter", "as_bytes", "as_dict", "as_text", "take_kind", "take_status"]

cdef object COROUTINE_TYPE = CoroutineType
cdef object TASK_TYPE = asyncio.Task
cdef object DONE = TASK_TYPE.done
cdef object EXCEPTION = TASK_TYPE.exception
cdef object CURRENT_TASK = asyncio.current_task


ctypedef object (*descrgetfunc)(object, object, object)

ctypedef PyObject* (*iternextfunc)(PyObject*) except? NULL

cdef extern from "Python.h":
    ctypedef struct PyTypeObject:
        descrgetfunc tp_descr_get
        iternextfunc tp_iternext

    ctypedef struct PyStopIterationObject:
        PyObject* value

    void PyErr_Restore(PyObject*, PyObject*, PyObject*)
    PyObject* PyException_GetTraceback(PyObject*)
    Py_ssize_t Py_REFCNT(PyObject*)


cdef class TaskStarter:
    """Starts the tasks of applications, each in a copy of one ``contextvars.Context``."""

    def __init__(self, loop, task_context):
        self._loop = loop
        self._task_context = task_context
        self._is_eager = can_start_eagerly(loop)
        # What each EventWait needs: a method that was looked up already, and the result of a wait.
        self._get_loop = self._give_loop
        self._done = asyncio.Future(loop=loop)
        self._done.set_result(None)
        # One dict of keyword arguments for all calls: a call with keywords would make one each
        # time.
        self._stop = StopIteration()
        self._options = {"loop": loop, "context": None, "eager_start": True}

    cdef int end_with(self, value) except -1:
        """Raise StopIteration(*value*), always the same one: 800 instructions less than a new one.
        """
        cdef PyObject* stop = self._free_stop()
        set_value(stop, value)
        Py_INCREF(StopIteration)
        Py_INCREF(self._stop)
        PyErr_Restore(<PyObject*>StopIteration, stop, NULL)
        return 0

    cdef PyObject* _free_stop(self) except NULL:
        """The StopIteration, a new one if somebody has kept the last, or has added to it."""
        cdef PyObject* stop = <PyObject*>self._stop
        cdef PyObject* traceback = PyException_GetTraceback(stop)
        Py_XDECREF(traceback)
        if Py_REFCNT(stop) > 1 or traceback is not NULL:
            self._stop = StopIteration()
        return <PyObject*>self._stop

    def _give_loop(self):
        return self._loop

    cpdef object start(self, call):
        """Run *call* in a task; it may be done when this returns."""
        task_context = PyContext_Copy(self._task_context)
        if not self._is_eager:
            return self._loop.create_task(call, context=task_context)
        self._options["context"] = task_context
        return PyObject_Call(TASK_TYPE, (call,), self._options)


cdef class Cycle:
    """One call of an application."""

    # What the connection does.

    cpdef object start(self, app, TaskStarter tasks):
        """Call *app*, an ASGI 3 application, in a task of its own."""
        self.is_started = True
        try:
            # The methods by their descriptors: 500 instructions less than by their names.
            call = app(self.scope, bind(RECEIVE, self, Cycle), bind(SEND, self, Cycle))
            if type(call) is not COROUTINE_TYPE and not asyncio.iscoroutine(call):
                call = wait_for_app(call)
        except Exception as exc:
            self.on_app_done(exc)
            return None
        self._tasks = tasks
        task = tasks.start(call)
        if DONE(task) if type(task) is TASK_TYPE else task.done():
            self.on_task_done(task)
            return None
        self.task = task
        self.on_task_kept(task)
        task.add_done_callback(self.on_task_done)

    cpdef object disconnect(self):
        """The peer is gone: ``receive`` says so, and ``send`` raises."""
        self.is_disconnected = True
        self.tell_disconnect()

    cpdef object tell_disconnect(self):
        """``receive`` gives the disconnect event from now on."""
        self.is_disconnect_told = True
        self._wake()

    # What the application calls.

    def receive(self):
        """The next event."""
        event = self.take_event()
        if event is not None:
            return ReadyEvent(event, self.give_back)
        self.on_receive_wait()
        cdef PendingEvent pending = PendingEvent.__new__(PendingEvent)
        pending._cycle = self
        return pending

    def send(self, message):
        """Take one message."""
        if self.must_wait() and not self.is_over():
            return send_later(self, message)
        try:
            self.handle(message)
        except (AppError, ClientDisconnected) as exc:
            return Failed(exc)
        if self.must_wait():
            return wait_writable(self)
        return NOTHING

    # What the two above stand on.

    cpdef object check_connected(self):
        """Raise ClientDisconnected if the peer is gone."""
        if self.is_disconnected and not self.is_over():
            raise ClientDisconnected("the client has disconnected")

    cpdef object wake(self):
        """Events have come: the tasks that wait in ``receive`` look again."""
        cdef EventWait wait = self._wait
        if wait is None:
            return None
        # A callback of the loop, be it the transport's, may step a task; a task may not.
        if self._more_waits is not None or CURRENT_TASK(self._tasks._loop) is not None:
            self._wake()
            return None
        self._wait = None
        # One that was cancelled a moment ago has ended for good.
        if wait._callback is not None:
            self._spare_wait = wait
            wait.end_now()

    cdef int _wake(self) except -1:
        cdef EventWait wait = self._wait
        cdef list waits = self._more_waits
        if wait is not None:
            self._wait = self._more_waits = None
            wait.end_soon(self._tasks._done)
            if waits is not None:
                for wait in waits:
                    wait.end_soon(self._tasks._done)
        return 0

    cdef EventWait _begin_wait(self):
        """What the task that calls this waits for, until ``_wake``."""
        cdef EventWait wait = self._spare_wait
        if wait is None:
            wait = EventWait(self._tasks)
        self._spare_wait = None
        # What ``await future`` does: the task that gets it may wait for it.
        wait._asyncio_future_blocking = True
        if self._wait is None:
            self._wait = wait
        elif self._more_waits is None:
            self._more_waits = [wait]
        else:
            self._more_waits.append(wait)
        return wait

    # The protocol's part.

    cpdef dict take_event(self):
        """The event that ``receive`` returns now, None while there is none."""
        raise NotImplementedError

    cpdef object give_back(self, dict event):
        """Put an event that ``take_event`` gave and nobody saw in front of the others."""
        raise NotImplementedError

    cpdef object handle(self, message):
        """Do what *message* says."""
        raise NotImplementedError

    cpdef bint is_over(self) noexcept:
        """Whether all that the application had to send has been sent."""
        return False

    # Hooks: a connection fills them.

    cpdef bint must_wait(self) except -1:
        """Whether there is no room in the transport."""
        raise NotImplementedError

    cpdef object write_waiters(self):
        """The tasks that wait for room in the transport."""
        raise NotImplementedError

    cpdef object on_receive_wait(self):
        """The application waits for an event."""

    cpdef object on_task_kept(self, task):
        """The application did not end at once; *task* goes on."""
        raise NotImplementedError

    cpdef object on_task_done(self, task):
        """The application's task has ended."""
        if self._spare_wait is not None:
            self._spare_wait.detach()
            self._spare_wait = None
        try:
            exc = EXCEPTION(task) if type(task) is TASK_TYPE else task.exception()
        except CancelledError as cancelled:
            exc = cancelled
        # A circle of its exception's frames and this would last until a garbage collection.
        self.task = None
        self.on_app_done(exc)

    cpdef object on_app_done(self, exc):
        """The application has returned, or raised *exc*."""
        raise NotImplementedError


@cython.freelist(8)
cdef class PendingEvent:
    """An awaitable whose result is the next event of a cycle.

    A native coroutine that waits for a future would cost 5,000 instructions more for each message
    of a WebSocket.
    """

    # inspect.getcoroutinestate() reads these and cr_suspended; anyio asks it about every task that
    # it may cancel.
    cr_await = None
    cr_frame = None
    cr_running = False

    @property
    def cr_suspended(self):
        return self._wait is not None

    def __await__(self):
        return self

    def __iter__(self):
        return self

    def __next__(self):
        # For callers from Python; ``await`` takes end_or_suspend.
        event = self._take_event()
        if event is None:
            return self._wait
        raise StopIteration(event)

    def send(self, value):
        return self.__next__()

    def throw(self, kind, value=None, traceback=None):
        self.close()
        raise kind if value is None else value

    def close(self):
        """Wait no more; others that wait look whether there is an event for them."""
        if self._wait is not None:
            self._wait = None
            self._cycle._wake()

    cdef dict _take_event(self):
        """The event; None while there is none, and ``_wait`` says when to ask again."""
        cdef Cycle cycle = self._cycle
        cdef dict event = cycle.take_event()
        if event is not None:
            self._wait = None
            return event
        self._wait = cycle._begin_wait()
        # The event before this one is held no longer.
        set_value(cycle._tasks._free_stop(), None)
        return None


cdef class EventWait:
    """What a task in ``receive`` waits for, in place of an ``asyncio.Future``.

    The task can go on within the call that brings the event: 4,200 instructions of 21,300 for each
    message of a WebSocket. What a task asks for each time are attributes, not methods, for which a
    bound method would be made.
    """

    def __init__(self, TaskStarter tasks):
        self._tasks = tasks
        self.get_loop = tasks._get_loop
        self.add_done_callback = self._add_done_callback

    def _add_done_callback(self, callback, *, context=None):
        """Keep the wake-up of the task; there is no other."""
        self._callback = callback
        self._context = context

    def done(self):
        """Whether the task has been woken; anyio asks it."""
        return self._callback is None

    def cancel(self, msg=None):
        """The task is cancelled."""
        if self._callback is None:
            return False
        cancelled = asyncio.Future(loop=self._tasks._loop)
        cancelled.cancel(msg)
        self.end_soon(cancelled)
        return True

    cdef int end_now(self) except -1:
        """Let the task go on within this call; then this can be waited for again."""
        callback, context = self._callback, self._context
        if callback is None:
            return 0
        self._callback = self._context = None
        PyContext_Enter(context)
        try:
            # The task asks what it is called with for the result: a Future is asked the quickest.
            callback(self._tasks._done)
        finally:
            PyContext_Exit(context)
        return 0

    cdef int end_soon(self, future) except -1:
        """Let the task go on in the next turn, with the result of *future*."""
        callback, context = self._callback, self._context
        self.detach()
        if callback is not None:
            self._callback = self._context = None
            self._tasks._loop.call_soon(callback, future, context=context)
        return 0

    cdef int detach(self) except -1:
        # It holds itself by its method; without this only the garbage collector ends it.
        self.add_done_callback = None
        return 0


cdef int set_value(PyObject* stop, value) except -1:
    """Set the value of *stop*, a StopIteration."""
    cdef PyObject* previous = (<PyStopIterationObject*>stop).value
    Py_INCREF(value)
    (<PyStopIterationObject*>stop).value = <PyObject*>value
    Py_XDECREF(previous)
    return 0


cdef PyObject* end_or_suspend(PyObject* self) except? NULL:
    """What ``await`` asks of *self*, a PendingEvent: what to wait for, or its end."""
    cdef PendingEvent pending = <PendingEvent>self
    event = pending._take_event()
    if event is None:
        Py_INCREF(pending._wait)
        return <PyObject*>pending._wait
    pending._cycle._tasks.end_with(event)
    return NULL


(<PyTypeObject*>PendingEvent).tp_iternext = end_or_suspend


async def wait_for_app(call):
    """Await what an application returned that is no coroutine."""
    await call


cdef object RECEIVE = Cycle.receive
cdef object SEND = Cycle.send
cdef object METHOD_TYPE = type(RECEIVE)
cdef descrgetfunc bind = (<PyTypeObject*>METHOD_TYPE).tp_descr_get


cpdef dict as_dict(message):
    """*message* as a dict: a mapping that is no dict, or a subclass of it, too."""
    if PyDict_CheckExact(message):
        return message
    try:
        return dict(message)
    except (TypeError, ValueError):
        raise malformed_message(message) from None


cpdef object take_kind(dict message):
    """The ``type`` of a message."""
    kind = message.get("type")
    if kind is None:
        raise malformed_message(message)
    return kind


cpdef object take_status(dict message):
    """The status of a message that starts a response; its range is the framer's business."""
    status = message.get("status")
    if not isinstance(status, int):
        raise AppError(f"{message['type']!r} needs 'status' of type int, not {status!r:.80}")
    return status


cdef object malformed_message(message):
    return AppError(f"an ASGI message must be a dict with a 'type', not {str(message)[:80]!r}")


cpdef bytes as_bytes(data, str key):
    """A copy of *data* that is not bytes: the application may change its buffer after send()."""
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise AppError(f"{key!r} must be bytes, not {type(data).__name__}")
    return bytes(data)


cpdef str as_text(text, str key):
    """*text* as a plain str, whatever subclass of it an application uses."""
    if PyUnicode_CheckExact(text):
        return text
    if not isinstance(text, str):
        raise AppError(f"{key!r} must be str, not {type(text).__name__}")
    return "".join((text,))
