# cython: language_level=3, freethreading_compatible=True
"""Accelerated twin of ``asgi/ws_cycle.py``: the state machine of ASGI WebSocket 2.5."""

from cpython.bytes cimport PyBytes_CheckExact
from cpython.dict cimport PyDict_CheckExact, PyDict_GetItemWithError
from cpython.object cimport PyObject
from cpython.unicode cimport PyUnicode_CheckExact, PyUnicode_GET_LENGTH, PyUnicode_KIND

from asgiserve._speedups.asgi.cycle cimport (
    Cycle,
    as_bytes,
    as_dict,
    as_text,
    take_kind,
    take_status,
)
from asgiserve._speedups.codecs.ws_frames cimport is_close_code

from asgiserve.errors import AppError, ClientDisconnected

__all__ = ["WsCycle", "WsState"]

cdef dict EXPECTED = {
    0: "'websocket.accept', 'websocket.close' or 'websocket.http.response.start'",
    1: "'websocket.send' or 'websocket.close'",
    2: "'websocket.http.response.body'",
    3: "'websocket.http.response.body'",
}

cdef int NORMAL_CLOSURE = 1000

# What a message takes beside its contents: its event, which is a dict, and its place in the queue.
cdef Py_ssize_t EVENT_BYTES = 256
# What precedes the contents of a str or of bytes, roughly.
cdef Py_ssize_t HEADER_BYTES = 56


cdef class WsCycle(Cycle):
    """One WebSocket."""

    def __init__(self):
        # No deque: what a list of some messages saves is 500 instructions a message, and 500 bytes.
        self._events = [{"type": "websocket.connect"}]

    # What the connection does.

    cpdef object add_message(self, message):
        """Queue a message for ``receive``; ``wake`` tells it."""
        self.queued_bytes += count_bytes(message)
        if PyUnicode_CheckExact(message):
            self._events.append({"type": "websocket.receive", "text": message})
        else:
            self._events.append({"type": "websocket.receive", "bytes": message})

    cpdef object end(self, int code, str reason):
        """There is no more to receive, and nobody to send to; only the first end counts."""
        self._note_end(code, reason)
        self.disconnect()

    @property
    def queued_messages(self):
        """How many events wait for the application."""
        return self.count_messages()

    cdef Py_ssize_t count_messages(self) except -1:
        return len(self._events)

    # What receive() and send() stand on.

    cpdef dict take_event(self):
        if not self._events:
            return self._disconnect_event
        cdef dict event = self._events.pop(0)
        message = value_of(event, "text")
        if message is None:
            message = value_of(event, "bytes")
        # None: the first event has none.
        if message is not None:
            self.queued_bytes -= count_bytes(message)
        self.on_event_taken()
        return event

    cpdef bint is_over(self) noexcept:
        return self.state == WsState.CLOSED

    cpdef object handle(self, message):
        cdef WsState state = self.state
        if not PyDict_CheckExact(message):
            message = as_dict(message)
        kind = take_kind(message)
        if state == WsState.CLOSED:
            raise ClientDisconnected(f"{kind!r} was sent after the end of the WebSocket")
        if self.is_disconnected:
            self.check_connected()
        if kind == "websocket.send" and state == WsState.OPEN:
            self._send(take_data(message))
        elif kind == "websocket.close" and state == WsState.OPEN:
            self._close(take_close_code(message), take_reason(message))
        elif kind == "websocket.accept" and state == WsState.CONNECTING:
            self.write_accept(take_subprotocol(message), (<dict>message).get("headers", ()))
            self.state = WsState.OPEN
        elif kind == "websocket.close" and state == WsState.CONNECTING:
            self.state = WsState.CLOSED
            self.write_refusal()
        elif kind == "websocket.http.response.start" and state == WsState.CONNECTING:
            self.hold_denial(take_status(message), (<dict>message).get("headers", ()))
            self.state = WsState.DENIAL_HELD
        elif kind == "websocket.http.response.body" and (
            state == WsState.DENIAL_HELD or state == WsState.DENIAL_STREAMING
        ):
            self._deny(message)
        else:
            raise AppError(f"unexpected ASGI message {kind!r}, expected {EXPECTED[<int>state]}")

    cdef int _send(self, data) except -1:
        try:
            self.write_message(data)
        except UnicodeEncodeError as exc:
            raise AppError(f"'text' has no UTF-8 form: {exc.reason} at {exc.start}") from exc
        return 0

    cdef int _close(self, int code, str reason) except -1:
        self.state = WsState.CLOSED
        self._note_end(code, reason)
        self._wake()
        self.write_close(code, reason)
        return 0

    cdef int _deny(self, dict message) except -1:
        body = message.get("body", b"")
        cdef bint more_body = bool(message.get("more_body", False))
        if not PyBytes_CheckExact(body):
            body = as_bytes(body, "body")
        self.state = WsState.DENIAL_STREAMING if more_body else WsState.CLOSED
        self.write_denial(body, more_body)
        return 0

    cdef int _note_end(self, int code, str reason) except -1:
        if self._disconnect_event is None:
            self._disconnect_event = {
                "type": "websocket.disconnect",
                "code": code,
                "reason": reason,
            }
        return 0

    # Hooks: a connection fills them.

    cpdef object write_accept(self, subprotocol, headers):
        """Answer the handshake with 101; may raise AppError."""
        raise NotImplementedError

    cpdef object write_message(self, data):
        """Write a whole message."""
        raise NotImplementedError

    cpdef object write_close(self, int code, str reason):
        """Begin the closing handshake."""
        raise NotImplementedError

    cpdef object write_refusal(self):
        """Answer the handshake with 403."""
        raise NotImplementedError

    cpdef object hold_denial(self, status, headers):
        """Check the head of a denial and keep it until its first body; may raise AppError."""
        raise NotImplementedError

    cpdef object write_denial(self, bytes body, bint more_body):
        """Write a piece of a denial, the first one with the head."""
        raise NotImplementedError

    cpdef object on_event_taken(self):
        """The application has taken an event: there is room for another."""
        raise NotImplementedError


