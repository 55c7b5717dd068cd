"""The chunked transfer coding, read piece by piece (RFC 9112 section 7.1).

The grammar of what stands between the data is a table in ``http1_chunk_line.py``. Extensions are
checked, counted and dropped.
"""

from __future__ import annotations

import re

from asgiserve.codecs.http1_chunk_line import (
    MAX_CHUNK_EXTENSION_BYTES,
    MAX_SIZE_DIGITS,
    REFUSED,
    SIZE_TOO_LARGE,
    TOO_MANY_EXTENSIONS,
    TRANSITIONS,
    Step,
    describe_refusal,
)
from asgiserve.codecs.http1_syntax import FieldScanner
from asgiserve.errors import HttpRequestError

__all__ = ["ChunkDecoder"]

# Integers, because a step is looked up for each byte.
DATA, TRAILERS, DONE, DATA_CR, SIZE = map(
    int, (Step.DATA, Step.TRAILERS, Step.DONE, Step.DATA_CR, Step.SIZE)
)
SIZE_DIGITS, AFTER_PART = int(Step.SIZE_DIGITS), int(Step.AFTER_PART)

# All that is between two pieces of data, without extensions, by the step that it begins with.
SHORT_LINES = {
    DATA_CR: re.compile(rb"\r\n([0-9A-Fa-f]{1,16})\r\n"),
    SIZE: re.compile(rb"([0-9A-Fa-f]{1,16})\r\n"),
}


class ChunkDecoder:
    """Decodes one chunked body; ``trailers`` stand when ``is_done``.

    Args:
        max_trailer_bytes: limit for the trailer section, the empty line included.
        max_fields: limit for the number of trailers.
    """

    __slots__ = (
        "_digit_count",
        "_extension_bytes",
        "_max_fields",
        "_max_trailer_bytes",
        "_size",
        "_step",
        "_trailer_scanner",
        "trailers",
    )

    def __init__(self, max_trailer_bytes: int, max_fields: int) -> None:
        self.trailers: list[tuple[bytes, bytes]] = []
        self._max_trailer_bytes = max_trailer_bytes
        self._max_fields = max_fields
        self._step = SIZE
        # Of the chunk: its size, later what is missing of it.
        self._size = 0
        self._digit_count = 0
        self._extension_bytes = 0
        self._trailer_scanner: FieldScanner | None = None

    @property
    def is_done(self) -> bool:
        """Whether the body and its trailer section are complete."""
        return self._step == DONE

    def decode(self, data: bytes, position: int, pieces: list[bytes]) -> int:
        """Decode *data* from *position*, and append its body bytes to *pieces*.

        Returns:
            The position behind the last byte used.

        Raises:
            HttpRequestError: the bytes before the error have been added to *pieces*.
        """
        end = len(data)
        while position < end:
            step = self._step
            if step == DATA:
                taken = data[position : position + self._size]
                pieces.append(taken)
                position += len(taken)
                self._size -= len(taken)
                if not self._size:
                    self._step = DATA_CR
            elif step == TRAILERS:
                return self._read_trailers(data, position)
            elif step == DONE:
                return position
            else:
                position = self._read_line(data, position)
        return position

    def _read_line(self, data: bytes, position: int) -> int:
        """Read on up to chunk data, trailers, or the end of *data*; the position reached."""
        short_line = SHORT_LINES.get(self._step)
        match = None if short_line is None else short_line.match(data, position)
        if match is not None:
            self._size = int(match[1], 16)
            self._begin_chunk()
            return match.end()
        for at in range(position, len(data)):
            self._take_byte(data[at])
            if self._step < DATA_CR:
                return at + 1
        return len(data)

    def _take_byte(self, byte: int) -> None:
        then = TRANSITIONS[self._step << 8 | byte]
        if then == REFUSED:
            raise HttpRequestError(describe_refusal(self._step))
        self._step = then
        if then == SIZE_DIGITS:
            self._digit_count += 1
            if self._digit_count > MAX_SIZE_DIGITS:
                raise HttpRequestError(SIZE_TOO_LARGE)
            self._size = self._size << 4 | int(chr(byte), 16)
        elif then >= AFTER_PART:
            self._extension_bytes += 1
            if self._extension_bytes > MAX_CHUNK_EXTENSION_BYTES:
                raise HttpRequestError(TOO_MANY_EXTENSIONS)
        elif then == DATA:
            self._begin_chunk()

    def _begin_chunk(self) -> None:
        self._step = DATA if self._size else TRAILERS
        self._digit_count = 0

    def _read_trailers(self, data: bytes, position: int) -> int:
        scanner = self._trailer_scanner
        if scanner is None:
            # Fast lane: hardly any body has trailers.
            if self._max_trailer_bytes >= 2 and data.startswith(b"\r\n", position):
                self._step = DONE
                return position + 2
            scanner = FieldScanner(self._max_trailer_bytes, self._max_fields, follows_chunks=True)
            self._trailer_scanner = scanner
        used = scanner.feed(data[position:])
        if used < 0:
            return len(data)
        self.trailers = scanner.headers
        self._step = DONE
        return position + used
