"""SIGTERM with requests and WebSockets in flight, and connections that come and go before it."""

from __future__ import annotations

import subprocess
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from benchmarks.faults.client import Client, LoadError
from benchmarks.faults.contenders import FaultContender
from benchmarks.faults.site import Site
from benchmarks.ws_client import WebSocketClient

__all__ = ["Stop", "run_stop"]

# The requests end so long after the signal.
RELEASE_S = 0.5
STOP_TIMEOUT_S = 40.0
# Connections that are opened and closed at once.
BATCH = 100
SETTLE_S = 1.0
# First bytes of frames; a mask of zeros changes nothing.
CLOSE, PING, PONG = 0x88, 0x89, 0x8A


@dataclass
class Stop:
    """What clients have seen, and what was left.

    Attributes:
        churned: connections that were opened, used and closed while all was in flight.
        files: file descriptors of all processes before and after.
        resident_bytes: resident memory of all processes before and after.
        answered: of the slow requests.
        close_codes: of the WebSockets; "none" where no close frame came.
        shut_down: the workers whose lifespan shutdown was run.
    """

    requests: int
    websockets: int
    churned: int
    files: tuple[int, int] = (0, 0)
    resident_bytes: tuple[int, int] = (0, 0)
    answered: int = 0
    failures: list[str] = field(default_factory=list)
    close_codes: dict[str, int] = field(default_factory=dict)
    workers: int = 0
    shut_down: int = 0
    exit_status: int | None = None
    took_s: float = 0.0


def run_stop(
    contender: FaultContender, *, workers: int, requests: int, websockets: int, churned: int
) -> Stop:
    """Stop a server that has *requests* and *websockets* in flight."""
    result = Stop(requests, websockets, churned, workers=workers)
    with Site(contender, workers) as site, ExitStack() as stack:
        # What the first connections bring with them is no leak.
        churn(site.port, churned // 4)
        clients = [stack.enter_context(Client(site.port)) for _ in range(requests)]
        for client in clients:
            client.send("/slow")
        sockets = [HeldWebSocket(site.port) for _ in range(websockets)]
        for websocket in sockets:
            stack.callback(websocket.socket.close)
        before = look(site)
        churn(site.port, churned, sockets)
        after = look(site)
        result.files = before[0], after[0]
        result.resident_bytes = before[1], after[1]
        begin_s = time.monotonic()
        site.server.process.terminate()
        time.sleep(RELEASE_S)
        site.release()
        collect(result, clients, sockets)
        try:
            result.exit_status = site.server.process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            pass
        result.took_s = time.monotonic() - begin_s
        result.shut_down = len(site.stopped())
    return result


def churn(port: int, connections: int, sockets: Sequence[HeldWebSocket] = ()) -> None:
    """Open, use and close *connections*, some at a time, every other without a request."""
    for begin in range(0, connections, BATCH):
        with ExitStack() as stack:
            size = min(BATCH, connections - begin)
            clients = [stack.enter_context(Client(port)) for _ in range(size)]
            for client in clients[::2]:
                client.send("/")
            for client in clients[::2]:
                client.read_answer()
        for websocket in sockets:
            websocket.answer_pings()


def look(site: Site) -> tuple[int, int]:
    """File descriptors and resident memory once they have settled."""
    files = -1
    for _ in range(10):
        time.sleep(SETTLE_S)
        previous, files = files, site.open_files()
        if files == previous:
            break
    return files, site.server.read_resident_bytes()


def collect(result: Stop, clients: list[Client], sockets: list[HeldWebSocket]) -> None:
    """Read what came of the requests and WebSockets."""
    for client in clients:
        try:
            client.read_answer()
        except LoadError as error:
            result.failures.append(f"{error.kind.value}: {error.detail}")
        else:
            result.answered += 1
    result.close_codes = dict(Counter(each.read_close_code() for each in sockets))


class HeldWebSocket:
    """A WebSocket on which nothing is said."""

    def __init__(self, port: int) -> None:
        self.socket = WebSocketClient(port, offers_deflate=False).socket
        self._data = b""
        self._close_code = ""

    def answer_pings(self) -> None:
        """Answer what has come; a server that gets no answer would close."""
        self.socket.setblocking(False)
        try:
            self._read()
        except BlockingIOError:
            pass

    def read_close_code(self) -> str:
        """The code of the close frame that comes; "none" where none comes."""
        self.socket.settimeout(STOP_TIMEOUT_S)
        try:
            while not self._close_code:
                self._read()
        except OSError as error:
            return self._close_code or f"none ({type(error).__name__})"
        return self._close_code

    def _read(self) -> None:
        """Take what the socket has: control frames, which are short."""
        piece = self.socket.recv(4096)
        if not piece:
            self._close_code = self._close_code or "none"
        self._data += piece
        while len(self._data) >= 2 and len(self._data) >= 2 + self._data[1]:
            first, size = self._data[0], self._data[1]
            payload, self._data = self._data[2 : 2 + size], self._data[2 + size :]
            if first == PING:
                self.socket.send(bytes((PONG, 0x80 | size)) + bytes(4) + payload)
            elif first == CLOSE:
                self._close_code = str(int.from_bytes(payload[:2]))
                self.socket.send(bytes((CLOSE, 0x80 | size)) + bytes(4) + payload)
