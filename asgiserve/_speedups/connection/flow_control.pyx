# cython: language_level=3, freethreading_compatible=True
"""Accelerated twin of ``connection/flow_control.py``: gates for reading and writing."""

from cpython.bytes cimport PyBytes_GET_SIZE
from cpython.time cimport perf_counter

from asgiserve.asgi.waits import Waiters
from asgiserve.connection.unsent_limit import trust_reader

cdef extern from *:
    """
    #ifdef _WIN32
    static long long send_now(int fd, const char *data, size_t size) { return -1; }
    #else
    #include <sys/socket.h>
    #ifndef MSG_NOSIGNAL
    #define MSG_NOSIGNAL 0
    #endif
    static long long send_now(int fd, const char *data, size_t size)
    {
        return send(fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    #endif
    """
    long long send_now(int fd, const char* data, size_t size) noexcept

__all__ = ["HIGH_WATER_BYTES", "LOW_WATER_BYTES", "ReadGate", "WriteBatch", "WriteGate"]

cdef Py_ssize_t HIGH_WATER = 65536
cdef Py_ssize_t LOW_WATER = 16384

HIGH_WATER_BYTES = HIGH_WATER
LOW_WATER_BYTES = LOW_WATER

cdef int BATCH_WRITES = 6
cdef double BATCH_GAP_S = 0.000_5
cdef int SAMPLE_WRITES = 64
cdef Py_ssize_t HELD_BYTES = 16384
cdef double HELD_S = 0.001

cdef long long WRITE_COST_BYTES = 1024

# No file descriptor yet: nothing was sent; something was, so that it pays to ask for it.
cdef int FD_UNKNOWN = -2
cdef int FD_WANTED = -1


cdef class ReadGate:
    """Pauses the socket above HIGH_WATER_BYTES of waiting input, resumes it at LOW_WATER_BYTES."""

    def __init__(self, transport):
        self.is_open = True
        self._transport = transport

    cpdef object close(self):
        """Pause the socket whatever is held; ``update`` resumes it."""
        self.update(HIGH_WATER + 1)

    cpdef object update(self, Py_ssize_t held_bytes):
        """Say that *held_bytes* of input now wait for the application."""
        if self.is_open:
            if held_bytes > HIGH_WATER:
                self.is_open = False
                self._transport.pause_reading()
        elif held_bytes <= LOW_WATER:
            self.is_open = True
            self._transport.resume_reading()


cdef class WriteBatch:
    """What the connections of one busy loop write in a turn, kept until the end of the turn."""

    def __init__(self, loop, clock=None):
        self.loop = loop
        self.gathers_pieces = type(loop).__module__.startswith("uvloop")
        self._clock = clock
        self._gates = []

    cpdef bint count_write(self) except -1:
        """Count one write; whether its bytes are to be kept for the batch."""
        self._writes += 1
        if not self._is_watching:
            if not self._is_holding and self._writes < SAMPLE_WRITES:
                return False
            self._is_watching = True
            self._writes = 1
            self._turn_began_s = self._now_s()
            self.loop.call_soon(self._end_turn)
        elif self._gates and self._now_s() - self._held_since_s > HELD_S:
            self._flush()
        return self._is_holding

    cpdef object add(self, WriteGate gate):
        """Flush *gate* at the end of this turn."""
        if not self._gates:
            self._held_since_s = self._now_s()
        self._gates.append(gate)

    def _end_turn(self):
        cdef double turn_s = self._now_s() - self._turn_began_s
        self._is_watching = False
        self._is_holding = self._writes >= BATCH_WRITES and turn_s < self._writes * BATCH_GAP_S
        self._writes = 0
        self._flush()

    cdef double _now_s(self) except -1:
        return perf_counter() if self._clock is None else self._clock()

    cdef int _flush(self) except -1:
        cdef list gates = self._gates
        cdef WriteGate gate
        self._gates = []
        for gate in gates:
            try:
                gate.flush()
            except Exception as error:
                gate.fail(error)
        return 0


