"""A connection that speaks WebSocket, an asyncio protocol (RFC 6455).

It takes over the transport of an HTTP/1.1 connection together with the request head: nothing is
parsed a second time. The state machine of ASGI is not here but in ``asgi/ws_cycle.py``, the grammar
not here but in ``codecs/ws_messages.py``.
"""

from __future__ import annotations

import asyncio
import logging
import os
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from asgiserve.asgi.ws_cycle import WsState
from asgiserve.codecs.ws_deflate import Inflater
from asgiserve.codecs.ws_frames import Opcode, frame_close, frame_control
from asgiserve.codecs.ws_messages import MessageReader
from asgiserve.connection.app_errors import (
    is_disconnect,
    log_app_error,
    log_internal_error,
    log_no_answer,
)
from asgiserve.connection.context import to_ticks
from asgiserve.connection.reset import reset
from asgiserve.connection.ws_wire_cycle import WsOwner, WsWireCycle
from asgiserve.errors import WebSocketError

if TYPE_CHECKING:
    from asgiserve.codecs.http1_head import RequestHead
    from asgiserve.codecs.ws_handshake import Handshake
    from asgiserve.connection.context import WorkerContext
    from asgiserve.connection.flow_control import ReadGate, WriteGate

__all__ = ["WsConnection", "WsPhase"]

logger = logging.getLogger("asgiserve.error")

# Close codes (RFC 6455 section 7.4.1).
NORMAL_CLOSURE = 1000
ABNORMAL_CLOSURE = 1006
INTERNAL_ERROR = 1011
SERVICE_RESTART = 1012

# How long the peer may take to answer a close.
CLOSE_TICKS = to_ticks(10.0)
# How long the peer may take to read why it is refused or failed: what it still sends would be
# answered by a reset, which may keep it from reading.
LINGER_TICKS = to_ticks(2.0)

# How long a failure waits for the application to answer the messages that came before it.
FAILURE_TICKS = to_ticks(1.0)

PING_BYTES = 4


class WsPhase(IntEnum):
    """What the connection is busy with; from LINGER on, what comes is thrown away."""

    CONNECTING = 0  # the handshake is not answered; what comes behind it is kept
    OPEN = 1
    CLOSING = 2  # our close is sent, the peer's is awaited
    LINGER = 3  # our side is closed
    CLOSED = 4


