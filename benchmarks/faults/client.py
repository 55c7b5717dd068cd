"""Clients that send one request after the other, and say exactly what became of each."""

from __future__ import annotations

import random
import re
import select
import socket
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from enum import Enum
from types import TracebackType
from typing import Self

__all__ = ["Client", "Failure", "Kind", "Load", "LoadError"]

# A request that has no answer by then has none.
ANSWER_TIMEOUT_S = 20.0
# After a failure, so that a server that is gone is not asked a million times.
FAILURE_PAUSE_S = 0.02
# A client on a busy machine may be held up for longer than it meant to pause.
HELD_UP_S = 0.5
HEAD_END = b"\r\n\r\n"
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
CLOSE = re.compile(rb"\r\nconnection: *close", re.IGNORECASE)
MAX_REQUESTS = 1_000_000


class Kind(Enum):
    """In which way a request failed."""

    REFUSED = "no connection"
    #: The first request of a connection got no byte of an answer.
    LOST = "no answer"
    #: The same of a later request, although the answer before did not say ``connection: close``.
    RACED = "closed while kept alive"
    CUT = "answer cut short"
    STATUS = "not 2xx"
    LATE = "time-out"


@dataclass(frozen=True)
class Failure:
    """A request that failed.

    Attributes:
        port: the client's end of the connection; 0 without one.
        answered: how many requests of the connection had been answered before.
        at_s: when, by the monotonic clock.
    """

    kind: Kind
    port: int
    answered: int
    at_s: float
    detail: str = ""


class LoadError(Exception):
    """A request failed in this way."""

    def __init__(self, kind: Kind, detail: object = "") -> None:
        super().__init__(kind.value, detail)
        self.kind = kind
        self.detail = str(detail)[:200]


class Client:
    """One connection to *port* of 127.0.0.1.

    Attributes:
        port: the client's end.
        answered: how many requests were answered.
        is_closing: the last answer said that no other will follow.

    Raises:
        LoadError: it cannot be opened.
    """

    def __init__(self, port: int, *, timeout_s: float = ANSWER_TIMEOUT_S) -> None:
        try:
            self.socket = socket.create_connection(("127.0.0.1", port), timeout_s)
        except OSError as error:
            raise LoadError(Kind.REFUSED, error) from error
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.port: int = self.socket.getsockname()[1]
        self.answered = 0
        self._answered_s = time.monotonic()
        self.is_closing = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.socket.close()

    def get(self, target: str = "/", *lines: str) -> bytes:
        """Send a request with the field *lines*, and return the body of its answer.

        Raises:
            LoadError: it failed.
        """
        self.send(target, *lines)
        return self.read_answer()

    def send(self, target: str, *lines: str) -> None:
        """Send a request; that it cannot be sent shows when its answer is read."""
        head = "\r\n".join([f"GET {target} HTTP/1.1", "host: localhost", *lines, "", ""])
        try:
            self.socket.sendall(head.encode())
        except OSError:
            # The server may have answered before it closed.
            pass

    def read_answer(self) -> bytes:
        """Read one answer, and return its body."""
        data = bytearray()
        while HEAD_END not in data:
            self._read_into(data)
        head, _, body = bytes(data).partition(HEAD_END)
        length = LENGTH.search(head)
        if length is None or not head[9:10] == b"2":
            raise LoadError(Kind.STATUS, head)
        data = bytearray(body)
        while len(data) < int(length[1]):
            self._read_into(data, Kind.CUT)
        self.answered += 1
        self._answered_s = time.monotonic()
        self.is_closing = CLOSE.search(head) is not None
        return bytes(data)

    def is_over(self) -> bool:
        """Whether no further request can be sent, as the server has said.

        Closing is no word, unless this client was held up so long that it would look.
        """
        if time.monotonic() - self._answered_s < HELD_UP_S:
            return self.is_closing
        return self.is_closing or bool(select.select([self.socket], [], [], 0)[0])

    def _read_into(self, data: bytearray, kind: Kind | None = None) -> None:
        if kind is None:
            unanswered = Kind.RACED if self.answered else Kind.LOST
            kind = Kind.CUT if data else unanswered
        try:
            piece = self.socket.recv(65536)
        except TimeoutError as error:
            raise LoadError(Kind.LATE, error) from error
        except OSError as error:
            raise LoadError(kind, error) from error
        if not piece:
            raise LoadError(kind, "end of file")
        data += piece


@dataclass
class Load:
    """Clients that send requests while the context lasts; counts what became of them.

    Half of those that keep connections alive pause between requests, for up to *max_pause_s*.
    """

    port: int
    keep_alive: bool
    clients: int = 8
    max_pause_s: float = 0.05
    failures: list[Failure] = field(default_factory=list)
    answers: Counter[bytes] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._has_to_stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        for number in range(self.clients):
            pause_s = self.max_pause_s if number % 2 or not self.keep_alive else 0.0
            thread = threading.Thread(target=self._run, args=(pause_s,), daemon=True)
            thread.start()
            self._threads.append(thread)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._has_to_stop.set()
        for thread in self._threads:
            thread.join()

    @property
    def total(self) -> int:
        """How many requests were answered."""
        return sum(self.answers.values())

    def counts(self) -> dict[str, int]:
        """How many requests failed in which way."""
        return dict(Counter(failure.kind.value for failure in self.failures))

    def _run(self, pause_s: float) -> None:
        while not self._has_to_stop.is_set():
            if not self._use_connection(pause_s):
                time.sleep(FAILURE_PAUSE_S)

    def _use_connection(self, pause_s: float) -> bool:
        """Send requests on one connection until it ends; False when that was a failure."""
        client = None
        try:
            with Client(self.port) as client:
                for _ in range(MAX_REQUESTS if self.keep_alive else 1):
                    body = client.get("/", *(() if self.keep_alive else ("connection: close",)))
                    with self._lock:
                        self.answers[body] += 1
                    time.sleep(random.random() * pause_s)
                    if client.is_over() or self._has_to_stop.is_set():
                        break
        except LoadError as error:
            port, answered = (client.port, client.answered) if client else (0, 0)
            failure = Failure(error.kind, port, answered, time.monotonic(), error.detail)
            with self._lock:
                self.failures.append(failure)
            return False
        return True
