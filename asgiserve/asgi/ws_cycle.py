"""One WebSocket and its application: the state machine of ASGI WebSocket 2.5.

It exists once for every version of HTTP. What goes on the wire is the business of the hooks
``write_*``, ``hold_denial`` and ``on_*``, which a connection fills.
"""

from __future__ import annotations

import sys
from collections import deque
from enum import IntEnum
from typing import Any

from asgiserve.asgi.cycle import Cycle, as_bytes, as_dict, as_text, take_kind, take_status
from asgiserve.codecs.ws_frames import is_close_code
from asgiserve.errors import AppError, ClientDisconnected

__all__ = ["WsCycle", "WsState"]


class WsState(IntEnum):
    """How far the application has come."""

    CONNECTING = 0  # the handshake is not answered
    OPEN = 1
    DENIAL_HELD = 2  # websocket.http.response.start is here, nothing is on the wire
    DENIAL_STREAMING = 3  # the head of the denial is on the wire, more body is to come
    CLOSED = 4  # by the application: a close, a refusal or a whole denial was sent


# What the application may send in each state, for the message of a wrong order.
EXPECTED = {
    WsState.CONNECTING: (
        "'websocket.accept', 'websocket.close' or 'websocket.http.response.start'"
    ),
    WsState.OPEN: "'websocket.send' or 'websocket.close'",
    WsState.DENIAL_HELD: "'websocket.http.response.body'",
    WsState.DENIAL_STREAMING: "'websocket.http.response.body'",
}

NORMAL_CLOSURE = 1000

# What a message takes beside its contents: its event, which is a dict, and its place in the queue.
EVENT_BYTES = 256


class WsCycle(Cycle):
    """One WebSocket; see ASGI WebSocket 2.5.

    A connection fills the hooks, lets the application run by ``start``, puts messages in by
    ``add_message``, and says by ``end`` how the WebSocket came to its end.

    Attributes:
        state: how far the application has come.
        queued_bytes: what the messages that wait for the application take in memory.
    """

    __slots__ = ("_disconnect_event", "_events", "queued_bytes", "state")

    def __init__(self) -> None:
        super().__init__()
        self.state = WsState.CONNECTING
        self.queued_bytes = 0
        self._events: deque[dict[str, Any]] = deque(({"type": "websocket.connect"},))
        self._disconnect_event: dict[str, Any] | None = None

    # What the connection does.

    def add_message(self, message: str | bytes) -> None:
        """Queue a message for ``receive``; ``wake`` tells it."""
        key = "text" if type(message) is str else "bytes"
        self.queued_bytes += count_bytes(message)
        self._events.append({"type": "websocket.receive", key: message})

    def end(self, code: int, reason: str) -> None:
        """There is no more to receive, and nobody to send to; only the first end counts."""
        self._note_end(code, reason)
        self.disconnect()

    @property
    def queued_messages(self) -> int:
        """How many events wait for the application."""
        return len(self._events)

    # What receive() and send() stand on.

    def take_event(self) -> dict[str, Any] | None:
        if self._events:
            event = self._events.popleft()
            if event["type"] == "websocket.receive":
                text = event.get("text")
                self.queued_bytes -= count_bytes(event["bytes"] if text is None else text)
            self.on_event_taken()
            return event
        return self._disconnect_event

    def is_over(self) -> bool:
        return self.state is WsState.CLOSED

    def handle(self, message: Any) -> None:
        message = as_dict(message)
        kind = take_kind(message)
        state = self.state
        if state is WsState.CLOSED:
            raise ClientDisconnected(f"{kind!r} was sent after the end of the WebSocket")
        self.check_connected()
        if kind == "websocket.send" and state is WsState.OPEN:
            self._send(take_data(message))
        elif kind == "websocket.close" and state is WsState.OPEN:
            self._close(take_close_code(message), take_reason(message))
        elif kind == "websocket.accept" and state is WsState.CONNECTING:
            self.write_accept(take_subprotocol(message), message.get("headers", ()))
            self.state = WsState.OPEN
        elif kind == "websocket.close" and state is WsState.CONNECTING:
            self.state = WsState.CLOSED
            self.write_refusal()
        elif kind == "websocket.http.response.start" and state is WsState.CONNECTING:
            self.hold_denial(take_status(message), message.get("headers", ()))
            self.state = WsState.DENIAL_HELD
        elif kind == "websocket.http.response.body" and state in (
            WsState.DENIAL_HELD,
            WsState.DENIAL_STREAMING,
        ):
            self._deny(message)
        else:
            raise AppError(f"unexpected ASGI message {kind!r}, expected {EXPECTED[state]}")

    def _send(self, data: str | bytes) -> None:
        try:
            self.write_message(data)
        except UnicodeEncodeError as exc:
            raise AppError(f"'text' has no UTF-8 form: {exc.reason} at {exc.start}") from exc

    def _close(self, code: int, reason: str) -> None:
        self.state = WsState.CLOSED
        self._note_end(code, reason)
        self._wake()
        self.write_close(code, reason)

    def _deny(self, message: dict[str, Any]) -> None:
        body = message.get("body", b"")
        more_body = bool(message.get("more_body", False))
        if type(body) is not bytes:
            body = as_bytes(body, "body")
        if more_body:
            self.state = WsState.DENIAL_STREAMING
        else:
            self.state = WsState.CLOSED
        self.write_denial(body, more_body)

    def _note_end(self, code: int, reason: str) -> None:
        if self._disconnect_event is None:
            self._disconnect_event = {
                "type": "websocket.disconnect",
                "code": code,
                "reason": reason,
            }

    # Hooks: a connection fills them.

    def write_accept(self, subprotocol: str | None, headers: Any) -> None:
        """Answer the handshake with 101; may raise AppError."""
        raise NotImplementedError

    def write_message(self, data: str | bytes) -> None:
        """Write a whole message."""
        raise NotImplementedError

    def write_close(self, code: int, reason: str) -> None:
        """Begin the closing handshake."""
        raise NotImplementedError

    def write_refusal(self) -> None:
        """Answer the handshake with 403."""
        raise NotImplementedError

    def hold_denial(self, status: int, headers: Any) -> None:
        """Check the head of a denial and keep it until its first body; may raise AppError."""
        raise NotImplementedError

    def write_denial(self, body: bytes, more_body: bool) -> None:
        """Write a piece of a denial, the first one with the head."""
        raise NotImplementedError

    def on_event_taken(self) -> None:
        """The application has taken an event: there is room for another."""
        raise NotImplementedError


