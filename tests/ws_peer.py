"""A WebSocket client's side in bytes, written without the code under test (RFC 6455 section 5)."""

from __future__ import annotations

import struct
from typing import NamedTuple

__all__ = ["Frame", "client_close", "client_frame", "handshake", "read_frames", "split_answer"]

MASK = b"\x12\x34\xab\xcd"

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


class Frame(NamedTuple):
    """One frame as it came from the server."""

    opcode: int
    payload: bytes
    is_final: bool = True
    is_compressed: bool = False


def handshake(path: str = "/", **fields: str | None) -> bytes:
    """The request of a client; *fields* by names with underscores, None leaves one out."""
    values = {
        "host": "a",
        "upgrade": "websocket",
        "connection": "Upgrade",
        "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
        "sec-websocket-version": "13",
        **{name.replace("_", "-"): value for name, value in fields.items()},
    }
    lines = [f"{name}: {value}\r\n" for name, value in values.items() if value is not None]
    return f"GET {path} HTTP/1.1\r\n{''.join(lines)}\r\n".encode()


def client_frame(
    opcode: int,
    payload: bytes = b"",
    *,
    is_final: bool = True,
    is_compressed: bool = False,
    bits: int = 0,
    mask: bytes = MASK,
) -> bytes:
    """A masked frame; *bits* are set in its first byte."""
    size = len(payload)
    first = opcode | (0x80 if is_final else 0) | (0x40 if is_compressed else 0) | bits
    if size < 126:
        head = struct.pack("!BB", first, 0x80 | size)
    elif size < 65536:
        head = struct.pack("!BBH", first, 0x80 | 126, size)
    else:
        head = struct.pack("!BBQ", first, 0x80 | 127, size)
    return head + mask + bytes(byte ^ mask[at & 3] for at, byte in enumerate(payload))


def client_close(code: int | None = None, reason: str = "") -> bytes:
    """A close frame; None for one without a code."""
    payload = b"" if code is None else struct.pack("!H", code) + reason.encode()
    return client_frame(CLOSE, payload)


def split_answer(data: bytes) -> tuple[bytes, bytes]:
    """The head of the server's answer to the handshake, and what follows it."""
    head, mark, rest = data.partition(b"\r\n\r\n")
    return head + mark, rest


def read_frames(data: bytes) -> list[Frame]:
    """The server's frames, which must be whole and unmasked."""
    frames = []
    while data:
        first, size = data[0], data[1]
        assert size < 128, "a server must not mask"
        at = 2
        if size == 126:
            (size,), at = struct.unpack_from("!H", data, 2), 4
        elif size == 127:
            (size,), at = struct.unpack_from("!Q", data, 2), 10
        assert len(data) >= at + size, "the last frame is not whole"
        frames.append(
            Frame(first & 15, data[at : at + size], bool(first & 0x80), bool(first & 0x40))
        )
        data = data[at + size :]
    return frames
