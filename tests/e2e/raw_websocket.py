"""A WebSocket of raw bytes, for what no well-behaved client does."""

import struct

from tests.ws_peer import Frame, handshake

from .raw_client import RawAnswer, RawClient


class RawWebSocket(RawClient):
    """A socket that speaks WebSocket by hand; frames to send are those of ``tests.ws_peer``."""

    def open(self, target: str, *, data: bytes = b"", **fields: str | None) -> RawAnswer:
        """Send the handshake, with *data* behind it in the same packet; its answer."""
        self.send(handshake(target, **fields) + data)
        answer = self._read_head()
        assert answer.status == 101, answer
        return answer

    def read_frame(self) -> Frame:
        """Read one frame, whatever it is."""
        first, size = self.read_exactly(2)
        assert size < 128, "a server must not mask"
        if size == 126:
            (size,) = struct.unpack("!H", self.read_exactly(2))
        elif size == 127:
            (size,) = struct.unpack("!Q", self.read_exactly(8))
        payload = self.read_exactly(size)
        return Frame(first & 15, payload, bool(first & 0x80), bool(first & 0x40))
