# cython: language_level=3, freethreading_compatible=True
"""Accelerated twin of ``connection/http1_cycle.py``: the ASGI state machine with its wire."""

from cpython.time cimport perf_counter

from asgiserve._speedups.logs.access_line cimport AccessLines
from asgiserve._speedups.connection.context cimport WorkerContext
from asgiserve._speedups.connection.flow_control cimport WriteGate
from asgiserve._speedups.codecs.http1_framing cimport (
    ResponseFramer,
    frame_error,
    frame_informational,
)
from asgiserve._speedups.codecs.http1_head cimport RequestHead
from asgiserve._speedups.codecs.http1_parser cimport RequestSink
from asgiserve._speedups.asgi.http_cycle cimport HttpCycle

from asgiserve.connection.addresses import forwarded_text

__all__ = ["CycleOwner", "Http1Cycle"]

cdef int CLIENT_CLOSED_REQUEST = 499


cdef class CycleOwner(RequestSink):
    """The side of a connection that its cycles see; the connection fills the hooks."""

    def __init__(self, WorkerContext worker):
        self.worker = worker
        self.framer = ResponseFramer(worker.default_fields)
        self.write_gate = WriteGate(worker.write_batch)
        self.client_text = ""

    cpdef object on_body_taken(self):
        """The application has taken all of the body that has come."""
        raise NotImplementedError

    cpdef bint has_long_rest(self, Http1Cycle cycle) except -1:
        """Whether more of the request's body is to come than is worth reading."""
        raise NotImplementedError

    cpdef object on_response_end(self, Http1Cycle cycle):
        """The answer is complete."""
        raise NotImplementedError

    cpdef object on_app_done(self, Http1Cycle cycle, exc):
        """The application has ended, with an error if *exc* is not None."""
        raise NotImplementedError

    cpdef object break_off(self, exc):
        """Something has failed with *exc* that may not fail: abort the connection."""
        raise NotImplementedError


cdef class Http1Cycle(HttpCycle):
    """One request and its response on the wire of *owner*."""

    def __init__(self, CycleOwner owner, RequestHead head):
        self.attach(owner, head)

    cdef int attach(self, CycleOwner owner, RequestHead head) except -1:
        """What ``__init__`` does, for C: a call with arguments costs 600 instructions more."""
        cdef WorkerContext worker = owner.worker
        self.head = head
        self.is_continue_due = head.expects_continue and (head.body_size > 0 or head.is_chunked)
        self._owner = owner
        self._trailers_out = None
        self.started_s = 0.0 if worker.access_log is None else perf_counter()
        owner.framer.begin(
            head.is_head_method,
            head.is_http_1_0,
            head.keep_alive and not worker.is_draining,
            head.accepts_trailers,
        )
        return 0

    cpdef object answer(self, error):
        """Answer in the application's stead; nothing of its own may be on the wire."""
        cdef CycleOwner owner = self._owner
        self._status = error.status
        owner.write_gate.write(
            frame_error(
                error.status,
                error.reason,
                owner.worker.default_fields,
                self.head.is_head_method,
                error.fields,
            )
        )

    cpdef object log_access(self):
        """Log what became of the request."""
        cdef CycleOwner owner = self._owner
        cdef RequestHead head = self.head
        cdef AccessLines access_log = owner.worker.access_log
        if access_log is not None:
            access_log.add_line(
                forwarded_text(self.scope, owner.client_text)
                if head.is_forwarded
                else owner.client_text,
                head.method,
                head.target,
                head.http_version,
                self._status or CLIENT_CLOSED_REQUEST,
                owner.framer.body_bytes,
                perf_counter() - self.started_s,
            )

    # The hooks of HttpCycle.

    cpdef object hold_head(self, status, headers, bint wants_trailers):
        self._owner.framer.hold_head(status, headers, wants_trailers)
        self._status = status

    cpdef object write_body(self, bytes body, bint more_body):
        cdef CycleOwner owner = self._owner
        # The last moment to say that the connection ends. A client that was never told to continue
        # may or may not send its body, so the next request would have no sure beginning.
        if not self.has_started_response() and (
            owner.worker.is_draining
            or self.is_continue_due
            or (not more_body and self.head.body_size > 0 and owner.has_long_rest(self))
        ):
            owner.framer.keep_alive = False
        if not more_body:
            owner.write_gate.write_end(owner.framer.frame_body(body, False))
            return None
        owner.write_gate.write_pieces(owner.framer.frame_body(body, True))
        # An application that sends without a pause never lets the loop call connection_lost().
        if owner.write_gate.is_torn:
            self.disconnect()

    cpdef object write_trailers(self, headers, bint more_trailers):
        if self._trailers_out is None:
            self._trailers_out = []
        self._trailers_out.extend(headers)
        if not more_trailers:
            self._owner.write_gate.write(self._owner.framer.frame_trailers(self._trailers_out))

    cpdef object write_early_hint(self, list links):
        # HTTP/1.0 knows no interim responses (RFC 9110 section 15.2).
        if not self.head.is_http_1_0:
            self._owner.write_gate.write(frame_informational(103, links))

    cpdef bint has_trailers(self):
        return self._owner.framer.ends_with_trailers()

    cpdef bint must_wait(self) except -1:
        return self._owner.write_gate.is_full()

    cpdef object write_waiters(self):
        return self._owner.write_gate.waiters()

    cpdef object on_receive_wait(self):
        if self.is_continue_due and not self.has_started_response() and not self.is_disconnected:
            self.is_continue_due = False
            self._owner.write_gate.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    cpdef object on_body_taken(self):
        self._owner.on_body_taken()

    cpdef object on_response_end(self):
        self._owner.on_response_end(self)

    cpdef object on_task_kept(self, task):
        self._owner.worker.tasks.add(task)

    cpdef object on_task_done(self, task):
        if self.task is not None:
            self._owner.worker.tasks.discard(task)
        try:
            HttpCycle.on_task_done(self, task)
        except Exception as exc:
            self._owner.break_off(exc)

    cpdef object on_app_done(self, exc):
        self._owner.on_app_done(self, exc)