def count_bytes(message: str | bytes) -> int:
    """What *message* takes in memory while it waits: of a str, up to four bytes a character."""
    return EVENT_BYTES + sizeof(message)


def guess_size(message: str | bytes) -> int:
    """At most what *message* takes; PyPy cannot tell."""
    return len(message) * (4 if isinstance(message, str) and not message.isascii() else 1)


sizeof = sys.getsizeof if sys.implementation.name == "cpython" else guess_size


def take_data(message: dict[str, Any]) -> str | bytes:
    """The one of ``text`` and ``bytes`` that is not None."""
    text = message.get("text")
    data = message.get("bytes")
    if (text is None) == (data is None):
        raise AppError("'websocket.send' needs one of 'text' and 'bytes', not both or neither")
    if data is None:
        return as_text(text, "text")
    return data if type(data) is bytes else as_bytes(data, "bytes")


def take_close_code(message: dict[str, Any]) -> int:
    """The code of a ``websocket.close`` that an endpoint may send (RFC 6455 section 7.4)."""
    code = message.get("code")
    if code is None:
        return NORMAL_CLOSURE
    if not isinstance(code, int) or not is_close_code(code):
        raise AppError(
            f"'code' must be 1000 to 1003, 1007 to 1014 or 3000 to 4999, not {code!r:.80}"
        )
    return code


def take_reason(message: dict[str, Any]) -> str:
    """The reason of a ``websocket.close``."""
    reason = message.get("reason")
    return "" if reason is None else as_text(reason, "reason")


def take_subprotocol(message: dict[str, Any]) -> str | None:
    """The subprotocol of a ``websocket.accept``; the handshake knows which were offered."""
    subprotocol = message.get("subprotocol")
    return None if subprotocol is None else as_text(subprotocol, "subprotocol")
