"""A blocking WebSocket client (RFC 6455, RFC 7692) that checks each echo byte for byte."""

from __future__ import annotations

import base64
import hashlib
import socket
import zlib

from benchmarks.server_process import ServerError
from benchmarks.ws_samples import (
    DEFLATE_TAIL,
    FIN,
    HANDSHAKE_KEY,
    RSV1,
    compress,
    encode_frame,
    encode_handshake,
    read_header,
)

__all__ = ["WebSocketClient"]

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
ACCEPT = base64.b64encode(hashlib.sha1((HANDSHAKE_KEY + GUID).encode()).digest()).decode()
RECEIVE_BYTES = 65536
TIMEOUT_S = 10


class WebSocketClient:
    """One open WebSocket to 127.0.0.1.

    Args:
        port: where the server listens.
        offers_deflate: offer permessage-deflate, as browsers do.

    Attributes:
        socket: the connection; the caller closes it.
        is_compressed: the server took the offer.

    Raises:
        ServerError: the handshake was answered in another way.
    """

    def __init__(self, port: int, *, offers_deflate: bool) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S)
        self.received = b""
        self.inflate = zlib.decompressobj(wbits=-zlib.MAX_WBITS)
        try:
            self.is_compressed = self.open(port, offers_deflate)
        except BaseException:
            self.socket.close()
            raise

    def open(self, port: int, offers_deflate: bool) -> bool:
        """Shake hands; tell whether the server compresses."""
        self.socket.sendall(encode_handshake(port, offers_deflate=offers_deflate))
        while b"\r\n\r\n" not in self.received:
            self.receive()
        head, _, self.received = self.received.partition(b"\r\n\r\n")
        status_line, *lines = head.decode("latin-1").split("\r\n")
        fields = (line.partition(":") for line in lines)
        answer = {name.lower(): value.strip() for name, _, value in fields}
        if status_line.split(" ")[1] != "101" or answer.get("sec-websocket-accept") != ACCEPT:
            raise ServerError(f"handshake answered with {status_line[:200]!r}")
        return "permessage-deflate" in answer.get("sec-websocket-extensions", "")

    def encode(self, payload: bytes, opcode: int) -> bytes:
        """Write the frame of a message, compressed where that was agreed on."""
        if self.is_compressed:
            return encode_frame(compress(payload), opcode, is_compressed=True)
        return encode_frame(payload, opcode)

    def check_echo(self, payload: bytes, opcode: int) -> None:
        """Send one message and compare what comes back.

        Raises:
            ServerError: it is another message, or in several frames, or more than one.
        """
        self.socket.sendall(self.encode(payload, opcode))
        while (sizes := read_header(self.received)) is None or len(self.received) < sum(sizes):
            self.receive()
        first_byte, echo = self.received[0], self.received[sizes[0] :]
        if self.is_compressed and first_byte == FIN | RSV1 | opcode:
            echo = self.inflate.decompress(echo + DEFLATE_TAIL)
            first_byte ^= RSV1
        if first_byte != FIN | opcode or echo != payload:
            raise ServerError(f"wrong echo: {len(echo)} bytes {self.received[:40]!r}")
        self.received = b""

    def receive(self) -> None:
        """Read what has come.

        Raises:
            ServerError: the server has closed the connection.
        """
        piece = self.socket.recv(RECEIVE_BYTES)
        if not piece:
            raise ServerError(f"connection closed after {self.received[:200]!r}")
        self.received += piece
