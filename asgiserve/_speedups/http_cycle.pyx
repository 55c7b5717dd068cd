# cython: language_level=3, freethreading_compatible=True
"""Accelerated twin of ``asgi/http_cycle.py``: the state machine of ASGI HTTP 2.5."""

from cpython.bytes cimport PyBytes_CheckExact
from cpython.contextvars cimport PyContext_Copy
from cpython.dict cimport PyDict_CheckExact
from cpython.object cimport PyObject_Call

from asgiserve._speedups.ready cimport NOTHING, Failed, ReadyEvent

import asyncio
import sys
from asyncio import CancelledError
from types import CoroutineType

from asgiserve.asgi.waits import Waiters, receive_later, send_later, wait_writable
from asgiserve.errors import AppError, ClientDisconnected

__all__ = ["CycleState", "HttpCycle", "TaskStarter"]

cdef object COROUTINE_TYPE = CoroutineType
cdef object TASK_TYPE = asyncio.Task
cdef object DONE = TASK_TYPE.done
cdef object EXCEPTION = TASK_TYPE.exception

cdef dict EXPECTED = {
    0: "'http.response.start'",
    1: "'http.response.body'",
    2: "'http.response.body'",
    3: "'http.response.trailers'",
}


ctypedef object (*descrgetfunc)(object, object, object)

cdef extern from "Python.h":
    ctypedef struct PyTypeObject:
        descrgetfunc tp_descr_get


cdef class TaskStarter:
    """Starts the tasks of applications, each in a copy of one ``contextvars.Context``."""

    def __init__(self, loop, task_context):
        self._loop = loop
        self._task_context = task_context
        self._is_eager = sys.version_info >= (3, 12) and loop.get_task_factory() is None
        # One dict of keyword arguments for all calls: a call with keywords would make one each
        # time.
        self._options = {"loop": loop, "context": None, "eager_start": True}

    cpdef object start(self, call):
        """Run *call* in a task; it may be done when this returns."""
        task_context = PyContext_Copy(self._task_context)
        if not self._is_eager:
            return self._loop.create_task(call, context=task_context)
        self._options["context"] = task_context
        return PyObject_Call(TASK_TYPE, (call,), self._options)


