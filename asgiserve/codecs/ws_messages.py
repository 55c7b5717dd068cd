"""WebSocket messages from the frames of a client (RFC 6455 sections 5.4 to 5.6, RFC 7692).

What a frame looks like stands in ``ws_frames.py``, how a payload is inflated in ``ws_deflate.py``.
When to ping, what to answer and how long a peer may take is not decided here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from asgiserve.codecs.ws_frames import (
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

if TYPE_CHECKING:
    from asgiserve.codecs.ws_deflate import Inflater

__all__ = ["MessageReader", "MessageSink"]

# More than a header can announce.
NO_LIMIT = 1 << 63


class MessageSink:
    """Receives what a MessageReader reads; the connection is one.

    All four may call the reader's ``pause``, ``resume`` and ``detach``.
    """

    __slots__ = ()

    def on_message(self, message: str | bytes) -> None:
        """A message is complete: text is a str, binary is bytes."""
        raise NotImplementedError

    def on_ping(self, payload: bytes) -> None:
        """A PING has come, perhaps between the frames of a message; at most 125 bytes."""
        raise NotImplementedError

    def on_pong(self, payload: bytes) -> None:
        """A PONG has come, asked for or not."""
        raise NotImplementedError

    def on_close(self, code: int, reason: str) -> None:
        """A CLOSE has come; 1005 and no reason when it was empty. It is the last event."""
        raise NotImplementedError


class MessageReader:
    """Reads the messages of one client and tells them to a sink.

    The answer does not depend on how the bytes are split; an error is raised by the ``feed`` that
    got the first wrong byte, after the events of the bytes before it. (What is compressed is looked
    at in the pieces that come: there the split may decide which of two errors is seen.)

    Args:
        sink: is told of messages and control frames.
        max_size: bytes of a message, inflated; more is an error of code 1009.
        inflater: for compressed messages; None where none were agreed on.
    """

    __slots__ = (
        "_checked_bytes",
        "_control",
        "_frame",
        "_inflater",
        "_is_compressed",
        "_is_over",
        "_is_paused",
        "_is_reading",
        "_kept",
        "_kept_from",
        "_max_size",
        "_opcode",
        "_partial_header",
        "_payload",
        "_remaining_bytes",
        "_sink",
    )

    def __init__(self, sink: MessageSink, max_size: int, inflater: Inflater | None) -> None:
        self._sink = sink
        self._max_size = max_size
        self._inflater = inflater
        self._is_paused = False
        self._is_reading = False
        self._is_over = False
        # What came while paused, and where in it what is unread begins.
        self._kept = b""
        self._kept_from = 0
        self._forget()

    @property
    def buffered(self) -> int:
        """Bytes kept while the reader is paused."""
        return len(self._kept) - self._kept_from

    @property
    def has_open_message(self) -> bool:
        """Whether a message or a frame has begun that is not complete."""
        return (
            self._opcode != Opcode.CONTINUATION
            or self._frame is not None
            or bool(self._partial_header)
        )

    def feed(self, data: bytes) -> None:
        """Read *data*, or keep it while the reader is paused; ignore it after CLOSE or an error.

        Raises:
            WebSocketError: the peer broke the protocol; its ``code`` is for the wire.
        """
        if self._is_over or not data:
            return
        if self._is_paused or self._is_reading:
            self._kept = self._kept[self._kept_from :] + data
            self._kept_from = 0
        else:
            self._read(data, 0)

    def pause(self) -> None:
        """Stop after the frame that is being read, and keep what follows until ``resume``."""
        self._is_paused = True

    def resume(self) -> None:
        """Go on after ``pause``, first with the bytes kept.

        Raises:
            WebSocketError: as ``feed``.
        """
        self._is_paused = False
        if self._kept and not self._is_reading:
            self._read(*self._take_kept())

    def detach(self) -> None:
        """Let go of the sink, which holds the reader, and of all bytes; ignore what is fed."""
        self._sink = MessageSink()
        self._end()

    def _end(self) -> None:
        self._is_over = True
        self._forget()

    def _forget(self) -> None:
        """Let go of all that was read and is not complete."""
        self._kept = b""
        self._kept_from = 0
        # The frame that is being read.
        self._partial_header = b""
        self._frame: FrameHeader | None = None
        self._remaining_bytes = 0
        self._control = b""
        self._forget_message()

    def _forget_message(self) -> None:
        # The message that is being read; no message has the opcode CONTINUATION.
        self._opcode: int = Opcode.CONTINUATION
        self._is_compressed = False
        self._payload = bytearray()
        # How much of a text's payload is known to be UTF-8.
        self._checked_bytes = 0

    def _take_kept(self) -> tuple[bytes, int]:
        kept = self._kept, self._kept_from
        self._kept, self._kept_from = b"", 0
        return kept

    def _read(self, data: bytes, position: int) -> None:
        """Read *data* from *position* on, and what the sink may have fed meanwhile."""
        self._is_reading = True
        try:
            while True:
                position = self._read_frames(data, position)
                if self._is_over:
                    return
                if position < len(data) and self._kept:
                    self._kept = data[position:] + self._kept
                elif position < len(data):
                    self._kept, self._kept_from = data, position
                if self._is_paused or not self._kept:
                    return
                data, position = self._take_kept()
        except BaseException:
            self._end()
            raise
        finally:
            self._is_reading = False

    def _read_frames(self, data: bytes, position: int) -> int:
        """Read until the end of *data* or until the sink wants no more; the place reached."""
        end = len(data)
        while position < end and not self._is_paused and not self._is_over:
            if self._frame is None:
                position = self._begin_frame(data, position)
            else:
                position = self._read_payload(self._frame, data, position)
        return position

    def _begin_frame(self, data: bytes, position: int) -> int:
        """Read a header, and the payload as far as it is there."""
        earlier = self._partial_header
        if earlier:
            more = data[position : position + MAX_HEADER_BYTES - len(earlier)]
            frame = self._read_header(earlier + more, 0)
            if frame is None:
                self._partial_header = earlier + more
                return position + len(more)
            self._partial_header = b""
            position -= len(earlier)
        else:
            frame = self._read_header(data, position)
            if frame is None:
                self._partial_header = data[position:]
                return len(data)
        self._frame = frame
        self._remaining_bytes = frame.length
        if frame.opcode in (Opcode.TEXT, Opcode.BINARY):
            self._opcode = frame.opcode
            self._is_compressed = frame.is_compressed
        return self._read_payload(frame, data, position + frame.size)

    def _read_header(self, data: bytes, position: int) -> FrameHeader | None:
        return read_header(
            data,
            position,
            is_message_open=self._opcode != Opcode.CONTINUATION,
            allows_compression=self._inflater is not None,
            # A compressed message is measured where it is inflated.
            max_length=NO_LIMIT if self._is_compressed else self._max_size - len(self._payload),
        )

    def _read_payload(self, frame: FrameHeader, data: bytes, position: int) -> int:
        """Read as much of a frame's payload as is there; the place reached."""
        piece = data[position : position + self._remaining_bytes]
        if not piece and self._remaining_bytes:
            return position
        payload = unmask(piece, frame.mask, frame.length - self._remaining_bytes)
        self._remaining_bytes -= len(piece)
        is_complete = not self._remaining_bytes
        if is_complete:
            self._frame = None
        if frame.opcode >= Opcode.CLOSE:
            self._add_control(frame.opcode, payload, is_complete)
        elif self._is_compressed:
            self._add_compressed(payload, is_complete and frame.is_final)
        else:
            self._add_payload(payload, is_complete and frame.is_final)
        return position + len(piece)

    def _add_control(self, opcode: int, payload: bytes, is_complete: bool) -> None:
        self._control += payload
        code, reason = NO_CLOSE_CODE, ""
        if opcode == Opcode.CLOSE:
            code, reason = read_close(self._control, is_complete)
        if not is_complete:
            return
        payload, self._control = self._control, b""
        if opcode == Opcode.PING:
            self._sink.on_ping(payload)
        elif opcode == Opcode.PONG:
            self._sink.on_pong(payload)
        else:
            self._end()
            self._sink.on_close(code, reason)

    def _add_compressed(self, payload: bytes, is_last: bool) -> None:
        if not payload and not is_last:
            return
        assert self._inflater is not None
        room = self._max_size - len(self._payload)
        self._add_payload(self._inflater.inflate(payload, is_last, room), is_last)

    def _add_payload(self, payload: bytes, is_last: bool) -> None:
        """Take a piece of the message; the last one makes it complete."""
        is_text = self._opcode == Opcode.TEXT
        if not is_last:
            self._payload += payload
            if is_text:
                self._check_text()
            return
        if self._payload:
            self._payload += payload
            payload = bytes(self._payload)
        self._forget_message()
        self._sink.on_message(decode_text(payload) if is_text else payload)

    def _check_text(self) -> None:
        """Look for a byte that cannot be right in what has come since the last look."""
        size = text_size(self._payload[self._checked_bytes :])
        if size < 0:
            raise WebSocketError("a text message is not UTF-8", code=1007)
        self._checked_bytes += size


def decode_text(payload: bytes) -> str:
    """The text of a whole message (RFC 6455 section 8.1)."""
    try:
        return payload.decode()
    except UnicodeDecodeError:
        raise WebSocketError("a text message is not UTF-8", code=1007) from None
