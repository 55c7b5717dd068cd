"""Clients of every kind, well-behaved and not, that check each byte they get."""

from __future__ import annotations

import asyncio
import hashlib
import random
import socket
import ssl
import struct
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeAlias

import websockets

from benchmarks.apps.soak import make_body

__all__ = ["Load"]

# Nothing that is asked for takes this long on a machine that has other work too.
TIMEOUT_S = 60.0
MAX_BODY_BYTES = 300_000
MAX_SIZES = (0, 1, 100, 20_000, MAX_BODY_BYTES)
# A server that is restarted by its signals is away for so long.
RETRY_S = 0.05
ABANDONED_PIECES = (
    b"\x16\x03\x01\x02\x00",
    b"GET /get?1,1 HT",
    b"POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nbegun",
    b"POST /upload HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbeg",
    b"GET /stream?1,300000 HTTP/1.1\r\nHost: a\r\n\r\n" * 3,
    b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n\x82\xfe",
    b"\x00\xff nonsense\r\n\r\n",
)

Stream: TypeAlias = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Load:
    """A steady mix of exchanges with one server, on connections that are kept and that are not.

    Args:
        port: of 127.0.0.1.
        trust: makes it TLS.
        restarts: the server is restarted meanwhile: refused and closed connections are no failures,
            but a response that has begun is to be whole all the same.
        pause_s: what each of the clients waits between two exchanges.

    Attributes:
        counts: exchanges that ended well, by their kinds.
        failures: what was wrong, and how often.
    """

    def __init__(
        self,
        port: int,
        trust: ssl.SSLContext | None,
        *,
        restarts: bool,
        pause_s: float,
        clients: int,
    ) -> None:
        self.port = port
        self.trust = trust
        self.restarts = restarts
        self.pause_s = pause_s
        self.clients = clients
        self.counts: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()
        self._random = random.Random(1)
        self._busy = 0

    async def run(self) -> None:
        """Exchange until cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self.clients):
                group.create_task(self._run_client())

    async def pause(self) -> None:
        """Return when no connection is open any more."""
        self.may_go_on.clear()
        while self._busy:  # noqa: ASYNC110 - seldom, and not for long
            await asyncio.sleep(RETRY_S)

    def go_on(self) -> None:
        """End a pause."""
        self.may_go_on.set()

    async def _run_client(self) -> None:
        kinds: list[Callable[[], Awaitable[None]]] = [
            self._keep_alive,
            self._websocket,
            self._pipeline,
            self._abandon,
            self._abandon_download,
            self._early,
        ]
        while True:
            await self.may_go_on.wait()
            kind = self._random.choice(kinds)
            self._busy += 1
            try:
                async with asyncio.timeout(TIMEOUT_S):
                    await kind()
                self.counts[kind.__name__.strip("_")] += 1
            except (ConnectionError, EOFError, websockets.WebSocketException) as error:
                if self.restarts:
                    self.counts["closed by a restart"] += 1
                    await asyncio.sleep(RETRY_S)
                else:
                    self.failures[f"{kind.__name__}: {error!r}"] += 1
            except Exception as error:  # noqa: BLE001 - whatever it is, it is reported
                self.failures[f"{kind.__name__}: {error!r}"[:200]] += 1
            finally:
                self._busy -= 1
            await asyncio.sleep(self.pause_s)

    async def _open(self) -> Stream:
        return await asyncio.open_connection("127.0.0.1", self.port, ssl=self.trust)

    async def _keep_alive(self) -> None:
        reader, writer = await self._open()
        try:
            for _ in range(self._random.randint(1, 8)):
                match self._random.randint(0, 9):
                    case 0:
                        writer.write(b"GET /fail HTTP/1.1\r\nHost: a\r\n\r\n")
                        await expect(reader, 500)
                        return
                    case 1 | 2 | 3:
                        await self._upload(reader, writer)
                    case _:
                        await self._get(reader, writer)
        finally:
            await close(writer)

    async def _get(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wanted = self._ask(writer)
        check(await expect(reader, 200), wanted)

    def _ask(self, writer: asyncio.StreamWriter) -> bytes:
        """Send a request; the body that it asks for."""
        seed, size = self._random.randrange(1 << 30), self._size()
        path = self._random.choice(("get", "stream"))
        writer.write(f"GET /{path}?{seed},{size} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        return make_body(seed, size)

    async def _upload(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        body = self._random.randbytes(self._size())
        if self._random.random() < 0.5:
            writer.write(
                b"POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body)
            )
            writer.write(body)
        else:
            writer.write(b"POST /upload HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
            start = 0
            while start < len(body):
                piece = body[start : start + self._random.randint(1, 50_000)]
                writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                start += len(piece)
                await writer.drain()
            writer.write(b"0\r\n\r\n")
        check(await expect(reader, 200), hashlib.sha256(body).hexdigest().encode())

    async def _pipeline(self) -> None:
        reader, writer = await self._open()
        try:
            wanted = [self._ask(writer) for _ in range(10)]
            for body in wanted:
                check(await expect(reader, 200), body)
        finally:
            await close(writer)

    async def _websocket(self) -> None:
        scheme = "ws" if self.trust is None else "wss"
        compression = self._random.choice(("deflate", None))
        async with websockets.connect(
            f"{scheme}://127.0.0.1:{self.port}/", ssl=self.trust, compression=compression
        ) as client:
            for _ in range(self._random.randint(1, 10)):
                message = self._random.randbytes(self._size())
                if self._random.random() < 0.5:
                    await client.send(message.hex())
                    check(await client.recv(decode=False), message.hex().encode())
                else:
                    await client.send(message)
                    check(await client.recv(decode=False), message)

    async def _early(self) -> None:
        """Upload to an application that answers before it has read."""
        reader, writer = await self._open()
        try:
            writer.write(b"POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 500000\r\n\r\n")
            for _ in range(10):
                writer.write(bytes(50_000))
                await writer.drain()
            check(await expect(reader, 401), b"early")
        finally:
            await close(writer)

    async def _abandon(self) -> None:
        """Begin something, inside TLS or not, and reset or close the connection."""
        loop = asyncio.get_running_loop()
        piece = self._random.choice(ABANDONED_PIECES)
        if self.trust is not None and self._random.random() < 0.7:
            _, writer = await self._open()
            writer.write(piece)
            await asyncio.sleep(self._random.random() * 0.02)
            writer.transport.abort()
            return
        with socket.socket() as sock:
            sock.setblocking(False)
            await loop.sock_connect(sock, ("127.0.0.1", self.port))
            await loop.sock_sendall(sock, piece)
            await asyncio.sleep(self._random.random() * 0.02)
            if self._random.random() < 0.5:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    async def _abandon_download(self) -> None:
        """Read a part of a response, then leave."""
        reader, writer = await self._open()
        writer.write(b"GET /stream?7,3000000 HTTP/1.1\r\nHost: a\r\n\r\n")
        await reader.readexactly(self._random.randint(1, 100_000))
        writer.transport.abort()

    def _size(self) -> int:
        return self._random.randint(0, self._random.choice(MAX_SIZES))


async def expect(reader: asyncio.StreamReader, status: int) -> bytes:
    """Read one response, whose status is to be *status*; its body.

    Raises:
        EOFError: the connection ended before the response began.
        ValueError: it ended within it, or is another.
    """
    first = await reader.readline()
    if not first:
        raise EOFError("no response")
    try:
        if int(first.split()[1]) != status:
            raise ValueError(f"{first!r}, not {status}")
        fields = {}
        while (line := await reader.readuntil(b"\n")) != b"\r\n":
            name, _, value = line.partition(b":")
            fields[name.lower()] = value.strip()
        if b"content-length" in fields:
            return await reader.readexactly(int(fields[b"content-length"]))
        body = b""
        while size := int(await reader.readuntil(b"\n"), 16):
            body += await reader.readexactly(size)
            await reader.readexactly(2)
        await reader.readexactly(2)
    except (EOFError, ConnectionError) as error:
        raise ValueError(f"cut off within a response: {error!r}") from None
    return body


def check(got: bytes, wanted: bytes) -> None:
    """Raise unless they are equal."""
    if got != wanted:
        raise ValueError(f"{len(got)} bytes that are not the {len(wanted)} expected")


async def close(writer: asyncio.StreamWriter) -> None:
    """Close, whatever the server has done."""
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
