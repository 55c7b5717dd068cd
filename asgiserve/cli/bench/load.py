"""The client of ``asgiserve bench``, in a process of its own: as many requests as are answered.

Each connection sends its next request when the last one was answered. The process that started this
one gives a `LoadOrder` on standard input, and reads marks and a `LoadResult` on standard output;
when it ends, this one does.
"""

from __future__ import annotations

import json
import os
import pickle
import selectors
import signal
import socket
import sys
import threading
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import NoReturn

from asgiserve.cli.bench.answers import AnswerReader
from asgiserve.cli.bench.latencies import summarize
from asgiserve.errors import PeerError

__all__ = ["BEGIN", "END", "Load", "LoadOrder", "LoadResult", "main"]

# The marks around what is measured, each a line.
BEGIN = "begin"
END = "end"

READ_BYTES = 256 * 1024
CONNECT_TIMEOUT_S = 5.0
# An application's first answer may take long, and is no part of what is measured.
FIRST_ANSWER_S = 10.0
FIRST_ANSWER_POLL_S = 0.05
# What is in flight at the end is waited for so long: to leave would look like clients that break
# off.
DRAIN_S = 1.0


@dataclass(frozen=True)
class LoadOrder:
    """What to send where, and for how long.

    Args:
        port: on 127.0.0.1.
        request: head and body.
        is_head_method: its answers have no bodies.
    """

    port: int
    request: bytes
    is_head_method: bool
    connections: int
    warm_up_s: float
    duration_s: float


@dataclass(frozen=True)
class LoadResult:
    """What came of it between the two marks.

    Attributes:
        duration_s: from mark to mark.
        client_cpu_s: what the client used of it.
        statuses: how many answers had which status.
        failures: how often there was no answer, by the reason; the warm-up counts as well.
        open_connections: how many there were at the end.
        latency_us: percentiles and maximum of what answers took, in microseconds.
    """

    duration_s: float = 0.0
    client_cpu_s: float = 0.0
    statuses: dict[int, int] = field(default_factory=dict)
    failures: dict[str, int] = field(default_factory=dict)
    latency_us: dict[str, int] = field(default_factory=dict)
    open_connections: int = 0

    @property
    def answers(self) -> int:
        """How many there were, of whatever status."""
        return sum(self.statuses.values())

    @property
    def successes(self) -> int:
        """How many answers said that all is well."""
        return sum(count for status, count in self.statuses.items() if 200 <= status < 300)


class LoadConnection:
    """One connection, and the request that is under way on it."""

    __slots__ = ("reader", "sock", "started_ns", "unsent")

    def __init__(self, sock: socket.socket, reader: AnswerReader) -> None:
        self.sock = sock
        self.reader = reader
        self.started_ns = 0
        self.unsent = memoryview(b"")


