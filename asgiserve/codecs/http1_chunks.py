"""The chunked transfer coding, read piece by piece (RFC 9112 section 7.1).

The grammar is that of llhttp in strict mode. Extensions are checked, counted and dropped. The
compiled parser leaves all this to llhttp, and takes the reasons of refusals from here.
"""

from __future__ import annotations

import re
from enum import Enum

from asgiserve.codecs.http1_request_line import TOKEN_RUN, run_end
from asgiserve.codecs.http1_syntax import FieldScanner
from asgiserve.errors import HttpRequestError

__all__ = [
    "MAX_CHUNK_EXTENSION_BYTES",
    "TOO_MANY_EXTENSIONS",
    "ChunkDecoder",
    "reword_llhttp_reason",
]

# Extensions of one message together; nobody uses them but those who want to waste our time.
MAX_CHUNK_EXTENSION_BYTES = 16384
# For each name beside its bytes: names may be empty.
NAME_COST_BYTES = 1
MAX_CHUNK_SIZE = 2**64 - 1

# Why chunks are refused. The wrong byte is not named: llhttp does not always say which one it is.
MALFORMED_SIZE = "malformed chunk size"
SIZE_TOO_LARGE = "chunk size too large"
MALFORMED_EXTENSION = "malformed chunk extension"
TOO_MANY_EXTENSIONS = f"more than {MAX_CHUNK_EXTENSION_BYTES} bytes of chunk extensions"
NO_SIZE_LF = "no LF after the CR of a chunk-size line"
NO_DATA_CRLF = "no CRLF after chunk data"

LLHTTP_REASONS = {
    "Chunk size overflow": SIZE_TOO_LARGE,
    "Invalid character in chunk size": MALFORMED_SIZE,
    "Missing expected CR after chunk size": MALFORMED_SIZE,
    "Expected LF after chunk size": NO_SIZE_LF,
    "Missing expected CR after chunk data": NO_DATA_CRLF,
    "Expected LF after chunk data": NO_DATA_CRLF,
}

SHORT_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,15})\r\n")
HEX_DIGITS = re.compile(rb"[0-9A-Fa-f]*")
# llhttp 9.3 takes DEL in a quoted string.
QUOTED_RUN = re.compile(rb"[\t\x20!#-\[\]-\xff]*")
CR, LF, SP, QUOTE, SEMICOLON, EQUALS, BACKSLASH = b'\r\n ";=\\'


class Step(Enum):
    """What the decoder expects next."""

    SIZE = "the first digit of a chunk size"
    SIZE_DIGITS = "more digits, or the end of the size"
    NAME_START = "the name of an extension"
    NAME = "more of the name"
    VALUE_START = "the value of an extension"
    VALUE = "more of the value"
    QUOTED = "more of a quoted value"
    QUOTED_PAIR = "the byte after a backslash"
    QUOTED_END = "what follows a quoted value"
    SIZE_LF = "the LF of a chunk-size line"
    DATA = "chunk data"
    DATA_CR = "the CR after chunk data"
    DATA_LF = "the LF after chunk data"
    TRAILERS = "the trailer section"
    DONE = "nothing"


# Every other step that can fail is in an extension.
REASONS = {
    Step.SIZE: MALFORMED_SIZE,
    Step.SIZE_DIGITS: MALFORMED_SIZE,
    Step.SIZE_LF: NO_SIZE_LF,
    Step.DATA_CR: NO_DATA_CRLF,
    Step.DATA_LF: NO_DATA_CRLF,
}