class WsConnection(WsOwner, asyncio.Protocol):
    """One WebSocket connection of *worker*, on *transport* with its two gates.

    Args:
        worker: what the connections of this loop share.
        transport: of the HTTP/1.1 connection that read the handshake.
        read_gate: of that connection.
        write_gate: of that connection.
        client_text: how logs name the peer.
    """

    __slots__ = (
        "_awaited_pong",
        "_cycle",
        "_failure",
        "_is_reading",
        "_late_pong",
        "_phase",
        "_read_gate",
        "_reader",
        "_reads",
        "_ticks",
        "_transport",
    )

    _reader: MessageReader

    def __init__(
        self,
        worker: WorkerContext,
        transport: Any,
        read_gate: ReadGate,
        write_gate: WriteGate,
        client_text: str,
    ) -> None:
        super().__init__(worker, write_gate, client_text)
        self._transport = transport
        self._read_gate = read_gate
        self._cycle: WsWireCycle | None = None
        self._phase = WsPhase.CONNECTING
        self._ticks = 0
        self._reads = 0
        self._is_reading = False
        self._failure: WebSocketError | None = None
        self._awaited_pong: bytes | None = None
        self._late_pong: bytes | None = None

    def take_over(
        self, head: RequestHead, handshake: Handshake, scope: dict[str, Any], data: bytes
    ) -> None:
        """Let the application answer the *handshake*; *data* came behind its request."""
        worker = self.worker
        deflate = handshake.deflate
        inflater = None if deflate is None else Inflater(deflate)
        self._reader = MessageReader(self, worker.ws_max_size, inflater)
        # Nothing is read before the application has accepted.
        self._reader.pause()
        self._reader.feed(data)
        worker.connections.add(self)
        self._transport.set_protocol(self)
        cycle = self._cycle = WsWireCycle(self, head, handshake)
        cycle.scope = scope
        worker.active_requests += 1
        cycle.start(worker.app if head.is_forwarded else worker.direct_app, worker.task_starter)
        self._update_read_gate()

    # asyncio.Protocol

    def data_received(self, data: bytes) -> None:
        """Parse *data*; the messages in it are queued for the application."""
        self._reads += 1
        if self._phase >= WsPhase.LINGER:
            return
        try:
            self._reader.feed(data)
            self._wake_app()
            self._update_read_gate()
        except WebSocketError as exc:
            self._fail_safely(exc)
        except Exception as exc:  # noqa: BLE001 - it is logged
            self.break_off(exc)

    def eof_received(self) -> bool:
        """The peer has ended its side, without which there is no WebSocket.

        Returns:
            Whether the transport stays open.
        """
        # The transport closes by itself after this.
        self.write_gate.flush()
        self._end(ABNORMAL_CLOSURE, "")
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """The transport is gone: tell the application and let go of everything."""
        self._end(ABNORMAL_CLOSURE, "")
        self._phase = WsPhase.CLOSED
        self._cycle = None
        self.worker.connections.discard(self)
        self.write_gate.open()
        # Reader and connection hold each other; without this only the garbage collector ends it.
        self._reader.detach()

    def pause_writing(self) -> None:
        """The peer reads too slowly: ``send`` waits."""
        self.write_gate.close()

    def resume_writing(self) -> None:
        """The peer has read on."""
        self.write_gate.resume()
        payload, self._late_pong = self._late_pong, None
        if payload is not None:
            self.on_ping(payload)

    # MessageSink

    def on_message(self, message: str | bytes) -> None:
        """A message has come whole."""
        cycle = self._cycle
        if self._phase is not WsPhase.OPEN or cycle is None:
            return
        cycle.received_messages += 1
        cycle.add_message(message)
        worker = self.worker
        if cycle.queued_messages >= worker.ws_max_queue or cycle.queued_bytes >= worker.ws_max_size:
            self._is_reading = False
            self._reader.pause()

    def on_ping(self, payload: bytes) -> None:
        """Answer a ping; of those that a slow reader sends, only the last (section 5.5.3)."""
        if self._phase is not WsPhase.OPEN:
            return
        if self.write_gate.is_open:
            self.write_gate.write(frame_control(Opcode.PONG, payload))
        else:
            self._late_pong = payload

    def on_pong(self, payload: bytes) -> None:
        """The peer is alive, if this is the pong that was asked for."""
        if payload == self._awaited_pong:
            self._awaited_pong = None
            self._ticks = self.worker.ping_ticks

    def on_close(self, code: int, reason: str) -> None:
        """The peer closes, or answers our close."""
        if self._phase is WsPhase.OPEN:
            self.write_gate.write(frame_close(code, ""))
            self._end(code, reason)
        self._close()

    # WsOwner

    def on_accept(self) -> None:
        """The WebSocket is open: read what the peer has sent behind its handshake."""
        self._phase = WsPhase.OPEN
        self._ticks = self.worker.ping_ticks
        # Not from here: this is inside of the application's send().
        self.worker.loop.call_soon(self._resume_reading)

    def on_event_taken(self) -> None:
        """The application has taken an event: read on when half of the queue is free."""
        cycle = self._cycle
        worker = self.worker
        if (
            self._phase is WsPhase.OPEN
            and not self._is_reading
            and cycle is not None
            and cycle.queued_messages <= worker.ws_max_queue // 2
            and cycle.queued_bytes <= worker.ws_max_size // 2
        ):
            self._resume_reading()

    def on_receive_wait(self) -> None:
        """The application has seen to all messages: a failure need not wait any more."""
        error = self._failure
        if error is not None and self._phase is WsPhase.OPEN:
            self._fail(error.code, error.reason)

    def on_close_sent(self) -> None:
        """Our close is sent: what the peer still says is of no interest, but its close is."""
        self._phase = WsPhase.CLOSING
        self._ticks = CLOSE_TICKS
        self._resume_reading()

    def on_denied(self) -> None:
        """There will be no WebSocket."""
        self._linger()

    def on_app_done(self, cycle: WsWireCycle, exc: BaseException | None) -> None:
        """The application has ended: if it has left the WebSocket open, close it."""
        self.worker.end_request()
        if exc is not None and not (cycle.is_disconnect_told and is_disconnect(exc)):
            log_app_error(exc, cycle.head)
        if self._phase is WsPhase.OPEN:
            self._begin_close(NORMAL_CLOSURE if exc is None else INTERNAL_ERROR)
        elif self._phase is WsPhase.CONNECTING:
            if exc is None:
                log_no_answer(cycle.head, cycle.state is WsState.DENIAL_STREAMING)
            self._end_handshake(500, "the application failed to answer")

    def break_off(self, exc: Exception) -> None:
        """Log *exc*, which nobody expected, and close at once: no state can be relied on."""
        # First, since a log handler of the host program may fail as well.
        self.abort()
        log_internal_error(exc, self.client_text)

    # What the server calls.

    def current_cycle(self) -> WsWireCycle | None:
        """The WebSocket as its application sees it; None after its end."""
        return self._cycle

    def start_draining(self) -> None:
        """Close the WebSocket; one whose handshake the application has yet to answer is refused."""
        cycle = self._cycle
        if self._phase is WsPhase.OPEN:
            self._begin_close(SERVICE_RESTART)
        elif (
            self._phase is WsPhase.CONNECTING
            and cycle is not None
            and cycle.state is WsState.CONNECTING
        ):
            self._end_handshake(503, "the server is shutting down")

    def tell_disconnect(self) -> None:
        """End what has not ended by itself."""
        if self._phase is WsPhase.CONNECTING:
            self._end_handshake(503, "the server is shutting down")
        else:
            self._close()

    def count_progress(self) -> int:
        """What changes whenever bytes come or go; -1 while the application is waited for."""
        if self._phase <= WsPhase.OPEN and self.write_gate.is_open:
            return -1
        return self._reads + self.write_gate.count_taken_bytes()

    def end_stalled(self) -> None:
        """End a connection whose peer has neither sent nor taken a byte for too long."""
        if self._phase is WsPhase.CLOSED or not self.write_gate.is_open:
            self._reset()
        else:
            self._close()

    def abort(self) -> None:
        """Close at once; what has not been sent is lost."""
        self._phase = WsPhase.CLOSED
        self._transport.abort()

    def on_tick(self) -> None:
        """One tick of the worker's timer has passed."""
        try:
            self._count_tick()
        except Exception as exc:  # noqa: BLE001 - it is logged
            self.break_off(exc)

    # Time-outs.

    def _count_tick(self) -> None:
        if self._cycle is not None:
            self._cycle.on_tick()
        # While nothing is read, no pong can be seen.
        if self._ticks and (self._is_reading or self._failure or self._phase is not WsPhase.OPEN):
            self._ticks -= 1
            if not self._ticks:
                self._on_timeout()
        if self._phase >= WsPhase.LINGER or not self.write_gate.is_open:
            self._watch_writing()

    def _on_timeout(self) -> None:
        error = self._failure
        if self._phase is not WsPhase.OPEN:
            self._close()
        elif error is not None:
            self._fail(error.code, error.reason)
        elif self._awaited_pong is not None:
            self._fail(INTERNAL_ERROR, "no pong has come")
        elif not self.write_gate.is_open:
            # A peer that does not read has its own time-out.
            self._ticks = 1
        else:
            self._ping()

    def _ping(self) -> None:
        payload = os.urandom(PING_BYTES)
        self.write_gate.write(frame_control(Opcode.PING, payload))
        self._ticks = self.worker.pong_ticks or self.worker.ping_ticks
        if self.worker.pong_ticks:
            self._awaited_pong = payload

    def _watch_writing(self) -> None:
        if self.write_gate.count_stalled_tick() > self.worker.write_ticks:
            logger.debug("%s - the peer does not read", self.client_text)
            self._reset()
        elif self._phase is WsPhase.CLOSED and self.write_gate.has_lingered(LINGER_TICKS):
            self.abort()

    # Reading.

    def _resume_reading(self) -> None:
        if self._phase not in (WsPhase.OPEN, WsPhase.CLOSING):
            return
        try:
            self._read_on()
        except Exception as exc:  # noqa: BLE001 - it is logged
            self.break_off(exc)

    def _read_on(self) -> None:
        self._is_reading = True
        try:
            self._reader.resume()
        except WebSocketError as exc:
            self._fail_soon(exc)
        self._wake_app()
        self._update_read_gate()
        # Only now: an application that has just accepted is not cut short.
        if self._phase is WsPhase.OPEN and self.worker.is_draining:
            self._begin_close(SERVICE_RESTART)

    def _wake_app(self) -> None:
        # After the reader is done: the application may go on within, and close the WebSocket.
        cycle = self._cycle
        if cycle is not None and cycle.queued_messages:
            cycle.wake()

    def _update_read_gate(self) -> None:
        if self._phase is WsPhase.OPEN and not self._is_reading:
            self._read_gate.close()
        else:
            self._read_gate.update(self._reader.buffered)

    # Ends.

    def _end(self, code: int, reason: str) -> None:
        """Tell the application that there is nobody any more."""
        cycle = self._cycle
        if cycle is not None:
            cycle.end(code, reason)
            cycle.log_end(code)

    def _begin_close(self, code: int) -> None:
        """Close in the application's stead."""
        self.write_gate.write(frame_close(code, ""))
        self._end(code, "")
        self.on_close_sent()

    def _fail_soon(self, error: WebSocketError) -> None:
        """Fail the connection when the application has seen to the messages that came before."""
        cycle = self._cycle
        if self._phase is WsPhase.OPEN and cycle is not None and cycle.queued_messages:
            self._failure = error
            self._ticks = FAILURE_TICKS
        else:
            self._fail(error.code, error.reason)

    def _fail_safely(self, error: WebSocketError) -> None:
        """Fail for what the loop has brought, so that no error gets back to it."""
        try:
            self._fail_soon(error)
            self._wake_app()
            self._update_read_gate()
        except Exception as exc:  # noqa: BLE001 - it is logged
            self.break_off(exc)

    def _fail(self, code: int, reason: str) -> None:
        """Fail the connection (RFC 6455 section 7.1.7)."""
        logger.debug("%s - failed with %d: %s", self.client_text, code, reason)
        if self._phase is WsPhase.OPEN:
            self.write_gate.write(frame_close(code, reason))
            self._end(code, reason)
        self._linger()

    def _end_handshake(self, status: int, reason: str) -> None:
        """Answer the handshake in the application's stead, if the wire still allows it."""
        cycle = self._cycle
        if cycle is None:
            return
        cycle.end(ABNORMAL_CLOSURE, "")
        if cycle.state is WsState.DENIAL_STREAMING:
            # An orderly close could be the mark of a complete body.
            self._reset()
        else:
            cycle.answer(status, reason)

    def _linger(self) -> None:
        """Close our side and read on for a while."""
        # Over TLS, which has no half of a close, closing reads on in the same way.
        self._read_gate.update(0)
        if not self._transport.can_write_eof():
            self._close()
            return
        self._phase = WsPhase.LINGER
        self._ticks = LINGER_TICKS
        self.write_gate.flush()
        try:
            self._transport.write_eof()
        except OSError:
            # asyncio's transports raise where the peer has reset the connection.
            self.abort()

    def _reset(self) -> None:
        """Close at once, and in no order: the peer lacks what it is owed."""
        self._phase = WsPhase.CLOSED
        reset(self._transport)

    def _close(self) -> None:
        self._phase = WsPhase.CLOSED
        self.write_gate.flush()
        self._transport.close()
