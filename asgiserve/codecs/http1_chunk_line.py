"""What stands between the data of chunks, as a table that both parsers walk (RFC 9112 section 7.1).

The grammar is the RFC's to the letter: whitespace around semicolons and equals signs is read over,
names and values of extensions are never empty, and line ends are CRLF.
"""

from __future__ import annotations

from enum import IntEnum

__all__ = [
    "MAX_CHUNK_EXTENSION_BYTES",
    "MAX_SIZE_DIGITS",
    "REFUSED",
    "SIZE_TOO_LARGE",
    "TOO_MANY_EXTENSIONS",
    "TRANSITIONS",
    "Step",
    "describe_refusal",
]

# Extensions of one message together, with their whitespace and punctuation; nobody uses them but
# those who want to waste our time.
MAX_CHUNK_EXTENSION_BYTES = 16384
# Leading zeros included: so many digits fit into 64 bits, and zeros are no way to send for ever.
MAX_SIZE_DIGITS = 16

# Why chunks are refused.
MALFORMED_SIZE = "malformed chunk size"
SIZE_TOO_LARGE = "chunk size too large"
MALFORMED_EXTENSION = "malformed chunk extension"
TOO_MANY_EXTENSIONS = f"more than {MAX_CHUNK_EXTENSION_BYTES} bytes of chunk extensions"
NO_SIZE_LF = "no LF after the CR of a chunk-size line"
NO_DATA_CRLF = "no CRLF after chunk data"


class Step(IntEnum):
    """What comes next of a chunked body; from ``AFTER_PART`` on it belongs to an extension."""

    DATA = 0  # chunk data
    TRAILERS = 1  # the trailer section
    DONE = 2  # nothing
    DATA_CR = 3  # the CR after chunk data
    DATA_LF = 4  # the LF after chunk data
    SIZE = 5  # the first digit of a chunk size
    SIZE_DIGITS = 6  # more digits, or the end of the size
    SIZE_LF = 7  # the LF of a chunk-size line
    AFTER_PART = 8  # the semicolon after whitespace
    NAME_START = 9  # the name of an extension
    NAME = 10  # more of the name
    AFTER_NAME = 11  # the equals sign or the semicolon after whitespace
    VALUE_START = 12  # the value of an extension
    VALUE = 13  # more of a value without quotes
    QUOTED = 14  # more of a quoted value
    QUOTED_PAIR = 15  # the byte after a backslash
    QUOTED_END = 16  # the end of an extension


DIGITS = b"0123456789ABCDEFabcdef"
TOKEN = b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
BLANKS = b" \t"
QUOTABLE = bytes((0x09, *range(0x20, 0x7F), *range(0x80, 0x100)))
UNQUOTED = QUOTABLE.translate(None, b'"\\')

END_OF_PART = ((BLANKS, Step.AFTER_PART), (b";", Step.NAME_START), (b"\r", Step.SIZE_LF))
GRAMMAR = {
    Step.DATA_CR: ((b"\r", Step.DATA_LF),),
    Step.DATA_LF: ((b"\n", Step.SIZE),),
    Step.SIZE: ((DIGITS, Step.SIZE_DIGITS),),
    Step.SIZE_DIGITS: ((DIGITS, Step.SIZE_DIGITS), *END_OF_PART),
    # Or TRAILERS after a size of zero.
    Step.SIZE_LF: ((b"\n", Step.DATA),),
    Step.AFTER_PART: ((BLANKS, Step.AFTER_PART), (b";", Step.NAME_START)),
    Step.NAME_START: ((BLANKS, Step.NAME_START), (TOKEN, Step.NAME)),
    Step.NAME: (
        (TOKEN, Step.NAME),
        (BLANKS, Step.AFTER_NAME),
        (b"=", Step.VALUE_START),
        (b";", Step.NAME_START),
        (b"\r", Step.SIZE_LF),
    ),
    Step.AFTER_NAME: (
        (BLANKS, Step.AFTER_NAME),
        (b"=", Step.VALUE_START),
        (b";", Step.NAME_START),
    ),
    Step.VALUE_START: ((BLANKS, Step.VALUE_START), (TOKEN, Step.VALUE), (b'"', Step.QUOTED)),
    Step.VALUE: ((TOKEN, Step.VALUE), *END_OF_PART),
    Step.QUOTED: (
        (UNQUOTED, Step.QUOTED),
        (b"\\", Step.QUOTED_PAIR),
        (b'"', Step.QUOTED_END),
    ),
    Step.QUOTED_PAIR: ((QUOTABLE, Step.QUOTED),),
    Step.QUOTED_END: END_OF_PART,
}
REFUSED = 255


def make_transitions() -> bytes:
    """The step that follows *step* at *byte*, at ``step * 256 + byte``; REFUSED for none."""
    table = bytearray([REFUSED]) * (len(Step) * 256)
    for step, branches in GRAMMAR.items():
        for row, then in branches:
            for byte in row:
                table[step * 256 + byte] = then
    return bytes(table)


TRANSITIONS = make_transitions()

REASONS = {
    Step.DATA_CR: NO_DATA_CRLF,
    Step.DATA_LF: NO_DATA_CRLF,
    Step.SIZE: MALFORMED_SIZE,
    Step.SIZE_DIGITS: MALFORMED_SIZE,
    Step.SIZE_LF: NO_SIZE_LF,
}


def describe_refusal(step: int) -> str:
    """Why a byte is refused that does not go on from *step*."""
    return REASONS.get(Step(step), MALFORMED_EXTENSION)
