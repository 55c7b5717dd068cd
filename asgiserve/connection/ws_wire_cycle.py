"""A WebSocket on its connection: the state machine of ASGI with its wire."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from asgiserve.asgi.ws_cycle import WsCycle
from asgiserve.codecs.http1_framing import ResponseFramer, frame_error
from asgiserve.codecs.ws_deflate import Deflater
from asgiserve.codecs.ws_frames import (
    Opcode,
    frame_binary,
    frame_close,
    frame_compressed,
    frame_text,
)
from asgiserve.codecs.ws_handshake import frame_accept
from asgiserve.codecs.ws_messages import MessageSink
from asgiserve.connection.addresses import forwarded_text
from asgiserve.connection.context import to_ticks

if TYPE_CHECKING:
    from asgiserve.asgi.waits import Waiters
    from asgiserve.codecs.http1_head import RequestHead
    from asgiserve.codecs.ws_handshake import Handshake
    from asgiserve.connection.context import WorkerContext
    from asgiserve.connection.flow_control import WriteGate

__all__ = ["WsOwner", "WsWireCycle"]

ABNORMAL_CLOSURE = 1006

# After what pause the compressor of a WebSocket is given up.
DEFLATER_TICKS = to_ticks(2.0)


class WsOwner(MessageSink):
    """The side of a connection that its cycle sees; the connection fills the hooks."""

    __slots__ = ("client_text", "worker", "write_gate")

    def __init__(self, worker: WorkerContext, write_gate: WriteGate, client_text: str) -> None:
        self.worker = worker
        self.write_gate = write_gate
        self.client_text = client_text

    def on_accept(self) -> None:
        """The handshake is answered with 101."""
        raise NotImplementedError

    def on_event_taken(self) -> None:
        """The application has taken an event."""
        raise NotImplementedError

    def on_receive_wait(self) -> None:
        """The application waits for an event."""
        raise NotImplementedError

    def on_close_sent(self) -> None:
        """The application has closed the WebSocket; the peer's close is to come."""
        raise NotImplementedError

    def on_denied(self) -> None:
        """The handshake is answered, and not with 101."""
        raise NotImplementedError

    def on_app_done(self, cycle: WsWireCycle, exc: BaseException | None) -> None:
        """The application has ended, with an error if *exc* is not None."""
        raise NotImplementedError

    def break_off(self, exc: Exception) -> None:
        """Something has failed with *exc* that may not fail: abort the connection."""
        raise NotImplementedError


class WsWireCycle(WsCycle):
    """One WebSocket on the wire of *owner*, begun by the request *head*."""

    __slots__ = (
        "_deflater",
        "_deflater_ticks",
        "_framer",
        "_handshake",
        "_is_logged",
        "_owner",
        "_status",
        "head",
        "received_messages",
        "sent_messages",
        "started_s",
    )

    def __init__(self, owner: WsOwner, head: RequestHead, handshake: Handshake) -> None:
        super().__init__()
        self.head = head
        self.received_messages = 0
        self.sent_messages = 0
        self._owner = owner
        self._handshake = handshake
        self._deflater = None if handshake.deflate is None else Deflater(handshake.deflate)
        self._deflater_ticks = 0
        self._framer: ResponseFramer | None = None
        self._status = 0
        self._is_logged = False
        self.started_s = time.perf_counter()

    def answer(self, status: int, reason: str) -> None:
        """Answer the handshake in the application's stead; nothing may be on the wire."""
        owner = self._owner
        owner.write_gate.write(frame_error(status, reason, owner.worker.default_fields, False))
        self._log_answer(status, 0)
        owner.on_denied()

    def on_tick(self) -> None:
        """One tick of the worker's timer has passed."""
        if self._deflater_ticks and self._deflater is not None:
            self._deflater_ticks -= 1
            if not self._deflater_ticks:
                self._deflater.forget()

    def log_end(self, code: int) -> None:
        """Log the end of an accepted WebSocket, once."""
        access_log = self._owner.worker.access_log
        if access_log is None or self._status != 101 or self._is_logged:
            return
        self._is_logged = True
        access_log.write_websocket_end(
            self._client_text(),
            self.head.target,
            code,
            self.received_messages,
            self.sent_messages,
            time.perf_counter() - self.started_s,
        )

    def _client_text(self) -> str:
        client_text = self._owner.client_text
        return forwarded_text(self.scope, client_text) if self.head.is_forwarded else client_text

    def _log_answer(self, status: int, body_bytes: int) -> None:
        owner = self._owner
        self._status = status
        owner.worker.requests_total += 1
        if owner.worker.access_log is not None:
            head = self.head
            owner.worker.access_log.write(
                self._client_text(),
                head.method,
                head.target,
                head.http_version,
                status,
                body_bytes,
                time.perf_counter() - self.started_s,
            )

    # The hooks of WsCycle.

    def write_accept(self, subprotocol: str | None, headers: Any) -> None:
        owner = self._owner
        owner.write_gate.write(
            frame_accept(self._handshake, subprotocol, headers, owner.worker.default_fields)
        )
        self._log_answer(101, 0)
        owner.on_accept()

    def write_message(self, data: str | bytes) -> None:
        gate = self._owner.write_gate
        gate.write_pieces(self._frame(data))
        self.sent_messages += 1
        # An application that sends without a pause never lets the loop call connection_lost().
        if gate.is_torn:
            self.end(ABNORMAL_CLOSURE, "")

    def write_close(self, code: int, reason: str) -> None:
        self._owner.write_gate.write(frame_close(code, reason))
        self.log_end(code)
        self._owner.on_close_sent()

    def write_refusal(self) -> None:
        self.answer(403, "the application refuses the WebSocket")

    def hold_denial(self, status: int, headers: Any) -> None:
        framer = ResponseFramer(self._owner.worker.default_fields)
        framer.begin(False, False, False, False)
        framer.hold_head(status, headers, False)
        self._framer = framer
        self._status = status

    def write_denial(self, body: bytes, more_body: bool) -> None:
        owner, framer = self._owner, self._framer
        assert framer is not None
        owner.write_gate.write_pieces(framer.frame_body(body, more_body))
        if not more_body:
            self._log_answer(self._status, framer.body_bytes)
            owner.on_denied()

    def must_wait(self) -> bool:
        return self._owner.write_gate.must_wait()

    def write_waiters(self) -> Waiters:
        return self._owner.write_gate.waiters()

    def on_event_taken(self) -> None:
        self._owner.on_event_taken()

    def on_receive_wait(self) -> None:
        self._owner.on_receive_wait()

    def on_task_kept(self, task: asyncio.Task[Any]) -> None:
        self._owner.worker.tasks.add(task)

    def on_task_done(self, task: asyncio.Task[Any]) -> None:
        if self.task is not None:
            self._owner.worker.tasks.discard(task)
        try:
            super().on_task_done(task)
        except Exception as exc:  # noqa: BLE001 - it is logged
            self._owner.break_off(exc)

    def on_app_done(self, exc: BaseException | None) -> None:
        self._owner.on_app_done(self, exc)

    def _frame(self, data: str | bytes) -> list[bytes]:
        if self._deflater is not None:
            self._deflater_ticks = DEFLATER_TICKS
            is_text = isinstance(data, str)
            deflated = self._deflater.deflate(data.encode() if isinstance(data, str) else data)
            if deflated is not None:
                return frame_compressed(Opcode.TEXT if is_text else Opcode.BINARY, deflated)
        return frame_text(data) if isinstance(data, str) else frame_binary(data)
