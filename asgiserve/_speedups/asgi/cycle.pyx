# cython: language_level=3, freethreading_compatible=True
"""Accelerated twin of ``asgi/cycle.py``: one call of an application."""

cimport cython
from cpython.contextvars cimport PyContext_Copy, PyContext_Enter, PyContext_Exit
from cpython.dict cimport PyDict_CheckExact
from cpython.object cimport PyObject_Call
from cpython.ref cimport Py_INCREF, Py_XDECREF, PyObject
from cpython.unicode cimport PyUnicode_CheckExact

import asyncio
import inspect
from asyncio import CancelledError
from types import CoroutineType

from asgiserve.asgi.app_exit import contain
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


cdef extern from *:
    """
    static int stay_raised(void) { return -1; }
    """
    # For an exception that C code has set: in a ``try`` it is as if it were raised here.
    int stay_raised() except -1

cdef extern from "Python.h":
    ctypedef enum PySendResult:
        PYGEN_RETURN
        PYGEN_ERROR
        PYGEN_NEXT

    ctypedef PySendResult (*sendfunc)(PyObject*, PyObject*, PyObject**) except PYGEN_ERROR

    ctypedef struct PyAsyncMethods:
        sendfunc am_send

    ctypedef struct PyTypeObject:
        PyAsyncMethods* tp_as_async
        descrgetfunc tp_descr_get
        iternextfunc tp_iternext

    PySendResult PyIter_Send(PyObject* iterator, PyObject* value, PyObject** result) noexcept
    bint PyErr_ExceptionMatches(object kind) noexcept

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
        cdef AppCall call = AppCall.__new__(AppCall)
        self.is_started = True
        self._tasks = tasks
        try:
            # The methods by their descriptors: 500 instructions less than by their names.
            coroutine = app(self.scope, bind(RECEIVE, self, Cycle), bind(SEND, self, Cycle))
            if type(coroutine) is not COROUTINE_TYPE and not asyncio.iscoroutine(coroutine):
                coroutine = wait_for_app(coroutine)
            call._coroutine = coroutine
            task = tasks.start(call)
        except BaseException as exc:
            self.on_app_done(contain(exc))
            return None
        # Two calls less than to ask the task.
        if call._has_returned:
            self.on_app_done(None)
            return None
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

    # Nothing is done for a call alone, which may come from any thread.

    def receive(self):
        """The next event."""
        cdef PendingEvent pending = PendingEvent.__new__(PendingEvent)
        pending._cycle = self
        return pending

    def send(self, message):
        """Take one message."""
        cdef PendingSend pending = PendingSend.__new__(PendingSend)
        pending._cycle = self
        pending._message = message
        return pending

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

    cdef int _wake_all(self) except -1:
        cdef EventWait wait = self._wait
        cdef list waits = self._more_waits
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
cdef class Pending:
    """A coroutine, as far as asyncio, anyio and ``inspect`` can tell, that has no frame.

    A native one costs a frame for each message, and where it has to wait, 5,000 instructions more
    for each message of a WebSocket. It belongs to the event loop's thread from its first step on.
    The subclasses have no fields of their own, so that the free list serves them too.
    """

    cr_await = None
    cr_code = None
    cr_frame = None
    cr_origin = None
    cr_running = False

    @property
    def __class__(self):
        # ``inspect.iscoroutine`` looks at nothing else; anyio asks it.
        return CoroutineType

    @property
    def cr_suspended(self):
        return self._wait is not None

    @property
    def cr_state(self):
        if self._wait is not None:
            return inspect.CORO_SUSPENDED
        return inspect.CORO_CREATED if self._cycle is not None else inspect.CORO_CLOSED

    def __await__(self):
        return self

    def __iter__(self):
        return self

    def send(self, value):
        return self.__next__()

    cdef Cycle _begin(self):
        """The cycle; there is one until the end."""
        if self._cycle is None:
            raise RuntimeError("cannot reuse already awaited coroutine")
        return self._cycle


@cython.final
cdef class PendingEvent(Pending):
    """What ``receive`` returns: its result is the next event of a cycle."""

    @property
    def __name__(self):
        return "receive"

    @property
    def __qualname__(self):
        return "Cycle.receive"

    def __next__(self):
        # For callers from Python; ``await`` takes end_or_suspend.
        event = self._take_event(self._begin())
        if event is None:
            return self._wait
        raise StopIteration(event)

    def throw(self, kind, value=None, traceback=None):
        self.close()
        raise kind if value is None else value

    def close(self):
        """Wait no more; others that wait look whether there is an event for them."""
        cdef Cycle cycle = self._cycle
        self._cycle = None
        if self._wait is not None:
            self._wait = None
            cycle._wake()

    cdef dict _take_event(self, Cycle cycle):
        """The event; None while there is none, and ``_wait`` says when to ask again."""
        cdef dict event = cycle.take_event()
        if event is None and self._wait is None:
            # It may bring one.
            cycle.on_receive_wait()
            event = cycle.take_event()
        if event is not None:
            self._cycle = self._wait = None
            return event
        self._wait = cycle._begin_wait()
        # The event before this one is held no longer.
        set_value(cycle._tasks._free_stop(), None)
        return None


