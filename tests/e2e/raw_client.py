"""A client that writes the bytes it is told to and reads answers by RFC 9112.

Every wait has a deadline.
"""

import socket
import struct
from dataclasses import dataclass, field
from types import TracebackType

from .waiting import DEADLINE_S


@dataclass
class RawAnswer:
    """One response as it stood on the wire."""

    status: int
    http_version: str
    reason: str
    headers: list[tuple[str, str]]
    body: bytes = b""
    interim: list[int] = field(default_factory=list)
    trailers: list[tuple[str, str]] = field(default_factory=list)

    def header(self, name: str) -> str | None:
        """The only value of *name*, None without one."""
        values = [value for key, value in self.headers if key == name]
        assert len(values) <= 1, f"{name} stands {len(values)} times"
        return values[0] if values else None


class RawClient:
    """A socket that speaks HTTP/1.1 by hand."""

    def __init__(self, address: tuple[str, int] | str, *, receive_buffer_bytes: int = 0) -> None:
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        if isinstance(address, tuple) and ":" in address[0]:
            family = socket.AF_INET6
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        if receive_buffer_bytes:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
        self.socket.settimeout(DEADLINE_S)
        self.socket.connect(address)
        self._pending = bytearray()

    def __enter__(self) -> "RawClient":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def get(self, target: str, *lines: str) -> RawAnswer:
        """Send a GET with extra field *lines* and read the answer."""
        self.send(
            "\r\n".join([f"GET {target} HTTP/1.1", "host: e2e", *lines, "", ""]).encode("latin-1")
        )
        return self.read_answer()

    def read_answer(self, method: str = "GET") -> RawAnswer:
        """Read interim answers, then one final answer with its whole body."""
        interim: list[int] = []
        while True:
            answer = self._read_head()
            if answer.status >= 200:
                break
            interim.append(answer.status)
        answer.interim = interim
        if method != "HEAD" and answer.status not in (204, 304):
            answer.body = self._read_body(answer)
        return answer

    def read_until(self, mark: bytes) -> bytes:
        """Read up to and including *mark*."""
        while mark not in self._pending:
            self.read_some()
        end = self._pending.index(mark) + len(mark)
        return self._take(end)

    def read_exactly(self, size: int) -> bytes:
        """Read *size* bytes."""
        while len(self._pending) < size:
            self.read_some()
        return self._take(size)

    def read_some(self, size: int = 65536) -> None:
        """Take up to *size* bytes off the socket, for a later ``read_answer``."""
        data = self.socket.recv(size)
        if not data:
            raise EOFError(f"the server closed after {bytes(self._pending[-200:])!r}")
        self._pending += data

    def read_to_end(self) -> bytes:
        """All that is left until the server closes; a reset counts as the end."""
        try:
            while data := self.socket.recv(65536):
                self._pending += data
        except ConnectionResetError:
            pass
        return self._take(len(self._pending))

    def ends_with_reset(self) -> bool:
        """Read to the end: whether it is a reset, and no orderly close."""
        try:
            while self.socket.recv(65536):
                pass
        except ConnectionResetError:
            return True
        return False

    def half_close(self) -> None:
        """Say that no more will be sent (FIN), and go on reading."""
        self.socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Drop the connection with a RST, as a client that is killed does."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def close(self) -> None:
        self.socket.close()

    def _read_head(self) -> RawAnswer:
        version, status, reason = self._read_line().split(" ", 2)
        return RawAnswer(int(status), version, reason, self._read_fields())

    def _read_fields(self) -> list[tuple[str, str]]:
        fields = []
        while line := self._read_line():
            name, value = line.split(":", 1)
            fields.append((name.lower(), value.strip()))
        return fields

    def _read_line(self) -> str:
        return self.read_until(b"\r\n")[:-2].decode("latin-1")

    def _read_body(self, answer: RawAnswer) -> bytes:
        if answer.header("transfer-encoding") == "chunked":
            assert answer.header("content-length") is None
            body = self._read_chunks()
            answer.trailers = self._read_fields()
            return body
        length = answer.header("content-length")
        if length is None:
            return self.read_to_end()
        return self.read_exactly(int(length))

    def _read_chunks(self) -> bytes:
        chunks = []
        while size := int(self.read_until(b"\r\n"), 16):
            chunk = self.read_exactly(size + 2)
            assert chunk.endswith(b"\r\n"), chunk[-10:]
            chunks.append(chunk[:-2])
        return b"".join(chunks)

    def _take(self, size: int) -> bytes:
        taken = bytes(self._pending[:size])
        del self._pending[:size]
        return taken
