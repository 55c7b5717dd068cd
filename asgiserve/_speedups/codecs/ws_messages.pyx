# cython: language_level=3, freethreading_compatible=True
"""Accelerated twin of ``codecs/ws_messages.py``: messages from frames (RFC 6455, RFC 7692)."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.object cimport PyObject
from cpython.ref cimport Py_CLEAR
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.string cimport memcpy

from asgiserve._speedups.codecs.ws_frames cimport (
    MAX_HEADER_BYTES,
    NO_CLOSE_CODE,
    FrameHeader,
    Opcode,
    read_close,
    read_header,
    text_size,
    unmask,
)

from asgiserve.errors import WebSocketError

__all__ = ["MessageReader", "MessageSink"]

cdef extern from "Python.h":
    # A bytes object while it is being filled: a pointer, so that its one reference is seen.
    PyObject* new_bytes "PyBytes_FromStringAndSize"(char* data, Py_ssize_t size) except NULL
    char* data_of "PyBytes_AS_STRING"(PyObject* payload) noexcept
    int _PyBytes_Resize(PyObject** payload, Py_ssize_t size) except -1

cdef enum:
    # A text frame up to this size is unmasked on the stack.
    SMALL_TEXT_BYTES = 1024
    # Memory is not taken for more than this that a peer has announced and not sent.
    MAX_AHEAD_BYTES = 1048576
    # The least memory for a message in many frames.
    USUAL_MESSAGE_BYTES = 256

# More than a header can announce.
cdef unsigned long long NO_LIMIT = <unsigned long long>1 << 63


cdef class MessageSink:
    """What a reader tells its owner; the owner overrides all four."""

    cpdef object on_message(self, message):
        """A message is complete."""
        raise NotImplementedError

    cpdef object on_ping(self, bytes payload):
        """A PING has come."""
        raise NotImplementedError

    cpdef object on_pong(self, bytes payload):
        """A PONG has come."""
        raise NotImplementedError

    cpdef object on_close(self, int code, str reason):
        """A CLOSE has come; it is the last event."""
        raise NotImplementedError


cdef class MessageReader:
    """Reads the messages of one client and tells them to a sink."""

    def __init__(self, MessageSink sink not None, Py_ssize_t max_size, inflater):
        self._sink = sink
        self._max_size = max_size
        self._inflater = inflater

    def __dealloc__(self):
        Py_CLEAR(self._payload)

    @property
    def buffered(self):
        """Bytes kept while the reader is paused."""
        return self.count_buffered()

    @property
    def has_open_message(self):
        """Whether a message or a frame has begun that is not complete."""
        return self.is_mid_message()

    cpdef object feed(self, bytes data):
        """Read *data*, or keep it while the reader is paused; ignore it after CLOSE or an error."""
        if self._is_over or PyBytes_GET_SIZE(data) == 0:
            return None
        if not self._is_paused and not self._is_reading:
            self._read(data, 0)
        elif self._kept is None:
            self._kept = data
            self._kept_from = 0
        else:
            self._kept = self._kept[self._kept_from :] + data
            self._kept_from = 0

    cpdef object pause(self):
        """Stop after the frame that is being read, and keep what follows until ``resume``."""
        self._is_paused = True

    cpdef object resume(self):
        """Go on after ``pause``, first with the bytes kept."""
        cdef bytes kept = self._kept
        self._is_paused = False
        if kept is not None and not self._is_reading:
            self._kept = None
            self._read(kept, self._kept_from)

    cpdef object detach(self):
        """Let go of the sink, which holds the reader, and of all bytes; ignore what is fed."""
        self._end()
        # A sink that is being called lives on until ``_read`` ends.
        if not self._is_reading:
            self._sink = None

    # What follows is written otherwise in the pure twin.

    cdef Py_ssize_t count_buffered(self) noexcept:
        return 0 if self._kept is None else PyBytes_GET_SIZE(self._kept) - self._kept_from

    cdef bint is_mid_message(self) noexcept:
        return self._opcode != Opcode.CONTINUATION or self._has_frame or self._partial_size != 0

    cdef void _end(self) noexcept:
        self._is_over = True
        self._kept = None
        self._partial_size = 0
        self._has_frame = False
        self._remaining_bytes = 0
        self._control_size = 0
        self._forget_message()

    cdef void _forget_message(self) noexcept:
        self._opcode = Opcode.CONTINUATION
        self._is_compressed = False
        Py_CLEAR(self._payload)
        self._size = 0
        self._room = 0
        self._checked_bytes = 0

    cdef int _read(self, bytes data, Py_ssize_t position) except -1:
        """Read *data* from *position* on, and what the sink may have fed meanwhile."""
        # The sink may let go of the reader.
        cdef MessageReader reader = self
        self._is_reading = True
        try:
            while True:
                position = reader._read_frames(data, position)
                if position < PyBytes_GET_SIZE(data) and not self._is_over:
                    self._kept = data if self._kept is None else data[position:] + self._kept
                    self._kept_from = position if self._kept is data else 0
                if self._is_paused or self._is_over or self._kept is None:
                    return 0
                data, position = self._kept, self._kept_from
                self._kept = None
        except BaseException:
            self._end()
            raise
        finally:
            self._is_reading = False
            if self._is_over:
                self._sink = None

    cdef Py_ssize_t _read_frames(self, bytes data, Py_ssize_t position) except -1:
        """Read until the end of *data* or until the sink wants no more; the place reached."""
        cdef const unsigned char* start = <const unsigned char*>PyBytes_AS_STRING(data)
        cdef const unsigned char* p = start + position
        cdef const unsigned char* end = start + PyBytes_GET_SIZE(data)
        while p != end and not self._is_paused and not self._is_over:
            if self._has_frame:
                p = self._read_payload(p, end)
            else:
                p = self._begin_frame(p, end)
        return p - start

    cdef const unsigned char* _begin_frame(
        self, const unsigned char* p, const unsigned char* end
    ) except NULL:
        """Read a header, and the payload as far as it is there."""
        cdef Py_ssize_t earlier = self._partial_size
        cdef Py_ssize_t size = min(end - p, MAX_HEADER_BYTES - earlier)
        cdef Py_ssize_t used
        if earlier:
            memcpy(self._partial_header + earlier, p, size)
            used = self._read_header(self._partial_header, earlier + size)
        else:
            used = self._read_header(p, end - p)
            if used == 0:
                memcpy(self._partial_header, p, size)
        if used == 0:
            self._partial_size = earlier + size
            return p + size
        p += used - earlier
        self._partial_size = 0
        self._remaining_bytes = self._frame.length
        # Fast lane for a message that is whole and small: no buffer, no state.
        if self._is_whole(end - p):
            end = p + self._frame.length
            self._deliver_whole(p)
            return end
        if self._frame.opcode == Opcode.TEXT or self._frame.opcode == Opcode.BINARY:
            self._opcode = self._frame.opcode
            self._is_compressed = self._frame.is_compressed
        return self._read_payload(p, end)

    cdef Py_ssize_t _read_header(self, const unsigned char* p, Py_ssize_t size) except -1:
        return read_header(
            p,
            size,
            &self._frame,
            self._opcode != Opcode.CONTINUATION,
            self._inflater is not None,
            # A compressed message is measured where it is inflated.
            NO_LIMIT if self._is_compressed else <unsigned long long>(self._max_size - self._size),
        )

    cdef const unsigned char* _read_payload(
        self, const unsigned char* p, const unsigned char* end
    ) except NULL:
        """Read as much of a frame's payload as is there; the place reached."""
        cdef Py_ssize_t size = <Py_ssize_t>min(
            <unsigned long long>(end - p), self._remaining_bytes
        )
        cdef unsigned long long offset = self._frame.length - self._remaining_bytes
        cdef bint is_last
        self._remaining_bytes -= size
        self._has_frame = self._remaining_bytes != 0
        if size == 0 and self._has_frame:
            return p
        is_last = self._frame.is_final and not self._has_frame
        if self._frame.opcode >= Opcode.CLOSE:
            self._add_control(p, size, offset)
        elif self._is_compressed:
            self._add_compressed(p, size, offset, is_last)
        else:
            self._add_masked(p, size, offset, is_last)
        return p + size

    cdef bint _is_whole(self, Py_ssize_t size) noexcept:
        """Whether a frame is a message, all of it is in the next *size* bytes, and it is small."""
        cdef FrameHeader* frame = &self._frame
        return (
            frame.length <= <unsigned long long>size
            and frame.is_final
            and not frame.is_compressed
            and (
                (frame.opcode == Opcode.TEXT and frame.length <= SMALL_TEXT_BYTES)
                or frame.opcode == Opcode.BINARY
            )
        )

    cdef int _deliver_whole(self, const unsigned char* p) except -1:
        """Give the sink the message that is in the one frame at *p*."""
        cdef Py_ssize_t size = <Py_ssize_t>self._frame.length
        cdef unsigned char[SMALL_TEXT_BYTES] plain
        cdef bytes data
        if self._frame.opcode == Opcode.TEXT:
            unmask(plain, p, size, self._frame.mask, 0)
            self._sink.on_message(decode_text(<char*>plain, size))
        else:
            data = PyBytes_FromStringAndSize(NULL, size)
            unmask(<unsigned char*>PyBytes_AS_STRING(data), p, size, self._frame.mask, 0)
            self._sink.on_message(data)
        return 0

    cdef int _add_control(
        self, const unsigned char* p, Py_ssize_t size, unsigned long long offset
    ) except -1:
        cdef bytes payload
        # There is room: the header was refused if it told more than 125 bytes.
        unmask(self._control + self._control_size, p, size, self._frame.mask, offset)
        self._control_size += size
        if self._frame.opcode == Opcode.CLOSE:
            return self._check_close()
        if self._has_frame:
            return 0
        payload = PyBytes_FromStringAndSize(<char*>self._control, self._control_size)
        self._control_size = 0
        if self._frame.opcode == Opcode.PING:
            self._sink.on_ping(payload)
        else:
            self._sink.on_pong(payload)
        return 0

    cdef int _check_close(self) except -1:
        """Check a CLOSE (RFC 6455 section 5.5.1) as far as it has come, and tell it if it has."""
        cdef int code = NO_CLOSE_CODE
        cdef str reason = read_close(
            self._control, self._control_size, not self._has_frame, &code
        )
        if not self._has_frame:
            self._end()
            self._sink.on_close(code, reason)
        return 0

    cdef int _add_compressed(
        self, const unsigned char* p, Py_ssize_t size, unsigned long long offset, bint is_last
    ) except -1:
        cdef bytes payload
        if size == 0 and not is_last:
            return 0
        payload = PyBytes_FromStringAndSize(NULL, size)
        unmask(<unsigned char*>PyBytes_AS_STRING(payload), p, size, self._frame.mask, offset)
        payload = self._inflater.inflate(payload, is_last, self._max_size - self._size)
        size = PyBytes_GET_SIZE(payload)
        if is_last and self._size == 0:
            return self._end_message(payload)
        self._reserve(size, size, is_last)
        memcpy(data_of(self._payload) + self._size, PyBytes_AS_STRING(payload), size)
        self._size += size
        return self._end_piece(is_last)

    cdef int _add_masked(
        self, const unsigned char* p, Py_ssize_t size, unsigned long long offset, bint is_last
    ) except -1:
        self._reserve(size, size + <Py_ssize_t>self._remaining_bytes, self._frame.is_final)
        unmask(
            <unsigned char*>data_of(self._payload) + self._size, p, size, self._frame.mask, offset
        )
        self._size += size
        return self._end_piece(is_last)

    cdef int _reserve(self, Py_ssize_t size, Py_ssize_t expected, bint is_final) except -1:
        """Make room for *size* bytes, and within reason for the *expected* ones they begin."""
        cdef Py_ssize_t limit = self._size + expected if is_final else self._max_size
        cdef Py_ssize_t room = self._size + min(expected, MAX_AHEAD_BYTES)
        if self._payload is not NULL and self._size + size <= self._room:
            return 0
        room = min(max(room, 2 * self._room, USUAL_MESSAGE_BYTES), limit)
        room = max(room, self._size + size)
        if self._payload is NULL:
            self._payload = new_bytes(NULL, room)
        else:
            # Where this fails, the pointer is NULL and the old bytes are gone.
            _PyBytes_Resize(&self._payload, room)
        self._room = room
        return 0

    cdef int _end_piece(self, bint is_last) except -1:
        """A piece of the payload has come: end the message, or see that it can still be text."""
        cdef Py_ssize_t size
        if is_last:
            return self._end_message(None)
        if self._opcode == Opcode.TEXT:
            size = text_size(
                <unsigned char*>data_of(self._payload) + self._checked_bytes,
                self._size - self._checked_bytes,
            )
            if size < 0:
                raise WebSocketError("a text message is not UTF-8", code=1007)
            self._checked_bytes += size
        return 0

    cdef int _end_message(self, bytes payload) except -1:
        """Give the sink the message, whose bytes are *payload* or were kept."""
        cdef object message = payload
        if self._opcode == Opcode.BINARY and payload is None:
            message = self._take_payload()
        elif payload is None:
            message = decode_text(data_of(self._payload), self._size)
        elif self._opcode == Opcode.TEXT:
            message = decode_text(PyBytes_AS_STRING(payload), PyBytes_GET_SIZE(payload))
        self._forget_message()
        self._sink.on_message(message)
        return 0

    cdef bytes _take_payload(self):
        """The bytes kept of the message, cut to their size; they are nobody else's from now on."""
        cdef bytes payload
        if self._size != self._room:
            _PyBytes_Resize(&self._payload, self._size)
        payload = <bytes>self._payload
        Py_CLEAR(self._payload)
        return payload


cdef str decode_text(char* payload, Py_ssize_t size):
    """The text of a whole message (RFC 6455 section 8.1)."""
    try:
        return PyUnicode_DecodeUTF8(payload, size, NULL)
    except UnicodeDecodeError:
        raise WebSocketError("a text message is not UTF-8", code=1007) from None