class Load:
    """Keeps the connections of one order busy."""

    def __init__(self, order: LoadOrder) -> None:
        self.statuses: Counter[int] = Counter()
        self.failures: Counter[str] = Counter()
        self.latencies_us: Counter[int] = Counter()
        self._order = order
        self._request = order.request
        self._selector = selectors.DefaultSelector()
        self._is_draining = False

    def run(self) -> LoadResult:
        """Send for as long as the order says; tell the marks on standard output."""
        order = self._order
        for _ in range(order.connections):
            self._open(time.perf_counter_ns())
        self._warm_up(order.warm_up_s)
        self.statuses.clear()
        self.latencies_us.clear()
        print(BEGIN, flush=True)
        start_s, start_cpu_s = time.perf_counter(), time.process_time()
        self._drive(order.duration_s)
        result = LoadResult(
            time.perf_counter() - start_s,
            time.process_time() - start_cpu_s,
            dict(sorted(self.statuses.items())),
            dict(sorted(self.failures.items())),
            summarize(self.latencies_us),
            len(self._selector.get_map()),
        )
        print(END, flush=True)
        self._is_draining = True
        self._drive(DRAIN_S)
        return result

    def _warm_up(self, duration_s: float) -> None:
        """Go on for *duration_s* seconds, and until there is an answer, but not for ever."""
        self._drive(duration_s)
        if duration_s:
            end_s = time.monotonic() + FIRST_ANSWER_S - duration_s
            while not self.statuses and not self.failures and time.monotonic() < end_s:
                self._drive(FIRST_ANSWER_POLL_S)

    def _drive(self, duration_s: float) -> None:
        """Go on for *duration_s* seconds, or until no connection is left."""
        select = self._selector.select
        clock_s = time.monotonic
        end_s = clock_s() + duration_s
        while (left_s := end_s - clock_s()) > 0 and self._selector.get_map():
            for key, events in select(left_s):
                connection = key.data
                if events & selectors.EVENT_WRITE:
                    self._send(connection)
                else:
                    self._receive(connection)

    def _open(self, started_ns: int) -> None:
        """Have one connection more, with a request under way."""
        address = ("127.0.0.1", self._order.port)
        try:
            sock = socket.create_connection(address, timeout=CONNECT_TIMEOUT_S)
        except OSError as error:
            self.failures[f"cannot connect: {error.strerror or error}"] += 1
            return
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        reader = AnswerReader(is_head_method=self._order.is_head_method)
        connection = LoadConnection(sock, reader)
        self._selector.register(sock, selectors.EVENT_READ, connection)
        self._begin(connection, started_ns)

    def _begin(self, connection: LoadConnection, started_ns: int) -> None:
        """Send the next request."""
        connection.started_ns = started_ns
        request = self._request
        try:
            sent = connection.sock.send(request)
        except BlockingIOError:
            sent = 0
        except OSError:
            # What the server had to say of it may still be read.
            return
        if sent < len(request):
            connection.unsent = memoryview(request)[sent:]
            events = selectors.EVENT_READ | selectors.EVENT_WRITE
            self._selector.modify(connection.sock, events, connection)

    def _send(self, connection: LoadConnection) -> None:
        """Send more of a request for which there was no room."""
        try:
            sent = connection.sock.send(connection.unsent)
        except BlockingIOError:
            return
        except OSError:
            sent = len(connection.unsent)
        connection.unsent = connection.unsent[sent:]
        if not connection.unsent:
            self._selector.modify(connection.sock, selectors.EVENT_READ, connection)

    def _receive(self, connection: LoadConnection) -> None:
        reader = connection.reader
        try:
            data = connection.sock.recv(READ_BYTES)
            status = reader.feed(data) if data else reader.end()
        except BlockingIOError:
            return
        except (OSError, PeerError) as error:
            self._fail(connection, getattr(error, "strerror", None) or str(error))
            return
        if not status:
            if not data:
                self._fail(connection, "connection closed before the answer was whole")
            return
        now_ns = time.perf_counter_ns()
        self.statuses[status] += 1
        self.latencies_us[(now_ns - connection.started_ns) // 1000] += 1
        if self._is_draining:
            self._close(connection)
        elif reader.is_last or connection.unsent:
            # An answer before the request was sent as a whole is a refusal: that is its end.
            self._close(connection)
            self._open(now_ns)
        else:
            self._begin(connection, now_ns)

    def _fail(self, connection: LoadConnection, reason: str) -> None:
        self.failures[reason] += 1
        self._close(connection)
        if not self._is_draining:
            self._open(time.perf_counter_ns())

    def _close(self, connection: LoadConnection) -> None:
        self._selector.unregister(connection.sock)
        connection.sock.close()


def end_with_parent() -> None:
    """End this process when the other end of standard input is closed, as by its owner's end."""
    # Not sys.stdin, whose lock this thread would hold when the process ends.
    while os.read(0, 1024):
        pass
    os._exit(1)


def main() -> NoReturn:
    """Do what standard input orders."""
    # Ctrl+C in a terminal is for the process that started this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    order = pickle.load(sys.stdin.buffer)
    threading.Thread(target=end_with_parent, daemon=True).start()
    try:
        result = Load(order).run()
        print(json.dumps(asdict(result)), flush=True)
    except BrokenPipeError:
        # Nobody reads it any more: the thread has not come to see it yet.
        os._exit(1)
    # The owner has all that it wants; what is still open ends here.
    os._exit(0)