@cython.final
cdef class PendingSend(Pending):
    """What ``send`` returns: its first step takes the message."""

    @property
    def __name__(self):
        return "send"

    @property
    def __qualname__(self):
        return "Cycle.send"

    def __next__(self):
        # For callers from Python; ``await`` takes send_or_suspend.
        cdef PyObject* waited_for = send_or_suspend(<PyObject*>self)
        if waited_for is NULL:
            raise StopIteration
        waits = <object>waited_for
        Py_XDECREF(waited_for)
        return waits

    def throw(self, kind, value=None, traceback=None):
        wait = self._wait
        if wait is None:
            self._cycle = self._message = None
            raise kind if value is None else value
        try:
            return wait.throw(kind if value is None else value)
        except BaseException:
            self._cycle = self._wait = None
            raise

    def close(self):
        """Wait no more; a message that waits for room is not sent."""
        wait = self._wait
        self._cycle = self._message = self._wait = None
        if wait is not None:
            wait.close()

    cdef bint _has_sent(self) except -1:
        """Take the message; if this is not all there is to do, ``_wait`` is what to wait for."""
        cdef Cycle cycle = self._begin()
        if cycle.must_wait() and not cycle.is_over():
            self._wait = send_later(cycle, self._message)
            return False
        # One that fails has ended as well.
        self._cycle = None
        cycle.handle(self._message)
        if cycle.must_wait():
            self._cycle = cycle
            self._wait = wait_writable(cycle)
            return False
        return True


@cython.final
@cython.freelist(8)
cdef class AppCall:
    """The coroutine of an application as its task sees it: ``contain`` says what it is for.

    Otherwise it is that coroutine, in all that can be asked of it.
    """

    @property
    def __class__(self):
        return CoroutineType

    def __getattr__(self, name):
        return getattr(self._coroutine, name)

    def __await__(self):
        return self

    def __iter__(self):
        return self

    def __next__(self):
        return self.send(None)

    def send(self, value):
        try:
            return self._coroutine.send(value)
        except StopIteration:
            self._has_returned = True
            raise
        except (SystemExit, KeyboardInterrupt) as exc:
            raise contain(exc) from exc

    def throw(self, kind, value=None, traceback=None):
        try:
            return self._coroutine.throw(kind if value is None else value)
        except (SystemExit, KeyboardInterrupt) as exc:
            raise contain(exc) from exc

    def close(self):
        self._coroutine.close()


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
    cdef Cycle cycle = pending._begin()
    event = pending._take_event(cycle)
    if event is None:
        Py_INCREF(pending._wait)
        return <PyObject*>pending._wait
    cycle._tasks.end_with(event)
    return NULL


(<PyTypeObject*>PendingEvent).tp_iternext = end_or_suspend


cdef PyObject* send_or_suspend(PyObject* self) except? NULL:
    """What ``await`` asks of *self*, a PendingSend: what to wait for, or NULL alone for its end.

    A StopIteration that says None would cost 4,000 instructions.
    """
    cdef PendingSend pending = <PendingSend>self
    cdef PyObject* result = NULL
    if pending._wait is None and pending._has_sent():
        return NULL
    if PyIter_Send(<PyObject*>pending._wait, <PyObject*>None, &result) == PYGEN_NEXT:
        return result
    # Its result is None.
    Py_XDECREF(result)
    pending._cycle = pending._wait = None
    return NULL


(<PyTypeObject*>PendingSend).tp_iternext = send_or_suspend


cdef PySendResult step_app(
    PyObject* self, PyObject* value, PyObject** result
) except PYGEN_ERROR:
    """One step of *self*, an AppCall, as a task asks for it."""
    cdef AppCall call = <AppCall>self
    cdef PySendResult step = PyIter_Send(<PyObject*>call._coroutine, value, result)
    if step == PYGEN_RETURN:
        call._has_returned = True
    elif step == PYGEN_ERROR and (
        PyErr_ExceptionMatches(SystemExit) or PyErr_ExceptionMatches(KeyboardInterrupt)
    ):
        raise_contained()
    return step


cdef int raise_contained() except -1:
    """Raise what stands for the exception that is set."""
    try:
        stay_raised()
    except BaseException as exc:
        raise contain(exc) from exc
    return 0


(<PyTypeObject*>AppCall).tp_as_async.am_send = step_app


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
