"""Programs that forks of a `zygote` run: to import what it has takes 0.2 s of CPU each time.

A test whose subject is the start itself starts a real interpreter (``is_forked=False``).
"""

import json
import os
import select
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import BinaryIO

__all__ = ["ForkedProgram", "Zygote"]

# What an interpreter, or a library below it, reads when it starts: no fork heeds another value.
EARLY_VARIABLES = (
    "ASGISERVE_SPEEDUPS",
    "LANG",
    "LC_",
    "LD_",
    "MALLOC_",
    "OPENSSL_",
    "PYTHON",
    "TZ",
)
# What a fork does heed.
LATE_VARIABLES = ("PYTHONPATH",)


class ForkedProgram:
    """A fork that runs what ``python ARGUMENTS`` would; as `subprocess.Popen`, where that goes."""

    def __init__(self, arguments: list[str], told: BinaryIO) -> None:
        self._arguments = arguments
        self._told = told
        self.pid = int(told.readline())
        self._status: int | None = None

    def poll(self) -> int | None:
        """The exit status, negative for a signal; None while the program runs."""
        return self._take_status(0.0)

    def wait(self, timeout_s: float) -> int:
        """Wait for the end, and give the exit status.

        Raises:
            subprocess.TimeoutExpired: it did not come within *timeout_s*.
        """
        status = self._take_status(timeout_s)
        if status is None:
            raise subprocess.TimeoutExpired(self._arguments, timeout_s)
        return status

    def send_signal(self, number: int) -> None:
        """Send a signal, unless the program has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def _take_status(self, timeout_s: float) -> int | None:
        if self._status is None and select.select([self._told], [], [], timeout_s)[0]:
            line = self._told.readline()
            # Without a word: the zygote is gone, and has taken its forks along.
            self._status = int(line) if line else -signal.SIGKILL
            self._told.close()
        return self._status


class Zygote:
    """A process that forks programs; it ends, and they with it, when this process does.

    Args:
        environment: of its interpreter; that of a program may differ in what is no early variable.
    """

    def __init__(self, environment: dict[str, str]) -> None:
        self._environment = environment
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.e2e.zygote", str(theirs.fileno())],
                cwd=Path(__file__).parents[2],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )

    def close(self) -> None:
        """End the process, and whatever it has forked that still runs."""
        self._control.close()
        self._process.wait()

    @staticmethod
    def is_possible() -> bool:
        """Whether this system can, and its interpreter gains by it (PyPy's forks copy its heap)."""
        return hasattr(os, "pidfd_open") and sys.implementation.name == "cpython"

    def can_run(self, arguments: list[str], environment: dict[str, str]) -> bool:
        """Whether a fork does what ``python ARGUMENTS`` would do in *environment*."""
        is_plain = arguments[0] in ("-m", "-c") or not arguments[0].startswith("-")
        return is_plain and early(environment) == early(self._environment)

    def start(
        self,
        arguments: list[str],
        environment: dict[str, str],
        *,
        folder: Path,
        log: BinaryIO,
        inherited_fds: tuple[int, ...],
        max_open_files: int,
    ) -> ForkedProgram:
        """Have a fork run ``python ARGUMENTS`` in *folder*, with *log* as stdout and stderr."""
        order = {
            "arguments": arguments,
            "environment": environment,
            "folder": str(folder),
            "inherited_fds": inherited_fds,
            "max_open_files": max_open_files,
        }
        told, tells = os.pipe()
        try:
            fds = [tells, log.fileno(), *inherited_fds]
            socket.send_fds(self._control, [json.dumps(order).encode()], fds)
        finally:
            os.close(tells)
        # Unbuffered: select() sees what has not been read.
        return ForkedProgram(arguments, open(told, "rb", buffering=0))


def early(environment: dict[str, str]) -> dict[str, str]:
    """The part of *environment* that no fork heeds."""
    return {
        name: value
        for name, value in environment.items()
        if name.startswith(EARLY_VARIABLES) and name not in LATE_VARIABLES
    }