cdef class WriteGate:
    """The way to the transport; closed above its high water, and ``send`` waits."""

    def __init__(self, WriteBatch batch):
        self.is_open = True
        self._batch = batch
        self._held = b""
        self._fd = FD_UNKNOWN

    cpdef object attach(self, transport):
        """Write to *transport* from now on."""
        self._transport = transport
        self._transport_write = transport.write
        self._transport_is_closing = transport.is_closing
        self._is_sendable = is_plain_uvloop(transport)

    cpdef object write(self, bytes data):
        """Write *data*, gate open or not; above high water the transport closes the gate."""
        self._write(data, False)

    cdef int write_end(self, list pieces) except -1:
        """Write *pieces* as ``write_pieces`` does, for an answer that ends with them."""
        if len(pieces) == 1:
            return self._write(pieces[0], True)
        self.write_pieces(pieces)
        return 0

    cdef int _write(self, bytes data, bint is_end) except -1:
        cdef Py_ssize_t size = PyBytes_GET_SIZE(data)
        self._written_bytes += size
        self._turn_bytes += size + WRITE_COST_BYTES
        if self._batch.count_write() and PyBytes_GET_SIZE(self._held) + size <= HELD_BYTES:
            if not self._held:
                self._batch.add(self)
            self._held += data
            return 0
        if self._held:
            self.flush()
        self.is_torn = self._transport_is_closing()
        if self.is_torn:
            return 0
        # What follows soon is better sent with it: by the transport, at the end of the turn.
        if is_end and self._is_sendable:
            data = self._send(data)
        if data is not None:
            self._is_drained = False
            self._transport_write(data)
        return 0

    cpdef object write_pieces(self, list pieces):
        """Write *pieces* as ``write`` does; several, which are large, in one system call."""
        cdef Py_ssize_t size = 0
        cdef bytes piece
        if len(pieces) == 1:
            self.write(pieces[0])
        if len(pieces) < 2:
            return None
        for piece in pieces:
            size += PyBytes_GET_SIZE(piece)
        self._written_bytes += size
        self._turn_bytes += size
        self.flush()
        self.is_torn = self._transport_is_closing()
        if self.is_torn:
            return None
        self._is_drained = False
        if self._batch.gathers_pieces:
            self._transport.writelines(pieces)
        else:
            for piece in pieces:
                self._transport_write(piece)

    cpdef object flush(self):
        """Write what the batch has kept, as has to be done before the transport is closed."""
        cdef bytes data = self._held
        if not data:
            return None
        self._held = b""
        self.is_torn = self._transport_is_closing()
        if self.is_torn:
            return None
        if self._is_sendable:
            data = self._send(data)
        if data is not None:
            self._is_drained = False
            self._transport_write(data)

    cdef bytes _send(self, bytes data):
        """Send *data* past the transport; give what is left for it, None for nothing.

        The transport of uvloop would queue it until the end of the turn: 5 % of the CPU time that a
        small WebSocket message takes, 900 instructions of the 28,000 of a request.
        """
        cdef Py_ssize_t size = PyBytes_GET_SIZE(data)
        cdef long long sent_bytes
        # What the transport still holds goes first.
        if not self._is_drained and self._transport.get_write_buffer_size():
            return data
        if self._fd < 0:
            # A connection for one answer does not ask, which costs 11,000 instructions.
            if self._fd == FD_UNKNOWN:
                self._fd = FD_WANTED
                return data
            self._fd = self._transport.get_extra_info("socket").fileno()
        sent_bytes = send_now(self._fd, data, size)
        self._is_drained = sent_bytes == size
        if self._is_drained:
            return None
        # An error comes again when the transport writes, and it knows what to do.
        return data[sent_bytes:] if sent_bytes > 0 else data

    cpdef object fail(self, error):
        """Give the connection up: *error* is reported, and nobody can write any more."""
        transport = self._transport
        self._batch.loop.call_exception_handler(
            {"message": "Writing failed", "exception": error, "transport": transport}
        )
        transport.abort()

    cpdef object close(self):
        """The transport has called ``pause_writing``."""
        self.is_open = False
        self._stalled_ticks = 0

    cpdef object open(self):
        """The transport is lost: whoever waits goes on."""
        self.is_open = True
        self.wake()

    cpdef object resume(self):
        """The transport has called ``resume_writing``: whoever waits goes on."""
        if not self._is_trusted:
            self._is_trusted = True
            trust_reader(self._transport)
        self.open()

    cpdef object wake(self):
        """Let whoever waits look again whether there is still somebody to write to."""
        if self._waiters is not None:
            self._waiters.wake()

    cpdef bint must_wait(self) noexcept:
        """Whether the one who writes has to wait: for the peer, or for the turn of others."""
        return self.is_full()

    cpdef object waiters(self):
        """The tasks that wait until they need not any more."""
        if self._waiters is None:
            self._waiters = Waiters()
        if self.is_open:
            self._batch.loop.call_soon(self._end_turn)
        return self._waiters

    def _end_turn(self):
        self._turn_bytes = 0
        self.wake()

    cpdef int count_stalled_tick(self) except -1:
        """One tick has passed with bytes to write."""
        cdef long long taken_bytes = self.count_taken_bytes()
        if taken_bytes != self._taken_bytes:
            self._taken_bytes = taken_bytes
            self._stalled_ticks = 0
        self._stalled_ticks += 1
        return self._stalled_ticks

    cpdef long long count_taken_bytes(self) except -1:
        """How much the system has taken of what was written."""
        return self._written_bytes - self._count_unsent_bytes()

    cpdef bint has_lingered(self, int max_ticks) except -1:
        """Whether a transport that was closed has nothing to send and waits for its peer."""
        return (
            self._stalled_ticks > max_ticks
            and hasattr(self._transport, "get_local_write_buffer_size")
            and self._count_unsent_bytes() == 0
        )

    cdef long long _count_unsent_bytes(self) except -1:
        transport = self._transport
        # aiofastnet's name for it, what is encrypted already included.
        if hasattr(transport, "get_local_write_buffer_size"):
            return transport.get_local_write_buffer_size()
        return transport.get_write_buffer_size()


cdef bint is_plain_uvloop(transport) except -1:
    """Whether *transport* is uvloop's own, over TCP or a unix socket, without TLS."""
    kind = type(transport)
    return kind.__module__ == "uvloop.loop" and kind.__name__ in ("TCPTransport", "UnixTransport")
