"""WebSocket frames: headers, masks and whole frames as wire bytes (RFC 6455 section 5).

What frames make together is not decided here but in ``ws_messages.py``.
"""

from __future__ import annotations

from codecs import utf_8_decode
from enum import IntEnum
from typing import NamedTuple

from asgiserve.errors import WebSocketError

try:
    from websockets.speedups import apply_mask
except ImportError:  # websockets without its compiled part
    from websockets.utils import apply_mask

__all__ = [
    "JOIN_LIMIT_BYTES",
    "Opcode",
    "frame_binary",
    "frame_close",
    "frame_compressed",
    "frame_control",
    "frame_text",
]

# Up to this size a payload is copied behind its header: one small write is cheaper than two. Above,
# it is not copied.
JOIN_LIMIT_BYTES = 16384

# The bits of a header's first two bytes (RFC 6455 section 5.2).
FINAL = 0x80
COMPRESSED = 0x40  # RSV1 (RFC 7692 section 6)
RESERVED = 0x70
MASKED = 0x80

# Two bytes, a length of eight and the masking key.
MAX_HEADER_BYTES = 14
MAX_CONTROL_BYTES = 125
NO_CLOSE_CODE = 1005


class Opcode(IntEnum):
    """What a frame is (RFC 6455 section 5.2)."""

    CONTINUATION = 0
    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9
    PONG = 10


OPCODES = frozenset(Opcode)


def frame_text(text: str) -> list[bytes]:
    """Frame a whole text message; one buffer, or header and payload when that is large.

    Raises:
        UnicodeEncodeError: *text* has a lone surrogate.
    """
    return join_frame(FINAL | Opcode.TEXT, text.encode())


def frame_binary(data: bytes) -> list[bytes]:
    """Frame a whole binary message; one buffer, or header and *data* when that is large."""
    return join_frame(FINAL | Opcode.BINARY, data)


def frame_compressed(opcode: int, payload: bytes) -> list[bytes]:
    """Frame a whole message that was deflated (RFC 7692 section 6.1), as ``frame_text`` does.

    Args:
        opcode: TEXT or BINARY, for what *payload* inflates to.
        payload: without the four bytes at the end of a flush.
    """
    return join_frame(FINAL | COMPRESSED | opcode, payload)


def frame_control(opcode: int, payload: bytes) -> bytes:
    """Frame CLOSE, PING or PONG (RFC 6455 section 5.5).

    Raises:
        ValueError: *payload* is longer than 125 bytes.
    """
    if len(payload) > MAX_CONTROL_BYTES:
        raise ValueError(f"payload of a control frame has {len(payload)} bytes, more than 125")
    return bytes((FINAL | opcode, len(payload))) + payload


def frame_close(code: int, reason: str) -> bytes:
    """Frame a CLOSE (RFC 6455 section 5.5.1).

    Args:
        code: 1005 makes an empty payload.
        reason: cut to 123 bytes of UTF-8, at a character; lone surrogates become question marks.
    """
    if code == NO_CLOSE_CODE:
        return frame_control(Opcode.CLOSE, b"")
    room = MAX_CONTROL_BYTES - 2
    encoded = reason.encode("utf-8", "replace")
    if len(encoded) > room:
        encoded = encoded[:room].decode("utf-8", "ignore").encode()
    return frame_control(Opcode.CLOSE, code.to_bytes(2) + encoded)


class FrameHeader(NamedTuple):
    """What the header of a peer's frame says, and its *size* in bytes."""

    size: int
    opcode: int
    is_final: bool
    is_compressed: bool
    length: int
    mask: bytes


