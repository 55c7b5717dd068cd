# cython: language_level=3, freethreading_compatible=True
"""Accelerated twin of ``connection/http1_ends.py``: how an HTTP/1.1 connection comes to its end."""

from asgiserve._speedups.connection.context cimport WorkerContext
from asgiserve._speedups.connection.http1_cycle cimport CycleOwner, Http1Cycle
from asgiserve._speedups.codecs.http1_framing cimport frame_error

import logging

from asgiserve._speedups.connection.context import to_ticks
from asgiserve.connection.reset import reset
from asgiserve.connection.tls_info import resets_late_input
from asgiserve.connection.unread_input import has_unread_input

__all__ = ["Http1Ends", "Phase"]

logger = logging.getLogger("asgiserve.error")

cdef int LINGER_TICKS = to_ticks(2.0)
cdef int MAX_LINGER_TICKS = to_ticks(30.0)
cdef long long MIN_LINGER_BYTES = 1024
cdef int QUIET_TICKS = to_ticks(0.25)


cdef class Http1Ends(CycleOwner):
    """The phases of a connection of *worker*, and the ways to its end."""

    def __init__(self, WorkerContext worker):
        CycleOwner.__init__(self, worker)

    # What the server calls.

    def start_draining(self):
        """Close the connection as soon as it owes no answer, and nothing happens on it."""
        if self._phase == Phase.NEW or self._phase == Phase.IDLE:
            self._close_when_quiet()
        elif self._phase == Phase.DRAIN:
            self._linger()

    def abort(self):
        """Close at once; what has not been sent is lost."""
        self._enter(Phase.CLOSED)
        self._transport.abort()

    # Phases and time-outs.

    cdef int _enter(self, Phase phase) except -1:
        cdef WorkerContext worker = self.worker
        cdef Phase previous = self._phase
        self._phase = phase
        if phase == Phase.IDLE:
            self._read_ticks = QUIET_TICKS if worker.is_draining else worker.keep_alive_ticks
        elif phase == Phase.REQUEST or phase == Phase.DRAIN:
            self._read_ticks = worker.body_ticks
        elif phase == Phase.NEW or (phase == Phase.HEAD and previous != Phase.NEW):
            # The deadline is absolute: on a new connection it runs from its beginning.
            self._read_ticks = worker.header_ticks
        elif phase != Phase.HEAD:
            self._read_ticks = LINGER_TICKS if phase == Phase.LINGER else 0
        return 0

    cdef int _watch_writing(self) except -1:
        if self.write_gate.count_stalled_tick() > self.worker.write_ticks:
            logger.debug("%s - the peer does not read", self.client_text)
            self._reset()
        elif self._phase == Phase.CLOSED and self.write_gate.has_lingered(LINGER_TICKS):
            self.abort()
        return 0

    # Ends.

    cdef int _refuse(self, error) except -1:
        """Answer a request that is not acceptable, if the wire still allows an answer, and close.
        """
        logger.debug("%s - refused with %d: %s", self.client_text, error.status, error.reason)
        self._is_message_complete = False
        # Nothing that follows can be read.
        self.framer.keep_alive = False
        if self._phase == Phase.DRAIN:
            self._linger()
        elif self._cycle is not None and self._cycle.has_started_response():
            self._cut_off()
        else:
            self._answer(error)
        return 0

    cdef int _answer(self, error) except -1:
        """Answer the current request in the application's stead, and close."""
        cdef WorkerContext worker = self.worker
        cdef Http1Cycle cycle = self._cycle
        cdef bint is_more_expected = True
        self._cycle = None
        if cycle is not None:
            is_more_expected = cycle.head.keep_alive
            if worker.request_queue is not None:
                worker.request_queue.discard(self)
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
        return 0

    cdef int _cut_off(self) except -1:
        """End a response that cannot be completed so that the client can tell."""
        cdef Http1Cycle cycle = self._cycle
        self._cycle = None
        if cycle is not None:
            cycle.log_access()
            cycle.disconnect()
        if self.framer.ends_by_closing():
            # An orderly close would be the mark of a complete body.
            self._reset()
        else:
            self._close()
        return 0

    cdef int _close_after_response(self, bint is_more_expected) except -1:
        """Close; *is_more_expected* says that the client may have sent another request."""
        if self._is_message_complete and not is_more_expected:
            self._close()
        else:
            self._linger()
        return 0

    cdef int _close_when_quiet(self) except -1:
        """Close a connection that waits for a request when it has done so for QUIET_TICKS."""
        cdef WorkerContext worker = self.worker
        cdef int limit = worker.header_ticks
        cdef int left_ticks
        if self._phase == Phase.IDLE:
            limit = worker.keep_alive_ticks
        left_ticks = QUIET_TICKS - (limit - self._read_ticks)
        if left_ticks > 0:
            self._read_ticks = min(self._read_ticks, left_ticks)
        else:
            self._close_if_silent()
        return 0

    cdef int _close_if_silent(self) except -1:
        """Close a connection that waits for a request, unless one has come that nobody has read."""
        cdef bint may_come = self._read_gate.is_open and not self._is_eof
        if may_come and has_unread_input(self._transport):
            self._read_ticks = 1
        else:
            self._close()
        return 0

    cdef int _linger(self) except -1:
        """Close our side and read on for a while (RFC 9112 section 9.6)."""
        self._read_gate.update(0)
        cdef bint can_end = self._transport.can_write_eof()
        if self._is_eof or not (can_end or self._can_stay_open()):
            self._close()
            return 0
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
        return 0

    cdef int _can_stay_open(self) except -1:
        """Whether lingering can come before the end of a connection that has no half of a close.
        """
        cdef bint resets = resets_late_input(self._transport)
        cdef bint is_in_body = not self._is_message_complete
        if self.framer.ends_by_closing():
            # The client waits for the end.
            return resets and is_in_body
        return resets or is_in_body

    cdef int _end_lingering(self) except -1:
        """LINGER_TICKS have passed: close, unless the client still sends and may go on."""
        cdef long long sent_bytes = self._drained_bytes - self._linger_start_bytes
        cdef long long max_bytes = self.worker.max_body_bytes
        self._lingered_ticks += LINGER_TICKS
        self._linger_start_bytes = self._drained_bytes
        if (
            sent_bytes < MIN_LINGER_BYTES
            or self._lingered_ticks + LINGER_TICKS > MAX_LINGER_TICKS
            or 0 <= max_bytes < self._drained_bytes
        ):
            self._close()
        else:
            self._read_ticks = LINGER_TICKS
        return 0

    cdef int _reset(self) except -1:
        """Close at once, and in no order: the peer lacks what it is owed."""
        self._enter(Phase.CLOSED)
        reset(self._transport)
        return 0

    cdef int _close(self) except -1:
        self._enter(Phase.CLOSED)
        self.write_gate.flush()
        self._transport.close()
        return 0
