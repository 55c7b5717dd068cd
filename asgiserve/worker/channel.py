"""One end of the socket between the supervisor and a worker.

First where the worker imports from, then its order, each as a pickle with its length; then JSON
objects, one a line, both ways.
"""

from __future__ import annotations

import json
import logging
import os
import pickle
import select
import socket
import struct
import sys
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from asgiserve.errors import ConfigError
from asgiserve.logs.formatters import escape_text

if TYPE_CHECKING:
    from asgiserve.worker.spec import WorkerOrder

__all__ = ["MAX_UNSENT_BYTES", "ORDER_TIMEOUT_S", "Channel"]

logger = logging.getLogger("asgiserve.error")

# What is kept for a peer that does not read, and of a message that does not end: far more than a
# healthy one ever leaves.
MAX_UNSENT_BYTES = 1024 * 1024
# Of a text in a message that came: it is meant for one line of the log.
MAX_TEXT_CHARS = 2000
# How long a process may take to read, or to send, an order that does not fit the socket's buffer.
ORDER_TIMEOUT_S = 30.0

PICKLE_HEAD = struct.Struct("!I")
READ_BYTES = 65536
# Open files do not go without a byte.
FDS_MARK = b"f"


class Channel:
    """Messages to and from the process at the other end; sending is safe in every thread.

    Args:
        sock: one end of a pair of stream sockets; owned by the channel, and non-blocking from
            now on.
    """

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._lock = threading.Lock()
        # What the peer has not taken yet: whole messages, but for the first one's sent part.
        self._unsent = b""
        self._received = b""
        self._is_dead = False

    @classmethod
    def pair(cls) -> tuple[Channel, Channel]:
        """Two channels, each the other's peer."""
        ours, theirs = socket.socketpair()
        return cls(ours), cls(theirs)

    @classmethod
    def from_fd(cls, fd: int) -> Channel:
        """The channel whose socket another process has given to this one as *fd*."""
        return cls(socket.socket(fileno=fd))

    def fileno(self) -> int:
        """The socket's file descriptor, -1 once it is closed."""
        return self._sock.fileno()

    @property
    def has_unsent(self) -> bool:
        """Whether ``flush`` has something to do, once the socket is writable."""
        return bool(self._unsent)

    def send(self, message: dict[str, Any]) -> None:
        """Send *message*, or what the socket takes of it; the rest goes with the next one.

        Never waits, and never raises for a peer that is gone: ``receive`` tells. A beat that finds
        the socket full is dropped: the next one says the same.
        """
        data = json.dumps(message, separators=(",", ":")).encode() + b"\n"
        with self._lock:
            self._flush()
            if self._unsent and (
                message.get("kind") == "beat" or len(self._unsent) + len(data) > MAX_UNSENT_BYTES
            ):
                return
            self._unsent += data
            self._flush()

    def flush(self) -> None:
        """Send what an earlier ``send`` left, as far as the socket takes it."""
        with self._lock:
            self._flush()

    def receive(self) -> list[dict[str, Any]] | None:
        """All messages that are there, without waiting; None once the peer is gone."""
        is_open = self._read_available()
        *lines, self._received = self._received.split(b"\n")
        messages = [message for line in lines if (message := decode(line)) is not None]
        if len(self._received) >= MAX_UNSENT_BYTES:
            logger.error("Message of a worker does not end: %.100r", self._received)
            self._received = b""
        return messages if is_open or messages else None

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until ``receive`` gives something, or None; False when *timeout_s* is over."""
        # What came together with the order was read with it.
        return b"\n" in self._received or self._poll(select.POLLIN, timeout_s)

    def send_path(self, path: Sequence[str]) -> None:
        """Send a process that was spawned where it is to import from."""
        self._send_pickle(pickle.dumps(list(path)))

    def send_order(self, order: WorkerOrder) -> None:
        """Send *order* to a process that was spawned; waits only when it is very large.

        Raises:
            ConfigError: the order holds what cannot go to another process, such as an application
                that is no import string.
        """
        try:
            data = pickle.dumps(order)
        # Any class may refuse in its own way.
        except Exception as error:
            raise ConfigError(
                f"an option cannot be given to another process: {error}; applications and such "
                "have to be import strings"
            ) from error
        self._send_pickle(data)

    def receive_path(self) -> None:
        """Wait for the ``sys.path``, which comes first, and put it in place.

        Raises:
            EOFError: the supervisor is gone.
        """
        path = self._receive_pickle()
        if path:
            sys.path[:] = path

    def receive_order(self) -> WorkerOrder:
        """Wait for the order, which comes second.

        Raises:
            EOFError: the supervisor is gone.
        """
        order: WorkerOrder = self._receive_pickle()
        return order

    def send_fds(self, fds: Sequence[int]) -> None:
        """Send open files to a process that waits for them in ``receive_fds``.

        Raises:
            OSError: the peer is gone.
        """
        socket.send_fds(self._sock, [FDS_MARK], fds)

    def receive_fds(self, count: int) -> list[int]:
        """Wait for *count* open files, which belong to the caller then.

        Raises:
            EOFError: the supervisor is gone.
        """
        self._poll(select.POLLIN, None)
        try:
            data, fds, _, _ = socket.recv_fds(self._sock, len(FDS_MARK), count)
        except ConnectionResetError:
            data = b""
        if not data:
            raise EOFError("the supervisor is gone")
        for fd in fds:
            os.set_inheritable(fd, False)
        return fds

    def close(self) -> None:
        """Close the socket; the peer sees its end."""
        self._is_dead = True
        self._sock.close()

    def _flush(self) -> None:
        """Send what is unsent; the lock is held."""
        try:
            while self._unsent and not self._is_dead:
                self._unsent = self._unsent[self._sock.send(self._unsent) :]
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self._is_dead = True
        if self._is_dead:
            self._unsent = b""

    def _read_available(self) -> bool:
        """Read until the socket is empty; False at its end."""
        while True:
            try:
                data = self._sock.recv(READ_BYTES)
            except (BlockingIOError, InterruptedError):
                return True
            except OSError:
                return False
            if not data:
                return False
            self._received += data
            if len(data) < READ_BYTES or len(self._received) >= MAX_UNSENT_BYTES:
                return True

    def _send_pickle(self, data: bytes) -> None:
        deadline_s = time.monotonic() + ORDER_TIMEOUT_S
        with self._lock:
            self._unsent += PICKLE_HEAD.pack(len(data)) + data
            self._flush()
            while self._unsent and time.monotonic() < deadline_s:
                self._poll(select.POLLOUT, 1.0)
                self._flush()

    def _receive_pickle(self) -> Any:
        (size,) = PICKLE_HEAD.unpack(self._read_exactly(PICKLE_HEAD.size))
        return pickle.loads(self._read_exactly(size))

    def _read_exactly(self, size: int) -> bytes:
        while len(self._received) < size:
            self.wait()
            if not self._read_available() and len(self._received) < size:
                raise EOFError("the supervisor is gone")
        data, self._received = self._received[:size], self._received[size:]
        return data

    def _poll(self, event: int, timeout_s: float | None) -> bool:
        if self.fileno() < 0:
            return True
        # Not select(): it fails for file descriptors above 1023.
        poll = select.poll()
        poll.register(self.fileno(), event)
        return bool(poll.poll(None if timeout_s is None else timeout_s * 1000))


def decode(line: bytes) -> dict[str, Any] | None:
    """The message in *line*; None for what is none, which is logged.

    Its texts can be logged as they are: an application may have had a part in them.
    """
    try:
        message = json.loads(line)
    # What is nested without end is a RecursionError.
    except (ValueError, RecursionError):
        message = None
    if isinstance(message, dict):
        return {escape_text(key): clean(value) for key, value in message.items()}
    logger.error("Not a message between supervisor and worker: %.100r", line)
    return None


def clean(value: Any) -> Any:
    """*value* of a message, with each text in it escaped, and cut if it is long."""
    if isinstance(value, str):
        text = value if len(value) <= MAX_TEXT_CHARS else f"{value[:MAX_TEXT_CHARS]}..."
        return escape_text(text)
    if isinstance(value, list):
        return [clean(str(each)) for each in value]
    if isinstance(value, dict):
        return clean(str(value))
    return value
