"""WebSocket compression: permessage-deflate by RFC 7692, over zlib.

Memory of one connection: an inflater has 12 KiB from its first compressed message on, or 40 KiB if
the client did not offer ``client_max_window_bits``; a deflater 40 KiB while messages follow each
other.
Which bytes are a message is decided in ``ws_frames.py`` and ``ws_messages.py``.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from asgiserve.errors import HttpRequestError, WebSocketError

if TYPE_CHECKING:
    from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory

__all__ = ["DeflateParams", "Deflater", "Inflater", "negotiate_deflate"]

EXTENSION = "permessage-deflate"

# 4 KiB of history, for 16 KiB of memory in the deflater. With the 32 KiB that the format allows,
# for 128 KiB of memory, JSON of 1 to 8 KiB would be 2 to 5 % smaller.
WINDOW_BITS = 12
# Hash table and block buffer of 16 KiB together.
MEMORY_LEVEL = 5
# The strongest level without lazy matching: for JSON of 1 KiB two thirds of the time of zlib's
# default, 6, and a ninth more bytes.
COMPRESSION_LEVEL = 3
# Below, deflating saves no packet and costs 2 us.
MIN_DEFLATED_BYTES = 64
# From here on a look at a piece first, 7 to 17 us, is worth it: to find after the fact that 64 KiB
# of an image cannot be deflated takes 1,900 us.
MIN_PROBED_BYTES = 16384
PROBE_BYTES = 1024

# What a sender leaves out at the end of each message (RFC 7692 section 7.2.1).
FLUSH_MARK = b"\x00\x00\xff\xff"


@dataclass(frozen=True, slots=True)
class DeflateParams:
    """What both ends have agreed on (RFC 7692 section 7.1).

    Args:
        server_no_context_takeover: our messages do not refer to those before them.
        client_no_context_takeover: the client's do not.
        server_max_window_bits: base-2 logarithm of our window's size in bytes, 9 to 12.
        client_max_window_bits: the same of the client's window, 8 to 15.
    """

    server_no_context_takeover: bool
    client_no_context_takeover: bool
    server_max_window_bits: int
    client_max_window_bits: int


def negotiate_deflate(offers: list[bytes]) -> tuple[DeflateParams, bytes] | None:
    """Accept the first offer of permessage-deflate that we can serve (RFC 7692 section 5.1).

    Args:
        offers: the values of all Sec-WebSocket-Extensions fields, in order.

    Returns:
        What was agreed on, and the value of the field for the answer; None without such an offer.

    Raises:
        HttpRequestError: the fields are malformed.
    """
    value = b", ".join(filter(None, offers))
    if not value:
        return None
    # Not before the first WebSocket: it would be a tenth of the server's start.
    from websockets.exceptions import InvalidHeaderFormat, NegotiationError
    from websockets.headers import build_extension, parse_extension

    try:
        extensions = parse_extension(value.decode("latin-1"))
    except InvalidHeaderFormat:
        raise HttpRequestError(f"malformed Sec-WebSocket-Extensions {value[:64]!r}") from None
    for name, offered in extensions:
        if name != EXTENSION:
            continue
        try:
            answer, agreed = make_negotiator().process_request_params(offered, [])
        except NegotiationError:
            continue
        params = DeflateParams(
            agreed.local_no_context_takeover,
            agreed.remote_no_context_takeover,
            agreed.local_max_window_bits,
            agreed.remote_max_window_bits,
        )
        return params, build_extension([(name, answer)]).encode("ascii")
    return None


@cache
def make_negotiator() -> ServerPerMessageDeflateFactory:
    """What decides on the parameters of an offer."""
    from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory

    # The objects that it makes on the way are dropped; these have little memory to clear.
    return ServerPerMessageDeflateFactory(
        server_max_window_bits=WINDOW_BITS,
        client_max_window_bits=WINDOW_BITS,
        compress_settings={"memLevel": 1},
    )


class Inflater:
    """Inflates the messages of one client."""

    __slots__ = ("_decompressor", "_forgets", "_window_bits")

    def __init__(self, params: DeflateParams) -> None:
        self._decompressor: zlib._Decompress | None = None
        self._forgets = params.client_no_context_takeover
        self._window_bits = params.client_max_window_bits

    def inflate(self, data: bytes, is_last: bool, max_bytes: int) -> bytes:
        """Inflate a piece of a message.

        Args:
            data: any part of the message's payload, as it came.
            is_last: the message ends with *data*.
            max_bytes: what the message may still grow by, from 0 on.

        Raises:
            WebSocketError: 1009 when there is more, which is not inflated then; 1007 when *data* is
                not what a compressor makes. Nothing can be inflated after either.
        """
        if is_last:
            data += FLUSH_MARK
        # One byte more tells a message at the limit from one above it.
        inflated = self._decompress(data, max_bytes + 1)
        rest = self._end_stream()
        if rest and len(inflated) <= max_bytes:
            inflated += self._decompress(rest, max_bytes + 1 - len(inflated))
            if self._end_stream():
                # Each stream costs a copy of all the bytes behind it: without bounds, an attack.
                raise WebSocketError("too many deflate streams in a message", code=1007)
        if len(inflated) > max_bytes:
            raise WebSocketError("message is too large when inflated", code=1009)
        if is_last and self._forgets:
            self._decompressor = None
        return inflated

    def _decompress(self, data: bytes, max_bytes: int) -> bytes:
        if self._decompressor is None:
            self._decompressor = zlib.decompressobj(-self._window_bits)
        try:
            return self._decompressor.decompress(data, max_bytes)
        except zlib.error:
            raise WebSocketError("malformed deflate data", code=1007) from None

    def _end_stream(self) -> bytes:
        """The bytes behind a final block, if *data* had one; another stream begins with them.

        A sender that cannot flush ends a stream with each message (RFC 7692 section 7.2.3.4), and
        then refers to nothing before it.
        """
        decompressor = self._decompressor
        if decompressor is None or not decompressor.eof:
            return b""
        self._decompressor = None
        return decompressor.unused_data


class Deflater:
    """Deflates the messages to one client.

    What it remembers costs memory, so it begins to remember with the second message that follows
    another, and ends with ``forget``.
    """

    __slots__ = ("_compressor", "_forgets", "_is_in_use", "_window_bits")

    def __init__(self, params: DeflateParams) -> None:
        self._compressor: zlib._Compress | None = None
        self._forgets = params.server_no_context_takeover
        self._is_in_use = False
        self._window_bits = params.server_max_window_bits

    def deflate(self, data: bytes) -> bytes | None:
        """Deflate a message; None when it does not pay, and it is to be sent as it is."""
        if len(data) < MIN_DEFLATED_BYTES:
            return None
        if len(data) >= MIN_PROBED_BYTES and not is_deflatable(data):
            return None
        compressor = self._compressor or make_compressor(self._window_bits)
        deflated = compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH)
        does_pay = len(deflated) - len(FLUSH_MARK) < len(data)
        # The window must not hold a message that the client does not inflate: begin anew then.
        is_kept = does_pay and self._is_in_use and not self._forgets
        self._compressor = compressor if is_kept else None
        self._is_in_use = True
        return deflated[: -len(FLUSH_MARK)] if does_pay else None

    def forget(self) -> None:
        """Let go of the memory: no message follows soon. The client need not know."""
        self._compressor = None
        self._is_in_use = False


def make_compressor(window_bits: int) -> zlib._Compress:
    """A compressor of the raw format, within the memory that the module promises."""
    return zlib.compressobj(COMPRESSION_LEVEL, zlib.DEFLATED, -window_bits, MEMORY_LEVEL)


def is_deflatable(data: bytes) -> bool:
    """Guess whether *data* gets smaller, from a piece in its middle."""
    start = len(data) // 2
    piece = data[start : start + PROBE_BYTES]
    compressor = make_compressor(WINDOW_BITS)
    return len(compressor.compress(piece) + compressor.flush()) < len(piece)
