# cython: language_level=3, freethreading_compatible=True
"""Accelerated twin of ``asgi/http_cycle.py``: the state machine of ASGI HTTP 2.5."""

from cpython.bytes cimport PyBytes_CheckExact
from cpython.dict cimport PyDict_CheckExact

from asgiserve._speedups.asgi.cycle cimport Cycle, as_bytes, as_dict, take_kind, take_status

from asgiserve.errors import AppError

__all__ = ["CycleState", "HttpCycle"]

cdef dict EXPECTED = {
    0: "'http.response.start'",
    1: "'http.response.body'",
    2: "'http.response.body'",
    3: "'http.response.trailers'",
}

# What one more piece of a body takes in memory beside its bytes: a read may bring a single byte.
cdef Py_ssize_t PIECE_BYTES = 64


cdef class HttpCycle(Cycle):
    """One request and its response."""

    # What the connection does.

    cpdef object add_body(self, bytes data):
        """Queue a piece of the request body for ``receive``."""
        if self._body is None:
            self._body = [data]
        else:
            self._body.append(data)
            self.queued_bytes += PIECE_BYTES
        self.queued_bytes += len(data)
        self._wake()

    cpdef object end_body(self, trailers):
        """The request is complete."""
        self._is_body_complete = True
        self._trailers = trailers
        self._wake()

    @property
    def is_response_started(self):
        """Whether the head of the response is on the wire."""
        return self._state >= CycleState.STREAMING

    # What receive() and send() stand on.

    cpdef dict take_event(self):
        cdef bint is_open = not self.is_disconnected and self._state != CycleState.COMPLETE
        if is_open and (self._body or (self._is_body_complete and not self._is_end_taken)):
            return self._take_body()
        if self.is_disconnect_told or self._state == CycleState.COMPLETE:
            return {"type": "http.disconnect"}
        return None

    cpdef bint is_over(self) noexcept:
        return self._state == CycleState.COMPLETE

    cpdef object handle(self, message):
        cdef CycleState state = self._state
        if not PyDict_CheckExact(message):
            message = as_dict(message)
        kind = take_kind(message)
        if state == CycleState.COMPLETE:
            # "any further messages on the channel will be ignored", says ASGI HTTP of what follows
            # the last body.
            return None
        if self.is_disconnected:
            self.check_connected()
        if CycleState.HELD <= state <= CycleState.STREAMING and kind == "http.response.body":
            self._handle_body(message)
        elif state == CycleState.WAITING and kind == "http.response.start":
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
            body = as_bytes(body, "body")
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

    cpdef object on_body_taken(self):
        """The application has taken the queued body."""
        raise NotImplementedError

    cpdef object on_response_end(self):
        """The response is complete."""
        raise NotImplementedError