class ChunkDecoder:
    """Decodes one chunked body; ``trailers`` stand when ``is_done``.

    Args:
        max_trailer_bytes: limit for the trailer section, the empty line included.
        max_fields: limit for the number of trailers.
    """

    __slots__ = (
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
        self._step = Step.SIZE
        self._size = 0
        self._extension_bytes = 0
        self._trailer_scanner: FieldScanner | None = None

    @property
    def is_done(self) -> bool:
        """Whether the body and its trailer section are complete."""
        return self._step is Step.DONE

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
            if step is Step.SIZE:
                position = self._read_size_line(data, position)
            elif step is Step.DATA:
                taken = data[position : position + self._size]
                pieces.append(taken)
                position += len(taken)
                self._size -= len(taken)
                if not self._size:
                    self._step = Step.DATA_CR
            elif step is Step.DATA_CR:
                self._expect(data, position, CR, Step.DATA_LF)
                position += 1
            elif step is Step.DATA_LF:
                self._expect(data, position, LF, Step.SIZE)
                position += 1
            elif step is Step.TRAILERS:
                return self._read_trailers(data, position)
            elif step is Step.DONE:
                return position
            else:
                position = self._read_size_rest(data, position)
        return position

    def _expect(self, data: bytes, position: int, byte: int, then: Step) -> None:
        if data[position] != byte:
            raise self._error()
        self._step = then

    def _error(self) -> HttpRequestError:
        return HttpRequestError(REASONS.get(self._step, MALFORMED_EXTENSION))

    def _read_size_line(self, data: bytes, position: int) -> int:
        # Fast lane for a chunk-size line in one piece, without extensions.
        match = SHORT_SIZE_LINE.match(data, position)
        if match is not None:
            self._size = int(match[1], 16)
            self._begin_chunk()
            return match.end()
        self._size = 0
        end = self._add_size_digits(data, position)
        if end == position:
            raise self._error()
        self._step = Step.SIZE_DIGITS
        return end

    def _begin_chunk(self) -> None:
        self._step = Step.DATA if self._size else Step.TRAILERS

    def _add_size_digits(self, data: bytes, position: int) -> int:
        end = run_end(HEX_DIGITS, data, position)
        # At most 16 digits at a time, so that the number stays small.
        for start in range(position, end, 16):
            digits = data[start : min(start + 16, end)]
            self._size = (self._size << 4 * len(digits)) + int(digits, 16)
            if self._size > MAX_CHUNK_SIZE:
                raise HttpRequestError(SIZE_TOO_LARGE)
        return end

    def _read_size_rest(self, data: bytes, position: int) -> int:
        """Read what may stand between the first digit of a chunk size and the chunk data."""
        step = self._step
        if step is Step.SIZE_LF:
            self._expect(data, position, LF, step)
            self._begin_chunk()
            return position + 1
        if step is Step.SIZE_DIGITS:
            return self._end_part(data, self._add_size_digits(data, position))
        if step is Step.NAME_START:
            if data[position] in (SP, CR):
                raise self._error()
            self._step = Step.NAME
        elif step is Step.VALUE_START:
            # llhttp tells a name's end at the byte behind the equals sign.
            self._count_extension(NAME_COST_BYTES)
            self._step = Step.VALUE
        if step is Step.QUOTED:
            return self._read_quoted(data, position)
        if step is Step.QUOTED_PAIR:
            byte = data[position]
            if byte != 0x09 and (byte < 0x20 or byte == 0x7F):
                raise self._error()
            self._count_extension(1)
            self._step = Step.QUOTED
            return position + 1
        if step is Step.QUOTED_END:
            return self._end_part(data, position)
        return self._read_token(data, position)

    def _read_token(self, data: bytes, position: int) -> int:
        """Read a piece of an extension's name, or of its value outside of quotes."""
        end = run_end(TOKEN_RUN, data, position)
        self._count_extension(end - position)
        if end == len(data):
            return end
        if self._step is Step.VALUE:
            if data[end] == QUOTE:
                self._count_extension(1)
                self._step = Step.QUOTED
                return end + 1
            return self._end_part(data, end)
        if data[end] == EQUALS:
            self._step = Step.VALUE_START
            return end + 1
        if data[end] in b";\r\n":
            # llhttp tells a name's end at a lone LF too, and only then refuses that.
            self._count_extension(NAME_COST_BYTES)
        return self._end_part(data, end)

    def _read_quoted(self, data: bytes, position: int) -> int:
        end = run_end(QUOTED_RUN, data, position)
        self._count_extension(end - position)
        if end == len(data):
            return end
        if data[end] == QUOTE:
            self._step = Step.QUOTED_END
        elif data[end] == BACKSLASH:
            self._step = Step.QUOTED_PAIR
        else:
            raise self._error()
        self._count_extension(1)
        return end + 1

    def _end_part(self, data: bytes, position: int) -> int:
        """Read the semicolon or the CR that ends a chunk size or an extension."""
        if position == len(data):
            return position
        if data[position] == SEMICOLON:
            self._step = Step.NAME_START
        elif data[position] == CR:
            self._step = Step.SIZE_LF
        else:
            raise self._error()
        return position + 1

    def _count_extension(self, count: int) -> None:
        self._extension_bytes += count
        if self._extension_bytes > MAX_CHUNK_EXTENSION_BYTES:
            raise HttpRequestError(TOO_MANY_EXTENSIONS)

    def _read_trailers(self, data: bytes, position: int) -> int:
        scanner = self._trailer_scanner
        if scanner is None:
            # Fast lane: hardly any body has trailers.
            if self._max_trailer_bytes >= 2 and data.startswith(b"\r\n", position):
                self._step = Step.DONE
                return position + 2
            scanner = FieldScanner(self._max_trailer_bytes, self._max_fields, follows_chunks=True)
            self._trailer_scanner = scanner
        used = scanner.feed(data[position:])
        if used < 0:
            return len(data)
        self.trailers = scanner.headers
        self._step = Step.DONE
        return position + used


def reword_llhttp_reason(reason: str) -> str:
    """What ChunkDecoder says where llhttp says *reason*; *reason* itself if it is not of chunks."""
    if "chunk extension" in reason:
        return MALFORMED_EXTENSION
    return LLHTTP_REASONS.get(reason, reason)
