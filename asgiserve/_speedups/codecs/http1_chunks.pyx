# cython: language_level=3, freethreading_compatible=True
"""Accelerated twin of ``codecs/http1_chunks.py``: the chunked coding (RFC 9112 section 7.1)."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.string cimport memcpy

from asgiserve.codecs.http1_chunk_line import (
    MAX_CHUNK_EXTENSION_BYTES,
    MAX_SIZE_DIGITS,
    SIZE_TOO_LARGE,
    TOO_MANY_EXTENSIONS,
    TRANSITIONS,
    Step,
    describe_refusal,
)
from asgiserve.codecs.http1_syntax import FieldScanner
from asgiserve.errors import HttpRequestError

__all__ = ["ChunkDecoder"]

cdef enum:
    # As in Step; checked below.
    DATA = 0
    TRAILERS = 1
    DONE = 2
    DATA_CR = 3
    SIZE = 5
    SIZE_DIGITS = 6
    AFTER_PART = 8
    STEPS = 17
    REFUSED = 255

cdef Py_ssize_t EXTENSION_LIMIT = MAX_CHUNK_EXTENSION_BYTES
cdef int DIGIT_LIMIT = MAX_SIZE_DIGITS
cdef unsigned char[STEPS * 256] THEN


cdef class ChunkDecoder:
    """Decodes one chunked body; ``trailers`` stand when ``is_done``."""

    def __init__(self, Py_ssize_t max_trailer_bytes, Py_ssize_t max_fields):
        self.trailers = []
        self._max_trailer_bytes = max_trailer_bytes
        self._max_fields = max_fields
        self._step = SIZE

    @property
    def is_done(self):
        """Whether the body and its trailer section are complete."""
        return self.has_ended()

    cpdef Py_ssize_t decode(self, bytes data, Py_ssize_t position, list pieces) except -1:
        """Decode *data* from *position*, and append its body bytes to *pieces*."""
        cdef const unsigned char* start = <const unsigned char*>PyBytes_AS_STRING(data)
        cdef const unsigned char* end = start + PyBytes_GET_SIZE(data)
        cdef const unsigned char* p = start + position
        cdef Py_ssize_t size
        while p != end:
            if self._step == DATA:
                size = <Py_ssize_t>min(<unsigned long long>(end - p), self._size)
                if size == PyBytes_GET_SIZE(data):
                    pieces.append(data)
                else:
                    pieces.append(PyBytes_FromStringAndSize(<const char*>p, size))
                p += size
                self._size -= <unsigned long long>size
                if self._size == 0:
                    self._step = DATA_CR
            elif self._step == TRAILERS:
                return self._read_trailers(data, p - start)
            elif self._step == DONE:
                break
            else:
                p = self._read_line(p, end)
        return p - start

    # What follows is written otherwise in the pure twin.

    cdef bint has_ended(self) noexcept:
        return self._step == DONE

    cdef const unsigned char* _read_line(
        self, const unsigned char* p, const unsigned char* end
    ) except NULL:
        """Read on up to chunk data, trailers, or *end*; the place reached."""
        cdef int step = self._step
        cdef int then
        while p != end:
            then = THEN[step << 8 | p[0]]
            if then == REFUSED:
                raise HttpRequestError(describe_refusal(step))
            if then == SIZE_DIGITS:
                self._digit_count += 1
                if self._digit_count > DIGIT_LIMIT:
                    raise HttpRequestError(SIZE_TOO_LARGE)
                # Letters end in 1 to 6, in either case.
                self._size = self._size << 4 | ((p[0] & 15) + (9 if p[0] > 57 else 0))
            elif then >= AFTER_PART:
                self._extension_bytes += 1
                if self._extension_bytes > EXTENSION_LIMIT:
                    raise HttpRequestError(TOO_MANY_EXTENSIONS)
            p += 1
            step = then
            if step == DATA:
                if self._size == 0:
                    step = TRAILERS
                self._digit_count = 0
                break
        self._step = step
        return p

    cdef Py_ssize_t _read_trailers(self, bytes data, Py_ssize_t position) except -1:
        cdef const char* p = PyBytes_AS_STRING(data) + position
        cdef Py_ssize_t left = PyBytes_GET_SIZE(data) - position
        if self._trailer_scanner is None:
            # Fast lane: hardly any body has trailers.
            if left >= 2 and p[0] == 13 and p[1] == 10 and self._max_trailer_bytes >= 2:
                self._step = DONE
                return position + 2
            self._trailer_scanner = FieldScanner(
                self._max_trailer_bytes, self._max_fields, follows_chunks=True
            )
        used = self._trailer_scanner.feed(data[position:])
        if used < 0:
            return position + left
        self.trailers = self._trailer_scanner.headers
        self._step = DONE
        return position + used


cdef int take_table() except -1:
    """Take the table over from ``codecs/http1_chunk_line.py``."""
    cdef bytes table = TRANSITIONS
    names = ("DATA", "TRAILERS", "DONE", "DATA_CR", "SIZE", "SIZE_DIGITS", "AFTER_PART")
    numbers = (DATA, TRAILERS, DONE, DATA_CR, SIZE, SIZE_DIGITS, AFTER_PART)
    if tuple([Step[name] for name in names]) != numbers or len(table) != sizeof(THEN):
        raise ImportError("the steps of http1_chunk_line.py are not those compiled in")
    memcpy(THEN, PyBytes_AS_STRING(table), sizeof(THEN))
    return 0


take_table()
