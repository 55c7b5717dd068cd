"""Answer requests on one connection over a fake transport: the program that callgrind watches.

Run as ``python -m benchmarks.wire.one_connection SERVER REQUEST COUNT``.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from typing import Any

import uvloop

from benchmarks.apps.constant_server import ConstantProtocol
from benchmarks.wire.exchanges import EXCHANGES, App, Exchange


class FakeTransport(asyncio.Transport):
    """Takes what is written and counts the writes."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 50000), "sockname": ("127.0.0.1", 8000)})
        self.is_lost = False
        self.writes = 0
        self.last_written = b""
        self.protocol: asyncio.Protocol

    def write(self, data: Any) -> None:
        self.writes += 1
        self.last_written = data

    def writelines(self, pieces: Any) -> None:
        self.write(b"".join(pieces))

    def set_protocol(self, protocol: Any) -> None:
        self.protocol = protocol

    def is_closing(self) -> bool:
        return False

    def lose(self) -> None:
        """The client leaves."""
        self.is_lost = True
        self.protocol.connection_lost(None)

    def close(self) -> None:
        if self.is_lost:
            return
        raise ConnectionError(f"the server closed the connection after {self.last_written!r}")

    abort = close

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass


class Client:
    """Feeds one request a turn of the event loop, the next one when the last is answered.

    An opening, which is answered too, comes first.
    """

    def __init__(self, protocol: asyncio.Protocol, exchange: Exchange, count: int) -> None:
        self.loop = asyncio.get_running_loop()
        self.request = exchange.request
        self.next_request = exchange.opening or exchange.request
        self.remaining = count + bool(exchange.opening)
        self.transport = FakeTransport()
        self.transport.set_protocol(protocol)
        self.is_done = self.loop.create_future()
        self.writes_before = -1

    async def run(self) -> bytes:
        """Return what was written last, once all requests are answered."""
        self.transport.protocol.connection_made(self.transport)
        self.loop.call_soon(self.take_turn)
        await self.is_done
        return self.transport.last_written

    def take_turn(self) -> None:
        if self.transport.writes != self.writes_before:
            if not self.remaining:
                self.is_done.set_result(None)
                return
            self.remaining -= 1
            self.writes_before = self.transport.writes
            request, self.next_request = self.next_request, self.request
            self.transport.protocol.data_received(request)
        self.loop.call_soon(self.take_turn)


def make_asgiserve_protocol(app: App) -> asyncio.Protocol:
    """asgiserve's connection of the column that ASGISERVE_SPEEDUPS says."""
    from asgiserve import _twins

    return make_column_protocol(_twins, app)


def make_column_protocol(modules: Any, app: App) -> asyncio.Protocol:
    """asgiserve's connection with default limits; *modules* has those of one column."""
    from asgiserve.config.config import Config

    config = Config(app, access_log=False)
    worker = modules.context.WorkerContext(app, config, asyncio.get_running_loop())
    protocol: asyncio.Protocol = modules.http1_connection.Http1Connection(worker)
    return protocol


def make_uvicorn_protocol(app: App) -> asyncio.Protocol:
    """uvicorn's connection on httptools."""
    from uvicorn.config import Config
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
    from uvicorn.server import ServerState

    config = Config(app, access_log=False, log_level="warning")
    config.load()
    return HttpToolsProtocol(config, ServerState(), {})


PROTOCOLS: dict[str, Callable[[App], asyncio.Protocol]] = {
    "constant": lambda app: ConstantProtocol(),
    "asgiserve": make_asgiserve_protocol,
    "asgiserve-pure": make_asgiserve_protocol,
    "uvicorn": make_uvicorn_protocol,
}


async def answer_requests(name: str, exchange: Exchange, count: int) -> bytes:
    """Send a request *count* times to a connection of the server *name*; return the last write."""
    return await Client(PROTOCOLS[name](exchange.app), exchange, count).run()


if __name__ == "__main__":
    server_name, request_name, request_count = sys.argv[1:]
    exchange = EXCHANGES[request_name]
    last_written = uvloop.run(answer_requests(server_name, exchange, int(request_count)))
    # The constant answers a WebSocket as it answers a GET.
    if server_name != "constant" and not last_written.endswith(exchange.answer_end):
        sys.exit(f"not the expected answer: {last_written!r}")
