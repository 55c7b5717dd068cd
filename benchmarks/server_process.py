"""One server as a session of processes: start, wait, read CPU time and memory, stop (Linux)."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

__all__ = ["ServerError", "ServerProcess", "find_free_port"]

REPOSITORY = Path(__file__).resolve().parent.parent
START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 10
# How long a start may seem to take longer than it does.
POLL_S = 0.005
# Places of the values in /proc/PID/stat after the command's name (proc_pid_stat(5)).
SESSION_FIELD = 3
CPU_FIELDS = slice(11, 15)


class ServerError(Exception):
    """A server did not start, or ended before it was told to."""


class ServerProcess:
    """Runs one server; use it as a context manager.

    The server leads a session of its own, so that its workers are found whatever they forked.

    Args:
        command: the whole command line.
        port: the port of 127.0.0.1 on which it will answer.
        environment: variables added to this process's.
        cores: the CPU cores it is pinned to; None leaves it to the kernel.
        discard_output: send its output to /dev/null, not to a file that is shown when it fails.
        patience: how many times the usual time it may take to start and to stop.
    """

    def __init__(
        self,
        command: Sequence[str],
        port: int,
        *,
        environment: Mapping[str, str] | None = None,
        cores: Sequence[int] | None = None,
        discard_output: bool = False,
        patience: int = 1,
    ) -> None:
        pin = [] if cores is None else ["taskset", "-c", ",".join(map(str, cores))]
        self.port = port
        self.start_timeout_s = START_TIMEOUT_S * patience
        self.stop_timeout_s = STOP_TIMEOUT_S * patience
        self.output = None if discard_output else tempfile.TemporaryFile()  # noqa: SIM115
        self.process = subprocess.Popen(
            [*pin, *command],
            cwd=REPOSITORY,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=self.output or subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def __enter__(self) -> Self:
        try:
            self.wait_until_listening()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def wait_until_listening(self) -> None:
        """Return once the port takes connections.

        Raises:
            ServerError: it ended, or took longer than it may.
        """
        deadline_s = time.monotonic() + self.start_timeout_s
        while time.monotonic() < deadline_s:
            if self.process.poll() is not None:
                raise ServerError(f"exit status {self.process.returncode}: {self.read_output()}")
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                time.sleep(POLL_S)
            else:
                return
        raise ServerError(f"not listening after {self.start_timeout_s} s: {self.read_output()}")

    def stop(self) -> None:
        """Ask it to end, then make its whole session end."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(self.stop_timeout_s)
        except subprocess.TimeoutExpired:
            pass
        for pid in self.find_pids():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.process.wait()
        if self.output is not None:
            self.output.close()

    def read_output(self) -> str:
        """Return the end of what the server has written."""
        if self.output is None:
            return "(output discarded)"
        self.output.seek(0)
        return self.output.read()[-2000:].decode(errors="replace").strip()

    def find_pids(self) -> list[int]:
        """List the processes of the server's session."""
        return [
            pid
            for pid, values in read_process_stats()
            if int(values[SESSION_FIELD]) == self.process.pid
        ]

    def read_cpu_time_s(self) -> float:
        """Sum user and system time of its processes, their threads and children waited for."""
        ticks = 0
        for _, values in read_process_stats():
            if int(values[SESSION_FIELD]) == self.process.pid:
                ticks += sum(map(int, values[CPU_FIELDS]))
        return ticks / os.sysconf("SC_CLK_TCK")

    def read_resident_bytes(self) -> int:
        """Sum the anonymous resident memory of its processes, pages shared by two of them once.

        File pages are left out: they do not grow, and other programs that map the same library
        change their share.
        """
        total_kib = 0
        for pid in self.find_pids():
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
            total_kib += next(
                int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss_Anon:")
            )
        return total_kib * 1024


def read_process_stats() -> list[tuple[int, list[str]]]:
    """Read /proc/PID/stat of every process: its id and the values after the command's name."""
    stats = []
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        try:
            text = Path(entry.path, "stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        stats.append((int(entry.name), text.rpartition(")")[2].split()))
    return stats


def find_free_port() -> int:
    """Ask the kernel for a port of 127.0.0.1 that nobody uses."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
