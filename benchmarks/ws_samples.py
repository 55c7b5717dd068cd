"""The WebSocket messages that the benchmarks send, as frames of RFC 6455 and RFC 7692."""

from __future__ import annotations

import json
import random
import zlib

from benchmarks.samples import encode_request

__all__ = [
    "BINARY",
    "BINARY_64K",
    "CLOSE_FRAME",
    "HANDSHAKE_KEY",
    "HEADER_MAX_BYTES",
    "JSON_MESSAGES",
    "TEXT",
    "TEXT_32B",
    "compress",
    "encode_frame",
    "encode_handshake",
    "mask_payload",
    "read_header",
]

# Opcodes of RFC 6455 section 5.2.
TEXT = 1
BINARY = 2
CLOSE = 8

FIN = 0x80
RSV1 = 0x40
MASKED = 0x80
# The sizes that stand for a longer field, and a header with the longest one and without a mask.
SIZE_IN_2_BYTES = 126
SIZE_IN_8_BYTES = 127
HEADER_MAX_BYTES = 10
# The example of RFC 6455 section 5.7. One key for all: what unmasking costs is not in the key.
MASKING_KEY = bytes.fromhex("37fa213d")
# 16 bytes in base64.
HANDSHAKE_KEY = "YXNnaXNlcnZlLWJlbmNoIQ=="
# What Chromium offers.
DEFLATE_OFFER = ("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits")
COMMENT_WORDS = (
    "the shipment for order has been delayed by customs please confirm new delivery date "
    "with your customer and let us know if we should split it into two parts thanks all"
)
CITIES = ("Berlin", "Lyon", "Porto", "Gdansk", "Utrecht", "Graz", "Aarhus", "Turku")
# What RFC 7692 section 7.2.1 cuts off a message's end.
DEFLATE_TAIL = b"\x00\x00\xff\xff"


def encode_handshake(port: int, *, offers_deflate: bool = False) -> bytes:
    """Write the request that opens a WebSocket (RFC 6455 section 4.1)."""
    return encode_request(
        (
            ("Host", f"127.0.0.1:{port}"),
            ("Connection", "Upgrade"),
            ("Upgrade", "websocket"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", HANDSHAKE_KEY),
            *([DEFLATE_OFFER] if offers_deflate else []),
        )
    )


def encode_frame(
    payload: bytes, opcode: int, *, is_compressed: bool = False, is_masked: bool = True
) -> bytes:
    """Write a message of one frame, masked as a client's unless *is_masked* says otherwise."""
    mask_bit = MASKED if is_masked else 0
    head = bytes([FIN | (RSV1 if is_compressed else 0) | opcode])
    if len(payload) < SIZE_IN_2_BYTES:
        head += bytes([mask_bit | len(payload)])
    elif len(payload) < 1 << 16:
        head += bytes([mask_bit | SIZE_IN_2_BYTES]) + len(payload).to_bytes(2)
    else:
        head += bytes([mask_bit | SIZE_IN_8_BYTES]) + len(payload).to_bytes(8)
    return head + MASKING_KEY + mask_payload(payload) if is_masked else head + payload


def mask_payload(payload: bytes) -> bytes:
    """Apply the masking key; a second time takes it off (RFC 6455 section 5.3)."""
    key = (MASKING_KEY * (len(payload) // 4 + 1))[: len(payload)]
    return (int.from_bytes(payload) ^ int.from_bytes(key)).to_bytes(len(payload))


def read_header(data: bytes) -> tuple[int, int] | None:
    """Read the header of a server's frame: its own size and the payload's; None: incomplete."""
    if len(data) < 2:
        return None
    header_bytes = {SIZE_IN_2_BYTES: 4, SIZE_IN_8_BYTES: 10}.get(data[1], 2)
    if len(data) < header_bytes:
        return None
    return header_bytes, int.from_bytes(data[2:header_bytes]) if header_bytes > 2 else data[1]


def compress(payload: bytes) -> bytes:
    """Compress a message (RFC 7692 section 7.2.1) so that it is right at any time.

    The context is a fresh one: the result refers to no message before it, which is allowed whether
    a context is taken over or not, and to nothing that a window of its own size would not hold.
    """
    deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    data = deflate.compress(payload) + deflate.flush(zlib.Z_SYNC_FLUSH)
    return data.removesuffix(DEFLATE_TAIL)


def make_json_messages(count: int, size: int) -> tuple[bytes, ...]:
    """Make *count* different messages of *size* bytes each: an event as dashboards get them."""
    source = random.Random(7692)

    # Of all that random offers, only random() promises the same figures in every version.
    def pick(end: int) -> int:
        return int(source.random() * end)

    words = COMMENT_WORDS.split()
    messages = []
    for number in range(count):
        event = {
            "type": "order.updated",
            "sequence": 481_000 + number,
            "sent_at": f"2025-03-14T09:{pick(60):02}:{pick(60):02}.{pick(1000):03}Z",
            "user": {"id": pick(10**6), "name": f"user{pick(1000)}", "city": CITIES[pick(8)]},
            "items": [
                {
                    "sku": f"{pick(16**6):06x}",
                    "quantity": 1 + pick(20),
                    "price": round(source.random() * 200, 2),
                    "in_stock": pick(4) > 0,
                }
                for _ in range(6)
            ],
            "comment": "",
        }
        missing_bytes = size - len(json.dumps(event))
        comment = " ".join(words[pick(len(words))] for _ in range(missing_bytes))
        event["comment"] = comment[:missing_bytes]
        messages.append(json.dumps(event).encode("ascii"))
    return tuple(messages)


TEXT_32B = b"Hello, this is a 32 byte message"
BINARY_64K = bytes(range(256)) * 256
# So many that a window of 32 KiB has forgotten a message when its turn comes again.
JSON_MESSAGES = make_json_messages(64, 1024)
CLOSE_FRAME = encode_frame((1000).to_bytes(2), CLOSE)
