"""One HTTP request and its response: the state machine of ASGI HTTP 2.5.

It exists once for every version of HTTP. What goes on the wire is the business of the hooks
``hold_head``, ``write_*`` and ``on_*``, which a connection fills.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

from asgiserve.asgi.cycle import Cycle, as_bytes, as_dict, take_kind, take_status
from asgiserve.errors import AppError

__all__ = ["CycleState", "HttpCycle"]


class CycleState(IntEnum):
    """How far the response has come."""

    WAITING = 0  # for http.response.start
    HELD = 1  # start is here, nothing is on the wire: an error can still become a 500
    STREAMING = 2  # the head is on the wire, more body is to come
    TRAILERS = 3  # the body has ended, http.response.trailers is to come
    COMPLETE = 4


# What the application may send in each state, for the message of a wrong order.
EXPECTED = {
    CycleState.WAITING: "'http.response.start'",
    CycleState.HELD: "'http.response.body'",
    CycleState.STREAMING: "'http.response.body'",
    CycleState.TRAILERS: "'http.response.trailers'",
}


# What one more piece of a body takes in memory beside its bytes: a read may bring a single byte.
PIECE_BYTES = 64


class HttpCycle(Cycle):
    """One request and its response; see ASGI HTTP 2.5.

    A connection fills the hooks, puts the request in by ``add_body`` and ``end_body``, and lets the
    application run by ``start``.

    Attributes:
        queued_bytes: what the body that waits for the application takes in memory.
    """

    __slots__ = (
        "_body",
        "_is_body_complete",
        "_is_end_taken",
        "_state",
        "_trailers",
        "queued_bytes",
    )

    def __init__(self) -> None:
        super().__init__()
        self.queued_bytes = 0
        self._body: list[bytes] | None = None
        self._trailers: list[tuple[bytes, bytes]] | None = None
        self._is_body_complete = False
        self._is_end_taken = False
        self._state = CycleState.WAITING

    # What the connection does.

    def add_body(self, data: bytes) -> None:
        """Queue a piece of the request body for ``receive``."""
        if self._body is None:
            self._body = [data]
        else:
            self._body.append(data)
            self.queued_bytes += PIECE_BYTES
        self.queued_bytes += len(data)
        self._wake()

    def end_body(self, trailers: list[tuple[bytes, bytes]] | None) -> None:
        """The request is complete; *trailers* are for the application, None for none wanted."""
        self._is_body_complete = True
        self._trailers = trailers
        self._wake()

    @property
    def is_response_started(self) -> bool:
        """Whether the head of the response is on the wire."""
        return self._state >= CycleState.STREAMING

    # What receive() and send() stand on.

    def take_event(self) -> dict[str, Any] | None:
        is_open = not self.is_disconnected and self._state is not CycleState.COMPLETE
        if is_open and (self._body or (self._is_body_complete and not self._is_end_taken)):
            return self._take_body()
        if self.is_disconnect_told or self._state is CycleState.COMPLETE:
            return {"type": "http.disconnect"}
        return None

    def is_over(self) -> bool:
        return self._state is CycleState.COMPLETE

    def handle(self, message: Any) -> None:
        message = as_dict(message)
        kind = take_kind(message)
        state = self._state
        if state is CycleState.COMPLETE:
            # "any further messages on the channel will be ignored", says ASGI HTTP of what follows
            # the last body.
            return
        self.check_connected()
        if kind == "http.response.body" and state in (CycleState.HELD, CycleState.STREAMING):
            self._handle_body(message)
        elif kind == "http.response.start" and state is CycleState.WAITING:
            self.hold_head(
                take_status(message),
                message.get("headers", ()),
                bool(message.get("trailers", False)),
            )
            self._state = CycleState.HELD
        elif kind == "http.response.trailers" and state is CycleState.TRAILERS:
            self._handle_trailers(message)
        elif kind == "http.response.early_hint" and state in (CycleState.WAITING, CycleState.HELD):
            self.write_early_hint([(b"link", link) for link in message.get("links", ())])
        else:
            raise AppError(f"unexpected ASGI message {kind!r}, expected {EXPECTED[state]}")

    def _take_body(self) -> dict[str, Any]:
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

    def _handle_body(self, message: dict[str, Any]) -> None:
        body = message.get("body", b"")
        more_body = bool(message.get("more_body", False))
        if type(body) is not bytes:
            body = as_bytes(body, "body")
        self.write_body(body, more_body)
        if more_body:
            self._state = CycleState.STREAMING
        elif self.has_trailers():
            self._state = CycleState.TRAILERS
        else:
            self._complete()

    def _handle_trailers(self, message: dict[str, Any]) -> None:
        self.write_trailers(message.get("headers", ()), bool(message.get("more_trailers", False)))
        if not message.get("more_trailers", False):
            self._complete()

    def _complete(self) -> None:
        self._state = CycleState.COMPLETE
        self._body = None
        self.queued_bytes = 0
        self._wake()
        self.on_response_end()

    # Hooks: a connection fills them.

    def hold_head(self, status: int, headers: Any, wants_trailers: bool) -> None:
        """Check the head and keep it until the first ``write_body``; may raise AppError."""
        raise NotImplementedError

    def write_body(self, body: bytes, more_body: bool) -> None:
        """Write a piece of the body, the first one with the head."""
        raise NotImplementedError

    def write_trailers(self, headers: Any, more_trailers: bool) -> None:
        """Write trailer fields, or collect them while there are more."""
        raise NotImplementedError

    def write_early_hint(self, links: list[tuple[bytes, bytes]]) -> None:
        """Write an interim response 103 (RFC 8297)."""
        raise NotImplementedError

    def has_trailers(self) -> bool:
        """Whether trailers were announced and the peer takes them."""
        raise NotImplementedError

    def on_body_taken(self) -> None:
        """The application has taken the queued body: the socket may be read again."""
        raise NotImplementedError

    def on_response_end(self) -> None:
        """The response is complete."""
        raise NotImplementedError
