"""A server with several workers, as the one who drives it sees it (Linux)."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.faults.contenders import FaultContender
from benchmarks.server_process import ServerProcess, find_free_port

__all__ = ["Site", "client_ports", "count_connections", "is_alive", "wait_until"]

APP = "benchmarks.apps.faults:app"
START_TIMEOUT_S = 60.0
POLL_S = 0.02
# A socket file in /proc/PID/fd, and where /proc/net/tcp has its columns.
SOCKET_LINK = "socket:["
LOCAL, REMOTE, STATE, INODE = 1, 2, 3, 9
ESTABLISHED = "01"


class Site:
    """A server with *workers* workers; use it as a context manager.

    Args:
        options: more arguments of its command.
    """

    def __init__(
        self, contender: FaultContender, workers: int, options: Sequence[str] = ()
    ) -> None:
        self.contender = contender
        self.workers = workers
        self.port = find_free_port()
        self._folder = tempfile.TemporaryDirectory(prefix="faults-")
        self.folder = Path(self._folder.name)
        (self.folder / "journal").touch()
        self._pid_file = self.folder / "pid"
        command = contender.command(
            app=APP,
            port=self.port,
            workers=workers,
            pid_file=str(self._pid_file),
            options=options,
        )
        self.server = ServerProcess(
            command,
            self.port,
            environment={**contender.server.environment, "FAULTS_FOLDER": str(self.folder)},
        )

    def __enter__(self) -> Self:
        self.server.__enter__()
        try:
            if not self.wait_for_workers(self.workers, START_TIMEOUT_S):
                raise RuntimeError(f"no {self.workers} workers: {self.server.read_output()}")
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.server.stop()
        self._folder.cleanup()

    @property
    def pid(self) -> int:
        """The process that takes signals."""
        try:
            return int(self._pid_file.read_text())
        except (FileNotFoundError, ValueError):
            return self.server.process.pid

    def read_log(self) -> str:
        """All that the server has written."""
        output = self.server.output
        assert output is not None
        return os.pread(output.fileno(), 100_000_000, 0).decode(errors="replace")

    # --- workers ----------------------------------------------------------------------------------

    def started(self) -> dict[int, float]:
        """When each worker's application was started, by the monotonic clock."""
        return self._read_journal("started")

    def stopped(self) -> dict[int, float]:
        """When each worker's application was stopped in order."""
        return self._read_journal("stopped")

    def live(self) -> list[int]:
        """The workers that serve and are not about to end, in the order of their start."""
        stopped = self.stopped()
        return [pid for pid in self.started() if pid not in stopped and is_alive(pid)]

    def wait_for_workers(self, count: int, timeout_s: float) -> bool:
        """Wait until *count* workers serve; False when time is over."""
        return wait_until(lambda: len(self.live()) == count, timeout_s)

    def wait_for_others(self, old: set[int], timeout_s: float) -> bool:
        """Wait until none of *old* is left, and as many as wanted serve; False: not in time."""

        def are_replaced() -> bool:
            return len(self.live()) == self.workers and not any(map(is_alive, old))

        return wait_until(are_replaced, timeout_s)

    def kill(self, pid: int) -> tuple[set[int], float]:
        """Kill the worker *pid* by SIGKILL.

        Returns:
            The clients' ports of its connections, and when it was, by the monotonic clock.
        """
        # Between the look and the end it must not get another connection.
        os.kill(pid, signal.SIGSTOP)
        wait_until(lambda: read_state(pid) in "TZ", 1.0)
        ports = client_ports(pid, self.port)
        # This process may be held up right after.
        killed_s = time.monotonic()
        # A supervisor may have taken it for dead, and been quicker.
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        return ports, killed_s

    def release(self) -> None:
        """Let slow requests end."""
        (self.folder / "release").touch()

    def open_files(self) -> int:
        """How many file descriptors all of its processes have."""
        return sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in self.server.find_pids())

    def _read_journal(self, event: str) -> dict[int, float]:
        lines = (self.folder / "journal").read_text().splitlines()
        entries = (line.split() for line in lines)
        return {int(pid): float(at_s) for kind, pid, at_s in entries if kind == event}


def wait_until(condition: Callable[[], bool], timeout_s: float) -> bool:
    """Poll *condition*; False when it has not come true within *timeout_s*."""
    end_s = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > end_s:
            return False
        time.sleep(POLL_S)
    return True


def is_alive(pid: int) -> bool:
    """Whether the process *pid* has not ended; one that nobody has waited for has."""
    return read_state(pid) not in "ZX"


def read_state(pid: int) -> str:
    """The state of a process, one letter; X for one that is gone (proc_pid_stat(5))."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "X"


def client_ports(pid: int, port: int) -> set[int]:
    """The clients' ports of the connections to *port* that the process *pid* has open."""
    inodes = set()
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            link = os.readlink(f"/proc/{pid}/fd/{name}")
        except FileNotFoundError:
            continue
        if link.startswith(SOCKET_LINK):
            inodes.add(link[len(SOCKET_LINK) : -1])
    rows = [columns for columns in read_connections(port) if columns[INODE] in inodes]
    return {int(columns[REMOTE].rpartition(":")[2], 16) for columns in rows} - {0}


def count_connections(port: int) -> int:
    """How many connections the server at *port* has that neither side has closed."""
    return sum(columns[STATE] == ESTABLISHED for columns in read_connections(port))


def read_connections(port: int) -> list[list[str]]:
    """The lines of /proc/net/tcp for the server at *port*, by columns (proc_pid_net(5))."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return [row for row in map(str.split, lines) if row[LOCAL].endswith(f":{port:04X}")]
