"""How an HTTP/1.1 connection comes to its end: refusals, cut answers, lingering, draining.

What it is doing, which says how it may end, is a `Phase`; requests are begun in
``http1_connection.py``.
"""

from __future__ import annotations

import logging
from enum import IntEnum
from typing import Any

from asgiserve.codecs.http1_framing import frame_error
from asgiserve.connection.context import WorkerContext, to_ticks
from asgiserve.connection.flow_control import ReadGate
from asgiserve.connection.http1_cycle import CycleOwner, Http1Cycle
from asgiserve.connection.reset import reset
from asgiserve.connection.tls_info import resets_late_input
from asgiserve.connection.unread_input import has_unread_input
from asgiserve.errors import HttpRequestError

__all__ = ["Http1Ends", "Phase"]

logger = logging.getLogger("asgiserve.error")

# How long a client may stay silent before the socket is closed that our side has ended (RFC 9112
# section 9.6).
LINGER_TICKS = to_ticks(2.0)
# One that goes on sending, as many clients do until they have sent their body, has this long; in
# each LINGER_TICKS it has to send so much.
MAX_LINGER_TICKS = to_ticks(30.0)
MIN_LINGER_BYTES = 1024

# A stopping server closes connections on which nothing happens for so long, the way there and back
# to most clients. The next request of any other may be on its way, and closing would lose it: it is
# answered, with "connection: close".
QUIET_TICKS = to_ticks(0.25)


class Phase(IntEnum):
    """What the connection is doing, and so which time-out runs."""

    NEW = 0  # nothing has come yet
    HEAD = 1  # a request head has begun
    REQUEST = 2  # a request is being served; its body may still be coming
    DRAIN = 3  # the answer is complete, the rest of the request body is dropped
    IDLE = 4  # between two requests
    LINGER = 5  # our side is closed, what still comes is dropped
    CLOSED = 6


