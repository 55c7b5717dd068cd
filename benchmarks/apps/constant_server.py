"""A uvloop protocol that answers a constant and parses nothing: the floor for a Python server.

Run as ``python -m benchmarks.apps.constant_server PORT``.
"""

from __future__ import annotations

import asyncio
import signal
import sys

import uvloop

from benchmarks.samples import HELLO_BODY

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: %d\r\n\r\n%b" % (
    len(HELLO_BODY),
    HELLO_BODY,
)


class ConstantProtocol(asyncio.Protocol):
    """Takes every read for one request."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(ANSWER)


async def serve(port: int) -> None:
    """Serve until SIGTERM."""
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stopped.set)
    server = await loop.create_server(ConstantProtocol, "127.0.0.1", port)
    await stopped.wait()
    server.close()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