def read_header(
    data: bytes,
    position: int,
    *,
    is_message_open: bool,
    allows_compression: bool,
    max_length: int,
) -> FrameHeader | None:
    """Read the header of a client's frame; None while it is incomplete.

    Each error is raised as soon as the bytes that tell it are there.

    Args:
        data: holds the header from *position* on.
        position: of the first byte.
        is_message_open: the frames so far make a message that lacks its end.
        allows_compression: RSV1 may be set on the first frame of a message.
        max_length: bytes of payload that a data frame may have; a compressed one is measured where
            it is inflated.

    Raises:
        WebSocketError: 1002, or 1009 for a longer payload.
    """
    end = len(data)
    if position == end:
        return None
    first = data[position]
    check_first_byte(first, is_message_open, allows_compression)
    if position + 1 == end:
        return None
    opcode = first & 0x0F
    length = data[position + 1] & ~MASKED
    check_second_byte(data[position + 1], opcode)
    key = position + 2
    if length >= 126:
        # Two bytes of length follow, or eight.
        least = 126 if length == 126 else 65536
        key += 2 if length == 126 else 8
        if key > end:
            return None
        length = int.from_bytes(data[position + 2 : key], "big")
        if length >> 63:
            raise WebSocketError("a frame's length has its top bit set")
        if length < least:
            raise WebSocketError("a frame's length is not in its shortest form")
    is_compressed = bool(first & COMPRESSED)
    if length > max_length and opcode < Opcode.CLOSE and not is_compressed:
        raise WebSocketError(f"a frame of {length} bytes makes the message too large", code=1009)
    if key + 4 > end:
        return None
    mask = data[key : key + 4]
    size = key + 4 - position
    return FrameHeader(size, opcode, bool(first & FINAL), is_compressed, length, mask)


def check_first_byte(first: int, is_message_open: bool, allows_compression: bool) -> None:
    """Check what the first byte of a header says, as ``read_header`` does."""
    opcode = first & 0x0F
    reserved = first & RESERVED
    if reserved and not (
        reserved == COMPRESSED and allows_compression and opcode in (Opcode.TEXT, Opcode.BINARY)
    ):
        raise WebSocketError("reserved bits are set")
    if opcode not in OPCODES:
        raise WebSocketError(f"opcode {opcode} is reserved")
    if opcode >= Opcode.CLOSE:
        if not first & FINAL:
            raise WebSocketError("a control frame is fragmented")
    elif is_message_open and opcode != Opcode.CONTINUATION:
        raise WebSocketError("a new message begins before the last one has ended")
    elif not is_message_open and opcode == Opcode.CONTINUATION:
        raise WebSocketError("a continuation frame has no message to continue")


def check_second_byte(second: int, opcode: int) -> None:
    """Check the mask bit, and the length where a control frame has to be short."""
    if not second & MASKED:
        raise WebSocketError("a frame is not masked")
    length = second & ~MASKED
    if opcode >= Opcode.CLOSE and length > MAX_CONTROL_BYTES:
        raise WebSocketError("a control frame has more than 125 bytes")
    if opcode == Opcode.CLOSE and length == 1:
        raise WebSocketError("a close frame has a payload of 1 byte")


def unmask(payload: bytes, mask: bytes, offset: int) -> bytes:
    """Take the mask off a piece that begins *offset* bytes into its payload (section 5.3)."""
    turn = offset & 3
    return apply_mask(payload, mask[turn:] + mask[:turn])


def read_close(payload: bytes, is_complete: bool) -> tuple[int, str]:
    """Code and reason of a CLOSE (RFC 6455 section 5.5.1), as far as they have come.

    Raises:
        WebSocketError: 1002 for the code, 1007 for the reason.
    """
    if len(payload) < 2:
        return NO_CLOSE_CODE, ""
    code = int.from_bytes(payload[:2], "big")
    if not is_close_code(code):
        raise WebSocketError(f"close code {code} is not allowed")
    reason = payload[2:]
    size = text_size(reason)
    if size < 0 or (is_complete and size < len(reason)):
        raise WebSocketError("a close reason is not UTF-8", code=1007)
    return code, reason[:size].decode()


def is_close_code(code: int) -> bool:
    """Whether *code* may be sent (RFC 6455 section 7.4, and IANA's registry up to 1014)."""
    return 1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999


def text_size(payload: bytes | bytearray) -> int:
    """How many bytes are whole characters; -1 when what follows them cannot become one."""
    try:
        size = utf_8_decode(payload, "strict", False)[1]
    except UnicodeDecodeError:
        return -1
    # A surrogate is wrong from its second byte on; the decoder waits for the third, since error
    # handlers want all of it.
    if payload[size : size + 1] == b"\xed" and payload[size + 1 : size + 2] >= b"\xa0":
        return -1
    return size


def join_frame(first: int, payload: bytes) -> list[bytes]:
    """Put a header before *payload*: in one buffer, or in one of its own before a large payload."""
    length = len(payload)
    if length < 126:
        return [bytes((first, length)) + payload]
    if length < 65536:
        header = bytes((first, 126)) + length.to_bytes(2, "big")
    else:
        header = bytes((first, 127)) + length.to_bytes(8, "big")
    return [header + payload] if length <= JOIN_LIMIT_BYTES else [header, payload]