class Http1Ends(CycleOwner):
    """The phases of a connection of *worker*, and the ways to its end."""

    __slots__ = (
        "_cycle",
        "_drained_bytes",
        "_is_eof",
        "_is_message_complete",
        "_linger_start_bytes",
        "_lingered_ticks",
        "_phase",
        "_read_gate",
        "_read_ticks",
        "_reads",
        "_transport",
    )

    _read_gate: ReadGate
    _transport: Any

    def __init__(self, worker: WorkerContext) -> None:
        super().__init__(worker)
        self._cycle: Http1Cycle | None = None
        self._phase = Phase.NEW
        self._is_eof = False
        self._is_message_complete = False
        self._read_ticks = 0
        # Read and dropped in this phase; while lingering, so much of it before this LINGER_TICKS.
        self._drained_bytes = 0
        self._linger_start_bytes = 0
        self._lingered_ticks = 0
        self._reads = 0

    # What the server calls.

    def start_draining(self) -> None:
        """Close the connection as soon as it owes no answer, and nothing happens on it."""
        if self._phase is Phase.NEW or self._phase is Phase.IDLE:
            self._close_when_quiet()
        elif self._phase is Phase.DRAIN:
            self._linger()

    def abort(self) -> None:
        """Close at once; what has not been sent is lost."""
        self._enter(Phase.CLOSED)
        self._transport.abort()

    # Phases and time-outs.

    def _enter(self, phase: Phase) -> None:
        worker = self.worker
        previous, self._phase = self._phase, phase
        if phase is Phase.IDLE:
            self._read_ticks = QUIET_TICKS if worker.is_draining else worker.keep_alive_ticks
        elif phase is Phase.REQUEST or phase is Phase.DRAIN:
            self._read_ticks = worker.body_ticks
        elif phase is Phase.NEW or (phase is Phase.HEAD and previous is not Phase.NEW):
            # The deadline is absolute: on a new connection it runs from its beginning.
            self._read_ticks = worker.header_ticks
        elif phase is not Phase.HEAD:
            self._read_ticks = LINGER_TICKS if phase is Phase.LINGER else 0

    def _watch_writing(self) -> None:
        if self.write_gate.count_stalled_tick() > self.worker.write_ticks:
            logger.debug("%s - the peer does not read", self.client_text)
            self._reset()
        elif self._phase is Phase.CLOSED and self.write_gate.has_lingered(LINGER_TICKS):
            self.abort()

    # Ends.

    def _refuse(self, error: HttpRequestError) -> None:
        """Answer a request that is not acceptable, if the wire still allows it, and close."""
        logger.debug("%s - refused with %d: %s", self.client_text, error.status, error.reason)
        self._is_message_complete = False
        # Nothing that follows can be read.
        self.framer.keep_alive = False
        if self._phase is Phase.DRAIN:
            self._linger()
        elif self._cycle is not None and self._cycle.is_response_started:
            self._cut_off()
        else:
            self._answer(error)

    def _answer(self, error: HttpRequestError) -> None:
        """Answer the current request in the application's stead, and close."""
        worker = self.worker
        cycle, self._cycle = self._cycle, None
        is_more_expected = True
        if cycle is not None:
            is_more_expected = cycle.head.keep_alive
            if worker.request_queue is not None:
                worker.request_queue.discard(self)  # type: ignore[arg-type]  # a whole connection
            cycle.answer(error)
            cycle.log_access()
            cycle.disconnect()
        else:
            status = error.status
            fields = worker.default_fields
            self.write_gate.write(frame_error(status, error.reason, fields, error.is_head_method))
            if worker.access_log is not None:
                worker.access_log.write(self.client_text, "-", b"-", "1.1", status, 0, 0.0)
        self._close_after_response(is_more_expected)

    def _cut_off(self) -> None:
        """End a response that cannot be completed so that the client can tell."""
        cycle, self._cycle = self._cycle, None
        if cycle is not None:
            cycle.log_access()
            cycle.disconnect()
        if self.framer.is_close_delimited:
            # An orderly close would be the mark of a complete body.
            self._reset()
        else:
            self._close()

    def _close_after_response(self, is_more_expected: bool) -> None:
        """Close; *is_more_expected* says that the client may have sent another request."""
        if self._is_message_complete and not is_more_expected:
            self._close()
        else:
            self._linger()

    def _close_when_quiet(self) -> None:
        """Close a connection that waits for a request when it has done so for QUIET_TICKS."""
        worker = self.worker
        limit = worker.keep_alive_ticks if self._phase is Phase.IDLE else worker.header_ticks
        left_ticks = QUIET_TICKS - (limit - self._read_ticks)
        if left_ticks > 0:
            self._read_ticks = min(self._read_ticks, left_ticks)
        else:
            self._close_if_silent()

    def _close_if_silent(self) -> None:
        """Close a connection that waits for a request, unless one has come that nobody has read."""
        may_come = self._read_gate.is_open and not self._is_eof
        if may_come and has_unread_input(self._transport):
            # It is read before the next tick.
            self._read_ticks = 1
        else:
            self._close()

    def _linger(self) -> None:
        """Close our side and read on for a while (RFC 9112 section 9.6).

        Closing a socket that has unread input resets the connection, and the reset may overtake the
        answer.
        """
        self._read_gate.update(0)
        can_end = self._transport.can_write_eof()
        if self._is_eof or not (can_end or self._can_stay_open()):
            self._close()
            return
        self._lingered_ticks = 0
        self._drained_bytes = self._linger_start_bytes = 0
        self._enter(Phase.LINGER)
        self.write_gate.flush()
        if can_end:
            try:
                self._transport.write_eof()
            except OSError:
                # asyncio's transports raise where the peer has reset the connection.
                self.abort()

    def _can_stay_open(self) -> bool:
        """Whether lingering can come before the end of a connection that has no half of a close.

        So it is with TLS. For a while, closing reads on in the same way, but it cannot tell whether
        the peer goes on sending; and not all transports do so.
        """
        resets = resets_late_input(self._transport)
        is_in_body = not self._is_message_complete
        if self.framer.is_close_delimited:
            # The client waits for the end.
            return resets and is_in_body
        return resets or is_in_body

    def _end_lingering(self) -> None:
        """LINGER_TICKS have passed: close, unless the client still sends and may go on."""
        self._lingered_ticks += LINGER_TICKS
        sent_bytes = self._drained_bytes - self._linger_start_bytes
        self._linger_start_bytes = self._drained_bytes
        max_bytes = self.worker.max_body_bytes
        if (
            sent_bytes < MIN_LINGER_BYTES
            or self._lingered_ticks + LINGER_TICKS > MAX_LINGER_TICKS
            or 0 <= max_bytes < self._drained_bytes
        ):
            self._close()
        else:
            self._read_ticks = LINGER_TICKS

    def _reset(self) -> None:
        """Close at once, and in no order: the peer lacks what it is owed."""
        self._enter(Phase.CLOSED)
        reset(self._transport)

    def _close(self) -> None:
        self._enter(Phase.CLOSED)
        self.write_gate.flush()
        self._transport.close()
