"""Send WebSocket messages over many connections, on each the next when the last is echoed.

Run as ``python -m benchmarks.load.ws_echo SCENARIO PORT``. Opens the connections, has the first
messages on each checked byte for byte, and writes a line of JSON. Then for each line read, a
number of seconds, it sends for that long and writes what it counted. It ends when its input does.

While it counts it does next to nothing, so that the server is what is measured: frames are made
before, and of the echoes only the sizes are looked at.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from contextlib import suppress
from itertools import cycle
from typing import Any

import uvloop

from benchmarks.load.scenarios import ECHO_SCENARIOS, EchoScenario
from benchmarks.server_process import ServerError
from benchmarks.ws_client import WebSocketClient
from benchmarks.ws_samples import CLOSE_FRAME, FIN, encode_frame, read_header

# More than one, so that a context that the server takes over is used by what is checked.
CHECKED_MESSAGES = 3
BUFFER_BYTES = 256 * 1024
# How long the last echoes may take once no more messages are sent.
DRAIN_TIMEOUT_S = 10


class EchoLoad:
    """What the connections of a run share.

    Attributes:
        is_sending: an echo is followed by the next message.
        waiting: the connections that wait for an echo.
        all_echoed: done when none of them does, and failed by the first that goes wrong.
    """

    def __init__(self) -> None:
        self.is_sending = False
        self.echoes = 0
        self.waiting = 0
        self.buffer = bytearray(BUFFER_BYTES)
        self.all_echoed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def run(self, connections: list[EchoConnection], duration_s: float) -> dict[str, Any]:
        """Send for *duration_s* seconds and wait for the last echoes; count both."""
        self.is_sending, self.echoes, self.waiting = True, 0, len(connections)
        loop = asyncio.get_running_loop()
        self.all_echoed = loop.create_future()
        start_s = time.perf_counter()
        loop.call_later(duration_s, self.stop_sending)
        failure = None
        for connection in connections:
            connection.send_next()
        try:
            await asyncio.wait_for(self.all_echoed, duration_s + DRAIN_TIMEOUT_S)
        except TimeoutError:
            failure = f"{self.waiting} echoes did not come"
        except ServerError as error:
            failure = str(error)
        duration_us = int((time.perf_counter() - start_s) * 1e6)
        return {"messages": self.echoes, "duration_us": duration_us, "failure": failure}

    def stop_sending(self) -> None:
        self.is_sending = False

    def on_last_echo(self) -> None:
        """Note that one connection waits no longer."""
        self.waiting -= 1
        if not self.waiting and not self.all_echoed.done():
            self.all_echoed.set_result(None)

    def fail(self, reason: str) -> None:
        """End the run: what it counted says nothing."""
        self.is_sending = False
        if not self.all_echoed.done():
            self.all_echoed.set_exception(ServerError(reason))


class EchoConnection(asyncio.BufferedProtocol):
    """Counts the bytes of echoes that all have one size."""

    def __init__(self, load: EchoLoad, frames: list[bytes], echo_bytes: int) -> None:
        self.load = load
        self.next_frame = cycle(frames).__next__
        self.echo_bytes = echo_bytes
        self.missing_bytes = 0

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        self.load.fail(f"the server closed a connection ({error or 'end of stream'})")

    def send_next(self) -> None:
        """Send one message."""
        self.missing_bytes = self.echo_bytes
        self.transport.write(self.next_frame())

    def get_buffer(self, sizehint: int) -> bytearray:
        return self.load.buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.missing_bytes -= nbytes
        if self.missing_bytes > 0:
            return
        if self.missing_bytes < 0:
            self.load.fail(f"an echo is {-self.missing_bytes} bytes too long")
            return
        self.on_echo()

    def on_echo(self) -> None:
        """Count it, and go on."""
        load = self.load
        load.echoes += 1
        if load.is_sending:
            self.send_next()
        else:
            load.on_last_echo()


class CompressedEchoConnection(EchoConnection):
    """Finds the ends of echoes, whose sizes depend on what the server sent before."""

    def __init__(self, load: EchoLoad, frames: list[bytes]) -> None:
        super().__init__(load, frames, echo_bytes=0)
        self.received = b""

    def buffer_updated(self, nbytes: int) -> None:
        received = self.received + self.load.buffer[:nbytes]
        while (sizes := read_header(received)) is not None and len(received) >= sum(sizes):
            is_end = received[0] & FIN
            received = received[sum(sizes) :]
            if is_end:
                if received:
                    self.load.fail(f"{len(received)} bytes after an echo")
                    return
                self.on_echo()
        self.received = received


async def connect(load: EchoLoad, scenario: EchoScenario, port: int) -> list[EchoConnection]:
    """Open and check the scenario's connections.

    Raises:
        ServerError: a handshake or an echo is wrong.
    """
    loop = asyncio.get_running_loop()
    connections: list[EchoConnection] = []
    plain_frame = encode_frame(scenario.messages[0], scenario.opcode, is_masked=False)
    for _ in range(scenario.connections):
        client = WebSocketClient(port, offers_deflate=scenario.offers_deflate)
        for _, message in zip(range(CHECKED_MESSAGES), cycle(scenario.messages), strict=False):
            client.check_echo(message, scenario.opcode)
        if not connections:
            frames = [client.encode(message, scenario.opcode) for message in scenario.messages]
        connection = (
            CompressedEchoConnection(load, frames)
            if client.is_compressed
            else EchoConnection(load, frames, len(plain_frame))
        )
        client.socket.setblocking(False)
        await loop.create_connection(lambda made=connection: made, sock=client.socket)
        connections.append(connection)
    return connections


async def serve_commands(scenario: EchoScenario, port: int) -> None:
    """Read and do what comes on standard input."""
    load = EchoLoad()
    try:
        connections = await connect(load, scenario, port)
    except (ServerError, OSError) as error:
        write_line({"failure": str(error) or type(error).__name__})
        return
    write_line({"failure": None})
    # Nothing else is to be done between two runs, so a read may block the loop.
    while line := sys.stdin.readline():
        write_line(await load.run(connections, float(line)))
    load.all_echoed.cancel()
    for connection in connections:
        connection.transport.write(CLOSE_FRAME)
        connection.transport.close()


def write_line(value: dict[str, Any]) -> None:
    """Write one line of JSON now."""
    print(json.dumps(value), flush=True)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        uvloop.run(serve_commands(ECHO_SCENARIOS[sys.argv[1]], int(sys.argv[2])))
