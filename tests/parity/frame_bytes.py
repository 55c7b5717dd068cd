"""Frames of a client for differential tests: made by a grammar, then damaged, then cut into pieces.

All choices come from the ``random.Random`` that is passed in, as in ``request_bytes.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from zlib import Z_SYNC_FLUSH, compressobj

from tests.frame_traces import close_payload
from tests.ws_peer import BINARY, CLOSE, PING, PONG, TEXT, client_frame

__all__ = ["FrameSample", "make_frames"]

RSV1 = 0x40
TEXTS = (
    "a",
    "text ",
    "é",
    "€",
    "🌍",
    "\x00",
    "\x7f",
    "\u07ff",
    "\u0800",
    "\ud7ff",
    "\ue000",
    "\uffff",
)
NOT_TEXTS = (
    *(b"\xff", b"\x80", b"\xc0\x80", b"\xc3(", b"\xe0\x80\x80", b"\xe2\x82", b"\xe2\x82(", b"\xf5"),
    *(b"\xed\xa0\x80", b"\xed\xbf", b"\xf0\x80\x80\x80", b"\xf0\x9f\x8c", b"\xf4\x90\x80\x80"),
)
SIZES = (0, 1, 2, 3, 5, 7, 8, 9, 16, 31, 63, 124, 125, 126, 127, 200, 600)
LARGE_SIZES = (1000, 1023, 1024, 1025, 4000, 65535, 65536, 70000)
CLOSE_CODES = (1000, 1001, 1003, 1007, 1014, 3000, 4999)
OTHER_CLOSE_CODES = (0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 65535)
LIMITS = (1, 10, 125, 126, 500, 5000, 1 << 20, 1 << 20, 1 << 20)


@dataclass
class FrameSample:
    """Bytes to feed, in pieces, and what the reader is made with."""

    pieces: list[bytes]
    max_size: int
    is_deflated: bool


def make_frames(random: Random) -> FrameSample:
    is_deflated = random.random() < 0.4
    compressor = compressobj(wbits=-12) if is_deflated else None
    wire = b"".join(make_message(random, compressor) for _ in range(random.randrange(1, 5)))
    if random.random() < 0.3:
        wire += make_control(random)
    if random.random() < 0.5:
        wire = damage(random, wire)
    return FrameSample(cut(random, wire), random.choice(LIMITS), is_deflated)


def make_message(random: Random, compressor: object) -> bytes:
    opcode = random.choice((TEXT, BINARY))
    payload = make_payload(random, opcode)
    bits = 0
    if compressor is not None and random.random() < 0.6:
        bits = RSV1
        payload = compressor.compress(payload) + compressor.flush(Z_SYNC_FLUSH)  # type: ignore[attr-defined]
        payload = payload[:-4]
    frames = []
    while True:
        is_final = random.random() < 0.6
        size = len(payload) if is_final else random.randrange(len(payload) + 1)
        mask = random.randbytes(4) if random.randrange(8) else b"\0\0\0\0"
        frames.append(client_frame(opcode, payload[:size], is_final=is_final, bits=bits, mask=mask))
        payload = payload[size:]
        if is_final:
            return b"".join(frames)
        opcode = bits = 0
        if random.random() < 0.2:
            frames.append(make_control(random))


def make_payload(random: Random, opcode: int) -> bytes:
    size = random.choice(SIZES if random.random() < 0.9 else LARGE_SIZES)
    if opcode == BINARY:
        return random.randbytes(size)
    if random.random() < 0.5:
        return b"x" * size
    texts = [text.encode() for text in random.choices(TEXTS, k=min(size, 300))]
    if texts and random.random() < 0.15:
        texts[random.randrange(len(texts))] = random.choice(NOT_TEXTS)
    return b"".join(texts)


def make_control(random: Random) -> bytes:
    opcode = random.choice((PING, PONG, PING, PONG, CLOSE))
    if opcode != CLOSE:
        return client_frame(opcode, random.randbytes(random.choice(SIZES[:13])))
    if random.random() < 0.2:
        return client_frame(CLOSE)
    code = random.choice(CLOSE_CODES if random.random() < 0.8 else OTHER_CLOSE_CODES)
    reason = "".join(random.choices(TEXTS, k=random.randrange(12))).encode()
    if random.random() < 0.2:
        reason += random.choice(NOT_TEXTS)
    return client_frame(CLOSE, close_payload(code, reason))


def damage(random: Random, wire: bytes) -> bytes:
    """Change, drop, insert or repeat some bytes; headers are hit more often than their share."""
    damaged = bytearray(wire)
    for _ in range(random.randrange(1, 3)):
        if not damaged:
            break
        at = random.randrange(min(len(damaged), random.choice((4, 16, 200, len(damaged)))))
        kind = random.randrange(5)
        if kind == 0:
            damaged[at] ^= 1 << random.randrange(8)
        elif kind == 1:
            damaged[at] = random.randrange(256)
        elif kind == 2:
            del damaged[at : at + random.randrange(1, 6)]
        elif kind == 3:
            damaged[at:at] = random.randbytes(random.randrange(1, 6))
        else:
            damaged[at:] = random.randbytes(random.randrange(40))
    return bytes(damaged)


def cut(random: Random, wire: bytes) -> list[bytes]:
    mean = random.choice((1, 3, 20, 300, 5000, 1 << 20))
    if mean < 20 and len(wire) > 3000:
        mean = 300
    pieces = []
    while wire:
        size = 1 + int(min(random.expovariate(1 / mean), len(wire)))
        pieces.append(wire[:size])
        wire = wire[size:]
    return pieces
