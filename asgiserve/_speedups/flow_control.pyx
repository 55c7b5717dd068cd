# cython: language_level=3, freethreading_compatible=True
"""Accelerated twin of ``connection/flow_control.py``: gates for reading and writing."""

from asgiserve.asgi.waits import Waiters

__all__ = ["HIGH_WATER_BYTES", "LOW_WATER_BYTES", "ReadGate", "WriteGate"]

cdef Py_ssize_t HIGH_WATER = 65536
cdef Py_ssize_t LOW_WATER = 16384

HIGH_WATER_BYTES = HIGH_WATER
LOW_WATER_BYTES = LOW_WATER


cdef class ReadGate:
    """Pauses the socket above HIGH_WATER_BYTES of waiting input, resumes it at LOW_WATER_BYTES."""

    def __init__(self, transport):
        self.is_open = True
        self._transport = transport

    cpdef object update(self, Py_ssize_t held_bytes):
        """Say that *held_bytes* of input now wait for the application."""
        if self.is_open:
            if held_bytes > HIGH_WATER:
                self.is_open = False
                self._transport.pause_reading()
        elif held_bytes <= LOW_WATER:
            self.is_open = True
            self._transport.resume_reading()


cdef class WriteGate:
    """The way to the transport; closed above its high water, and ``send`` waits."""

    def __init__(self):
        self.is_open = True

    cpdef object attach(self, transport):
        """Write to *transport* from now on."""
        self._transport = transport
        self._transport_write = transport.write

    cpdef object write(self, bytes data):
        """Write *data*, gate open or not; above high water the transport closes the gate."""
        self._written_bytes += len(data)
        self._transport_write(data)

    cpdef bint is_torn(self) except? -1:
        """Whether the transport takes no more, though it has not called ``connection_lost`` yet."""
        return self._transport.is_closing()

    cpdef object close(self):
        """The transport has called ``pause_writing``."""
        self.is_open = False
        self._stalled_ticks = 0

    cpdef object open(self):
        """The transport has called ``resume_writing``, or is lost: whoever waits goes on."""
        self.is_open = True
        self.wake()

    cpdef object wake(self):
        """Let whoever waits look again whether there is still somebody to write to."""
        if self._waiters is not None:
            self._waiters.wake()

    cpdef object waiters(self):
        """The tasks that wait for the gate to open."""
        if self._waiters is None:
            self._waiters = Waiters()
        return self._waiters

    cpdef int count_stalled_tick(self) except -1:
        """One tick has passed with bytes to write."""
        cdef long long taken_bytes = self._written_bytes - self._transport.get_write_buffer_size()
        if taken_bytes != self._taken_bytes:
            self._taken_bytes = taken_bytes
            self._stalled_ticks = 0
        self._stalled_ticks += 1
        return self._stalled_ticks