cdef Py_ssize_t count_bytes(message) except -1:
    """What *message* takes in memory while it waits: of a str, up to four bytes a character."""
    if PyUnicode_CheckExact(message):
        return EVENT_BYTES + HEADER_BYTES + PyUnicode_GET_LENGTH(message) * PyUnicode_KIND(message)
    return EVENT_BYTES + HEADER_BYTES + len(message)


cdef object take_data(dict message):
    """The one of ``text`` and ``bytes`` that is not None."""
    text = value_of(message, "text")
    data = value_of(message, "bytes")
    if (text is None) == (data is None):
        raise AppError("'websocket.send' needs one of 'text' and 'bytes', not both or neither")
    if data is None:
        return as_text(text, "text")
    return data if PyBytes_CheckExact(data) else as_bytes(data, "bytes")


cdef inline object value_of(dict message, str key):
    cdef PyObject* value = PyDict_GetItemWithError(message, key)
    return None if value is NULL else <object>value


cdef int take_close_code(dict message) except -1:
    """The code of a ``websocket.close`` that an endpoint may send (RFC 6455 section 7.4)."""
    code = message.get("code")
    if code is None:
        return NORMAL_CLOSURE
    # An int of C does not hold every int.
    if not isinstance(code, int) or not 0 <= code <= 4999 or not is_close_code(code):
        raise AppError(
            f"'code' must be 1000 to 1003, 1007 to 1014 or 3000 to 4999, not {code!r:.80}"
        )
    return code


cdef str take_reason(dict message):
    """The reason of a ``websocket.close``."""
    reason = message.get("reason")
    return "" if reason is None else as_text(reason, "reason")


cdef object take_subprotocol(dict message):
    """The subprotocol of a ``websocket.accept``; the handshake knows which were offered."""
    subprotocol = message.get("subprotocol")
    return None if subprotocol is None else as_text(subprotocol, "subprotocol")
