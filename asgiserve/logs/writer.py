"""Lines of the log on their way to a stream: logging never waits for whatever reads it.

The stream is mostly standard output or error: a pipe, a terminal, a socket or a file, which other
processes may share. ``O_NONBLOCK`` would be set for all of them, so it is not set there.
"""

from __future__ import annotations

import logging
import os
import select
import socket
import stat
import sys
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

__all__ = ["MAX_UNSENT_BYTES", "LogWriter", "is_writable", "open_nonblocking", "wait_for_readers"]

logger = logging.getLogger("asgiserve.error")

# What is kept for a reader that does not keep up; beyond it, lines are dropped.
MAX_UNSENT_BYTES = 1024 * 1024
# A file that takes longer than this for a write may do so again: a thread writes from then on.
SLOW_WRITE_S = 0.1
# Linux writes so much to a pipe in one piece: the lines of several processes stay whole.
WHOLE_BYTES = 4096
# How often to try again where a descriptor cannot be waited for.
RETRY_S = 0.05

DirectWrite: TypeAlias = Callable[[bytes], int]

_writers: weakref.WeakSet[LogWriter] = weakref.WeakSet()


class LogWriter:
    """Writes lines to *stream*, for every thread, and blocks none.

    They are written at once where that cannot block. What the stream does not take is left to a
    thread that waits for the reader and ends with the last of it; beyond MAX_UNSENT_BYTES lines are
    dropped and counted. That is logged at the first of them, and their number when the reader is
    back.

    Attributes:
        stream: a text stream; one without a file descriptor is written to as it is. None: lines are
            dropped without a word.
    """

    def __init__(self, stream: Any) -> None:
        self.stream = stream
        self._name = "the log"
        self._target: Target | None = None
        self.forget()
        _writers.add(self)
        try:
            self._name = str(getattr(stream, "name", self._name))
            # Now, since a process that has given up its privileges may not be able to open it.
            self._find_target()
        except (AttributeError, OSError, ValueError):
            # Not a file, or closed: `write` sees to that.
            pass

    def forget(self) -> None:
        """Begin again, in a forked child: what is unsent is the parent's, and so is its thread."""
        # Signal handlers may log while their thread does.
        self._lock = threading.RLock()
        # Something was added to what is unsent, or taken from it.
        self._changed = threading.Condition(self._lock)
        self._unsent: deque[bytes] = deque()
        self._unsent_bytes = 0
        self._thread: threading.Thread | None = None
        self._dropped_lines = 0
        self._reason = ""
        self._has_warned = False

    def write(self, lines: str | bytes) -> None:
        """Write *lines*, now or later; what the stream's encoding lacks is escaped."""
        stream = self.stream
        if stream is None:
            return
        with self._lock:
            dropped_before = self._dropped_lines
            try:
                if is_file(stream):
                    self._send(encode(stream, lines))
                else:
                    write_text(stream, lines)
            # A closed stream, pipe or terminal, a full disk: serving goes on without these lines.
            except (OSError, ValueError) as error:
                self._drop(count_lines(lines), error)
            is_going = self._dropped_lines == dropped_before
        self._report(is_going and not self._unsent)

    def wait(self, timeout_s: float) -> bool:
        """Wait for the reader to take what is unsent; whether it has."""
        with self._lock:
            return self._changed.wait_for(lambda: not self._unsent, timeout_s)

    def flush(self) -> None:
        """Write what others have left in the stream's buffer, if that should not block."""
        try:
            if is_writable(self.stream.fileno()):
                self.stream.flush()
        except (AttributeError, OSError, ValueError):
            pass

    def close(self) -> None:
        """Let go of what was opened; a later `write` opens it again."""
        with self._lock:
            self._target = None
            self._changed.notify_all()

    def _send(self, data: bytes) -> None:
        if not self._unsent:
            target = self._find_target()
            if target.write is not None:
                data = self._send_directly(target, target.write, data)
        if data:
            self._keep(data)

    def _send_directly(self, target: Target, write: DirectWrite, data: bytes) -> bytes:
        """Write *data*; what the stream has not taken."""
        started_s = time.monotonic()
        try:
            # What the application printed comes first.
            if is_writable(target.fd):
                self.stream.flush()
            data = data[write(data) :]
        except BlockingIOError:
            pass
        if target.may_be_slow and time.monotonic() - started_s > SLOW_WRITE_S:
            target.write = None
        return data

    def _keep(self, data: bytes) -> None:
        """Leave *data* to the thread, as much of it as there is room for."""
        end = len(data)
        room = MAX_UNSENT_BYTES - self._unsent_bytes
        if end > room:
            end = data.rfind(b"\n", 0, max(room, 0)) + 1
            self._drop(count_lines(data[end:]), "the reader is too slow")
        if not end:
            return
        if self._thread is None:
            thread = threading.Thread(target=self._run, name="asgiserve-log", daemon=True)
            try:
                thread.start()
            except RuntimeError as error:
                # The system has no more threads, or the interpreter is about to end.
                self._drop(count_lines(data[:end]), error)
                return
            self._thread = thread
        self._unsent.append(data[:end])
        self._unsent_bytes += end
        self._changed.notify_all()

    def _run(self) -> None:
        """Write what is unsent, however long the reader takes, until nothing is left to do."""
        lock = self._lock
        while True:
            with lock:
                while not self._unsent:
                    target = self._target
                    if target is None or target.write is not None:
                        self._thread = None
                        return
                    self._changed.wait()
                data = self._unsent[0]
            error = self._write_all(data)
            with lock:
                self._unsent.popleft()
                self._unsent_bytes -= len(data)
                if error is not None:
                    self._drop(count_lines(data), error)
                self._changed.notify_all()
            self._report(error is None and self._unsent_bytes <= MAX_UNSENT_BYTES // 2)

    def _write_all(self, data: bytes) -> Exception | None:
        """Write *data*, blocking; why that failed, if it did."""
        self.flush()
        start = 0
        try:
            while start < len(data):
                end = data.rfind(b"\n", start, start + WHOLE_BYTES) + 1 or start + WHOLE_BYTES
                fd = self.stream.fileno()
                try:
                    start += os.write(fd, data[start:end])
                except BlockingIOError:
                    # Another process that shares it has set O_NONBLOCK.
                    if not is_writable(fd, timeout_s=None):
                        time.sleep(RETRY_S)
        except (AttributeError, OSError, ValueError) as error:
            return error
        return None

    def _find_target(self) -> Target:
        """What the stream's descriptor leads to, which others may have redirected."""
        fd = self.stream.fileno()
        found = os.fstat(fd)
        target = self._target
        if target is None or target.identity != (fd, found.st_dev, found.st_ino):
            target = self._target = Target(fd, found)
        return target

    def _drop(self, count: int, reason: Exception | str) -> None:
        self._dropped_lines += count
        self._reason = str(reason)

    def _report(self, is_going: bool) -> None:
        """Log that lines are dropped; once the stream *is_going* again, how many they were."""
        with self._lock:
            count, reason = self._dropped_lines, self._reason
            if not count or (self._has_warned and not is_going):
                return
            self._has_warned = not is_going
            if is_going:
                self._dropped_lines = 0
        # Not under the lock: it goes through the handlers of the error log, maybe to here.
        if is_going:
            logger.warning("Dropped %d log lines to %s: %s", count, self._name, reason)
        else:
            logger.warning("Log lines to %s are being dropped: %s", self._name, reason)


class Target:
    """What the file descriptor *fd* leads to, as *found*.

    Attributes:
        write: writes what can be written without blocking, and raises BlockingIOError if that is
            nothing; None: there is no such way.
        may_be_slow: it is a file or the like, which cannot be asked whether it would block.
        identity: the descriptor, device and inode.
    """

    def __init__(self, fd: int, found: os.stat_result) -> None:
        self.fd = fd
        self.identity = (fd, found.st_dev, found.st_ino)
        self.write: DirectWrite | None = None
        self.may_be_slow = False
        if stat.S_ISSOCK(found.st_mode):
            # With a default timeout, a new socket object would set O_NONBLOCK.
            if hasattr(socket, "MSG_DONTWAIT") and socket.getdefaulttimeout() is None:
                sock = socket.socket(fileno=os.dup(fd))
                weakref.finalize(self, sock.close).atexit = False
                self.write = lambda data: sock.send(data, socket.MSG_DONTWAIT)
        elif is_pipe_or_terminal(fd):
            own_fd = open_nonblocking(fd)
            if own_fd is not None:
                weakref.finalize(self, os.close, own_fd).atexit = False
                self.write = partial(os.write, own_fd)
        else:
            self.may_be_slow = True
            self.write = partial(os.write, fd)


def open_nonblocking(fd: int) -> int | None:
    """Another descriptor of the pipe or terminal *fd*, with an O_NONBLOCK of its own, if possible.

    Linux opens it again, by its name in /proc; elsewhere such names only duplicate a descriptor.
    A file is not opened again: its position would not be that of *fd*.
    """
    if sys.platform != "linux" or not is_pipe_or_terminal(fd):
        return None
    flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    try:
        return os.open(f"/proc/self/fd/{fd}", flags)
    except OSError:
        return None


def is_pipe_or_terminal(fd: int) -> bool:
    """Whether *fd* is one of those that block until somebody reads."""
    return stat.S_ISFIFO(os.fstat(fd).st_mode) or os.isatty(fd)


def is_writable(fd: int, timeout_s: float | None = 0) -> bool:
    """Whether *fd* takes a few bytes without blocking, or its reader is gone.

    Args:
        timeout_s: how long to wait for that; None: without limit.
    """
    if not hasattr(select, "poll"):
        # Windows cannot tell.
        return True
    poll = select.poll()
    poll.register(fd, select.POLLOUT)
    return bool(poll.poll(None if timeout_s is None else timeout_s * 1000))


def is_file(stream: Any) -> bool:
    """Whether *stream* is to be written to by its descriptor.

    A console of Windows is not: what it shows is not encoded as its descriptor has it.

    Raises:
        ValueError: it is closed.
    """
    try:
        stream.fileno()
    except (AttributeError, OSError):
        return False
    return sys.platform != "win32" or not stream.isatty()


def encode(stream: Any, lines: str | bytes) -> bytes:
    """*lines* in the encoding of *stream*."""
    if isinstance(lines, bytes):
        return lines
    return lines.encode(getattr(stream, "encoding", None) or "utf-8", "backslashreplace")


def write_text(stream: Any, lines: str | bytes) -> None:
    """Write to a stream without a descriptor: a test's or a notebook's."""
    stream.write(lines if isinstance(lines, str) else lines.decode("ascii"))
    stream.flush()


def count_lines(lines: str | bytes) -> int:
    """How many lines end in *lines*; at least one."""
    return max(lines.count("\n") if isinstance(lines, str) else lines.count(b"\n"), 1)


def wait_for_readers(timeout_s: float) -> None:
    """Give the readers of all logs up to *timeout_s* seconds, in all, to take what is unsent."""
    deadline_s = time.monotonic() + timeout_s
    for writer in tuple(_writers):
        writer.wait(max(deadline_s - time.monotonic(), 0))


def _forget_all() -> None:
    for writer in tuple(_writers):
        writer.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