cdef class HttpCycle:
    """One request and its response."""

    # What the connection does.

    cpdef object start(self, app, TaskStarter tasks):
        """Call *app*, an ASGI 3 application, in a task of its own."""
        self.is_started = True
        try:
            # The methods by their descriptors: 500 instructions less than by their names.
            call = app(self.scope, bind(RECEIVE, self, HttpCycle), bind(SEND, self, HttpCycle))
            if type(call) is not COROUTINE_TYPE and not asyncio.iscoroutine(call):
                call = wait_for_app(call)
        except Exception as exc:
            self.on_app_done(exc)
            return None
        task = tasks.start(call)
        if DONE(task) if type(task) is TASK_TYPE else task.done():
            self.on_task_done(task)
            return None
        self.task = task
        self.on_task_kept(task)
        task.add_done_callback(self.on_task_done)

    cpdef object add_body(self, bytes data):
        """Queue a piece of the request body for ``receive``."""
        if self._body is None:
            self._body = [data]
        else:
            self._body.append(data)
        self.queued_bytes += len(data)
        self._wake()

    cpdef object end_body(self, trailers):
        """The request is complete."""
        self._is_body_complete = True
        self._trailers = trailers
        self._wake()

    cpdef object disconnect(self):
        """The peer is gone: ``receive`` says so, and ``send`` raises."""
        self.is_disconnected = True
        self.tell_disconnect()

    cpdef object tell_disconnect(self):
        """``receive`` gives ``http.disconnect`` from now on."""
        self.is_disconnect_told = True
        self._wake()

    @property
    def is_response_started(self):
        """Whether the head of the response is on the wire."""
        return self._state >= CycleState.STREAMING

    # What the application calls.

    def receive(self):
        """The next event."""
        event = self.take_event()
        if event is not None:
            return ReadyEvent(event, self.give_back)
        self.on_receive_wait()
        return receive_later(self)

    def send(self, message):
        """Take one message of the response."""
        if self._state != CycleState.COMPLETE and self.write_waiters() is not None:
            return send_later(self, message)
        try:
            self.handle(message)
        except (AppError, ClientDisconnected) as exc:
            return Failed(exc)
        if self.write_waiters() is not None:
            return wait_writable(self)
        return NOTHING

    # What the two above stand on.

    cpdef dict take_event(self):
        """The event that ``receive`` returns now, None while there is none."""
        cdef bint is_open = not self.is_disconnected and self._state != CycleState.COMPLETE
        if is_open and (self._body or (self._is_body_complete and not self._is_end_taken)):
            return self._take_body()
        if self.is_disconnect_told or self._state == CycleState.COMPLETE:
            return {"type": "http.disconnect"}
        return None

    def give_back(self, dict event):
        """Put an event that ``take_event`` gave and nobody saw in front of the others."""
        if event["type"] == "http.request" and self._state != CycleState.COMPLETE:
            self._body = [event["body"], *(self._body or ())]
            self.queued_bytes += len(event["body"])
            self._is_end_taken = False
            self._wake()

    cpdef object event_waiters(self):
        """The tasks that wait for an event."""
        if self._app_waiters is None:
            self._app_waiters = Waiters()
        return self._app_waiters

    cpdef object check_connected(self):
        """Raise ClientDisconnected if the peer is gone."""
        if self.is_disconnected and self._state != CycleState.COMPLETE:
            raise ClientDisconnected("the client has disconnected")

    cpdef object handle(self, message):
        """Do what *message* says."""
        cdef CycleState state = self._state
        if not PyDict_CheckExact(message):
            message = as_dict(message)
        kind = (<dict>message).get("type")
        if kind is None:
            raise malformed_message(message)
        if state == CycleState.COMPLETE:
            # "any further messages on the channel will be ignored", says ASGI HTTP of what follows
            # the last body.
            return None
        if self.is_disconnected:
            self.check_connected()
        if kind == "http.response.body" and CycleState.HELD <= state <= CycleState.STREAMING:
            self._handle_body(message)
        elif kind == "http.response.start" and state == CycleState.WAITING:
            self.hold_head(
                take_status(message),
                (<dict>message).get("headers", ()),
                bool((<dict>message).get("trailers", False)),
            )
            self._state = CycleState.HELD
        elif kind == "http.response.trailers" and state == CycleState.TRAILERS:
            self._handle_trailers(message)
        elif kind == "http.response.early_hint" and state < CycleState.STREAMING:
            self.write_early_hint([(b"link", link) for link in (<dict>message).get("links", ())])
        else:
            raise AppError(f"unexpected ASGI message {kind!r}, expected {EXPECTED[<int>state]}")

    cdef dict _take_body(self):
        cdef dict event
        pieces = self._body or ()
        body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        self._body = None
        self._is_end_taken = self._is_body_complete
        event = {"type": "http.request", "body": body, "more_body": not self._is_body_complete}
        if self._is_end_taken and self._trailers is not None:
            event["trailers"] = self._trailers
        if self.queued_bytes:
            self.queued_bytes = 0
            self.on_body_taken()
        return event

    cdef int _handle_body(self, dict message) except -1:
        body = message.get("body", b"")
        cdef bint more_body = bool(message.get("more_body", False))
        if not PyBytes_CheckExact(body):
            body = as_bytes(body)
        self.write_body(body, more_body)
        if more_body:
            self._state = CycleState.STREAMING
        elif self.has_trailers():
            self._state = CycleState.TRAILERS
        else:
            self._complete()
        return 0

    cdef int _handle_trailers(self, dict message) except -1:
        cdef bint more_trailers = bool(message.get("more_trailers", False))
        self.write_trailers(message.get("headers", ()), more_trailers)
        if not more_trailers:
            self._complete()
        return 0

    cdef int _complete(self) except -1:
        self._state = CycleState.COMPLETE
        self._body = None
        self.queued_bytes = 0
        self._wake()
        self.on_response_end()
        return 0

    cdef int _wake(self) except -1:
        if self._app_waiters is not None:
            self._app_waiters.wake()
        return 0

    cdef bint has_started_response(self) noexcept:
        return self._state >= CycleState.STREAMING

    # Hooks: a connection fills them.

    cpdef object hold_head(self, status, headers, bint wants_trailers):
        """Check the head and keep it until the first ``write_body``."""
        raise NotImplementedError

    cpdef object write_body(self, bytes body, bint more_body):
        """Write a piece of the body, the first one with the head."""
        raise NotImplementedError

    cpdef object write_trailers(self, headers, bint more_trailers):
        """Write trailer fields, or collect them while there are more."""
        raise NotImplementedError

    cpdef object write_early_hint(self, list links):
        """Write an interim response 103 (RFC 8297)."""
        raise NotImplementedError

    cpdef bint has_trailers(self):
        """Whether trailers were announced and the peer takes them."""
        raise NotImplementedError

    cpdef object write_waiters(self):
        """The tasks that wait for room in the transport; None while there is room."""
        raise NotImplementedError

    cpdef object on_receive_wait(self):
        """The application waits for an event."""
        raise NotImplementedError

    cpdef object on_body_taken(self):
        """The application has taken the queued body."""
        raise NotImplementedError

    cpdef object on_response_end(self):
        """The response is complete."""
        raise NotImplementedError

    cpdef object on_task_kept(self, task):
        """The application did not end at once; *task* goes on."""
        raise NotImplementedError

    cpdef object on_task_done(self, task):
        """The application's task has ended."""
        try:
            exc = EXCEPTION(task) if type(task) is TASK_TYPE else task.exception()
        except CancelledError as cancelled:
            exc = cancelled
        self.on_app_done(exc)

    cpdef object on_app_done(self, exc):
        """The application has returned, or raised *exc*."""
        raise NotImplementedError


async def wait_for_app(call):
    """Await what an application returned that is no coroutine."""
    await call


cdef object RECEIVE = HttpCycle.receive
cdef object SEND = HttpCycle.send
cdef object METHOD_TYPE = type(RECEIVE)
cdef descrgetfunc bind = (<PyTypeObject*>METHOD_TYPE).tp_descr_get


cdef object malformed_message(message):
    return AppError(f"an ASGI message must be a dict with a 'type', not {str(message)[:80]!r}")


cdef dict as_dict(message):
    """A mapping that is no dict, or a subclass of it, as a dict."""
    try:
        return dict(message)
    except (TypeError, ValueError):
        raise malformed_message(message) from None


cdef bytes as_bytes(body):
    """Copy a body that is not bytes: the application may change its buffer after send()."""
    if not isinstance(body, (bytes, bytearray, memoryview)):
        raise AppError(f"'body' must be bytes, not {type(body).__name__}")
    return bytes(body)


cdef object take_status(dict message):
    status = message.get("status")
    if not isinstance(status, int):
        raise AppError(f"'http.response.start' needs 'status' of type int, not {status!r:.80}")
    return status
