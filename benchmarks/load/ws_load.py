"""Make load with ``ws_echo.c``, one process on one core, and read what it counted."""

from __future__ import annotations

import json
import socket
import subprocess
from contextlib import suppress
from itertools import cycle, islice
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.c_program import build_program
from benchmarks.load.counts import Load
from benchmarks.load.scenarios import EchoScenario
from benchmarks.ws_client import WebSocketClient
from benchmarks.ws_samples import CLOSE_FRAME

__all__ = ["SOURCE", "EchoClient", "run_program"]

SOURCE = Path(__file__).with_name("ws_echo.c")
# More than one, so that a context that the server takes over is used by what is checked.
CHECKED_MESSAGES = 3


class EchoClient:
    """A scenario's connections; use it as a context manager.

    Opening checks the first echoes of every connection, so that what is counted later is messages
    alone, without handshakes.

    Raises:
        ServerError: a handshake or an echo is wrong.
        OSError: a connection cannot be made.
    """

    def __init__(self, scenario: EchoScenario, port: int, *, core: int | None) -> None:
        self.scenario = scenario
        self.port = port
        self.core = core
        self.clients: list[WebSocketClient] = []

    def __enter__(self) -> Self:
        try:
            for _ in range(self.scenario.connections):
                self.open_connection()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def open_connection(self) -> None:
        """Shake hands, and compare the first echoes byte for byte."""
        scenario = self.scenario
        client = WebSocketClient(self.port, offers_deflate=scenario.offers_deflate)
        self.clients.append(client)
        for message in islice(cycle(scenario.messages), CHECKED_MESSAGES):
            client.check_echo(message, scenario.opcode)
        client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.socket.setblocking(False)

    def run(self, duration_s: float) -> Load:
        """Send for *duration_s* seconds, and wait for the last echoes.

        After a failure the connections are of no more use.
        """
        first, messages = self.clients[0], self.scenario.messages
        return run_program(
            [client.socket for client in self.clients],
            [first.encode(message, self.scenario.opcode) for message in messages],
            # What a server compresses depends on what it sent before.
            echo_bytes=None if first.is_compressed else len(messages[0]),
            duration_s=duration_s,
            core=self.core,
        )

    def close(self) -> None:
        """Close the connections, without waiting for the server to do so."""
        for client in self.clients:
            with client.socket, suppress(OSError):
                client.socket.send(CLOSE_FRAME)


def run_program(
    sockets: list[socket.socket],
    frames: list[bytes],
    *,
    echo_bytes: int | None,
    duration_s: float,
    core: int | None = None,
) -> Load:
    """Send the frames in turn over each socket for *duration_s* seconds.

    Args:
        sockets: non-blocking, the WebSocket handshake done.
        frames: one masked message each.
        echo_bytes: the size of every echo's payload; None: it may be any.

    Raises:
        RuntimeError: the program cannot be built, or failed.
    """
    pin = [] if core is None else ["taskset", "-c", str(core)]
    descriptors = [file.fileno() for file in sockets]
    program = build_program(SOURCE)
    finished = subprocess.run(
        [*pin, program, str(duration_s), str(echo_bytes or 0), *map(str, descriptors)],
        input=b"".join(frames),
        capture_output=True,
        pass_fds=descriptors,
    )
    if finished.returncode:
        raise RuntimeError(f"ws_echo failed: {finished.stderr.decode().strip()}")
    return read_counts(finished.stdout)


def read_counts(output: bytes) -> Load:
    """Read the line that the program writes."""
    counts = json.loads(output)
    messages, failure = counts["messages"], counts["failure"]
    if failure is not None or not messages:
        failure = ", ".join(filter(None, [failure, f"{messages} messages echoed"]))
    return Load(messages, counts["duration_us"] / 1e6, failure)
