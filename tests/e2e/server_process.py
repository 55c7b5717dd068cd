"""One real server process: started, waited for, read and killed.

It dies with its test: the fixtures kill it by its pid; on Linux the kernel does when the test run
itself is killed.
"""

import ctypes
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from pathlib import Path

import asgiserve
from asgiserve._twins import Column
from asgiserve.process.signals import STOP_SIGNALS
from asgiserve.server.stop_request import REPEAT_S
from tests.columns import environment_of

from .forked_program import ForkedProgram, Zygote
from .waiting import DEADLINE_S, wait_until

APPS_DIR = Path(__file__).parent / "apps"
SITES_DIR = Path(__file__).parent / "frameworks" / "apps"
# The event loops that a server can be told to run on.
LOOPS = ["asyncio", *(["uvloop"] if find_spec("uvloop") else [])]

_ADDRESS = re.compile(r"https?://(\[[0-9a-f:]+\]|[\w.]+):(\d+)")
_TRACEBACK = "Traceback (most recent call last)"
_COMPLAINT = re.compile(
    re.escape(_TRACEBACK)
    + r"|never retrieved|never awaited|Exception ignored|ResourceWarning|[Uu]nhandled exception"
)
# No warning, no error, no traceback; libraries put their date first, and applications print.
PLAIN_LINE = re.compile(r".{0,40}\b(?:INFO|DEBUG): |app: ")
_PR_SET_PDEATHSIG = 1
_zygotes: dict[Column, Zygote] = {}
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def die_with_parent() -> None:
    """Have the kernel kill this process, a child of the test run, when that ends (Linux)."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def base_environment(column: Column) -> dict[str, str]:
    """The environment of a server of *column*."""
    package_parent = str(Path(asgiserve.__path__[0]).parent)
    python_path = os.pathsep.join([package_parent, str(APPS_DIR), str(SITES_DIR)])
    return {**environment_of(column), "PYTHONPATH": python_path}


def find_zygote(column: Column) -> Zygote | None:
    """What forks the servers of *column* in this test run, where that is possible."""
    if column not in _zygotes and Zygote.is_possible():
        _zygotes[column] = Zygote(base_environment(column))
    return _zygotes.get(column)


def close_zygotes() -> None:
    """End what forks servers; the next server starts another."""
    while _zygotes:
        _zygotes.popitem()[1].close()


class ServerProcess:
    """A ``python`` process that serves. Its stdout and stderr go to one file: no pipe to drain.

    Args:
        arguments: of the interpreter.
        column: the one that it runs.
        work_dir: where it runs; empty, so that no configuration file is found by chance.
    """

    def __init__(self, arguments: Iterable[str], *, column: Column, work_dir: Path) -> None:
        self.arguments = [str(argument) for argument in arguments]
        self.work_dir = work_dir
        self.log_path = work_dir / "server.log"
        self.extra_environment: dict[str, str] = {}
        self.inherited_fds: tuple[int, ...] = ()
        self._next_stop_s = 0.0
        self.max_open_files = 0
        self.is_forked = True
        # If it is given, the log may hold no other lines, but where a test expects some.
        self.only_lines: re.Pattern[str] | None = None
        self._expects_lines = False
        self._column = column
        self._process: subprocess.Popen[bytes] | ForkedProgram | None = None
        self._log_mark = 0
        self._expected_tracebacks = 0

    def start(self) -> None:
        """Start the process; it may not be listening yet."""
        environment = self._environment()
        zygote = find_zygote(self._column) if self.is_forked else None
        with self.log_path.open("ab") as log:
            if zygote is not None and zygote.can_run(self.arguments, environment):
                self._process = zygote.start(
                    self.arguments,
                    environment,
                    folder=self.work_dir,
                    log=log,
                    inherited_fds=self.inherited_fds,
                    max_open_files=self.max_open_files,
                )
                return
            self._process = subprocess.Popen(
                [sys.executable, *self.arguments],
                cwd=self.work_dir,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=self.inherited_fds,
                preexec_fn=self._before_exec,
            )

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    # --- addresses --------------------------------------------------------------------------------

    def addresses(self) -> list[tuple[str, int]]:
        """The TCP addresses that the start-up lines name, in their order."""
        found = _ADDRESS.findall(self.log())
        return [(host.strip("[]"), int(port)) for host, port in found]

    @property
    def address(self) -> tuple[str, int]:
        return self.addresses()[0]

    @property
    def url(self) -> str:
        host, port = self.address
        return f"http://{host}:{port}"

    def wait_until_listening(self) -> None:
        """Wait for the start-up line that names an address."""
        self.wait_for_log(_ADDRESS.pattern)

    # --- log --------------------------------------------------------------------------------------

    def log(self) -> str:
        """All that the process has written so far."""
        return self.log_path.read_text(errors="backslashreplace") if self.log_path.exists() else ""

    def log_since_mark(self) -> str:
        """What the process wrote since the test before ended."""
        return self.log()[self._log_mark :]

    def wait_for_log(self, pattern: str) -> None:
        """Wait until *pattern* (a regular expression) stands in the log of the running test."""

        def is_there() -> bool:
            if re.search(pattern, self.log_since_mark()):
                return True
            assert self.is_running, (
                f"the server ended with {self.exit_status()} before it wrote {pattern!r}"
            )
            return False

        wait_until(is_there, f"{pattern!r} in the server's log")

    def expect_traceback(self, last_line: str) -> None:
        """Wait for the traceback that ends in *last_line*; the log may hold no other one."""
        wait_until(lambda: last_line in self.log_since_mark(), f"a traceback with {last_line!r}")
        self._expected_tracebacks += 1

    def expect_line(self, text: str) -> None:
        """Wait for a line with *text*; the log may hold others than ``only_lines`` then."""
        wait_until(lambda: text in self.log_since_mark(), f"{text!r} in the log")
        self._expects_lines = True

    def end_test(self) -> None:
        """Lay what the log holds by; what comes later is the next test's."""
        self._log_mark = len(self.log())
        self._expected_tracebacks = 0
        self._expects_lines = False

    def complaints(self) -> list[str]:
        """The tracebacks and warnings of this test that it did not expect."""
        found = _COMPLAINT.findall(self.log_since_mark())
        for _ in range(self._expected_tracebacks):
            if _TRACEBACK not in found:
                return ["an expected traceback is missing"]
            found.remove(_TRACEBACK)
        return [*found, *self._stray_lines()]

    def _stray_lines(self) -> list[str]:
        """The whole lines of this test that are none of ``only_lines``."""
        if self.only_lines is None or self._expects_lines or self._expected_tracebacks:
            return []
        lines = self.log_since_mark().splitlines()
        return [line for line in lines if not self.only_lines.match(line)]

    # --- end --------------------------------------------------------------------------------------

    def send_signal(self, number: int) -> None:
        """Send a signal, unless the process has ended already.

        One to stop that follows another waits until it counts as a second one.
        """
        assert self._process is not None
        if number in STOP_SIGNALS:
            time.sleep(max(self._next_stop_s - time.monotonic(), 0.0))
            self._next_stop_s = time.monotonic() + REPEAT_S * 1.1
        self._process.send_signal(number)

    def exit_status(self, timeout_s: float = DEADLINE_S) -> int:
        """Wait for the process to end by itself; its exit status (negative: a signal)."""
        assert self._process is not None
        return self._process.wait(timeout_s)

    def terminate(self) -> int:
        """Ask the server to stop, as a process manager does; its exit status."""
        self.send_signal(signal.SIGTERM)
        return self.exit_status()

    def kill(self) -> None:
        """End the process, whatever it does."""
        if self.is_running:
            self.send_signal(signal.SIGKILL)
            self.exit_status()

    # --- process ----------------------------------------------------------------------------------

    def resident_bytes(self) -> int:
        """Resident memory of the process (Linux)."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        match = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert match, status
        return int(match[1]) * 1024

    def open_files(self) -> int:
        """How many file descriptors the process has (Linux)."""
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))

    def _environment(self) -> dict[str, str]:
        return {**base_environment(self._column), **self.extra_environment}

    @property
    def _before_exec(self) -> Callable[[], None] | None:
        if _LIBC is None and not self.max_open_files:
            return None
        return self._prepare_child

    def _prepare_child(self) -> None:
        die_with_parent()
        if self.max_open_files:
            import resource  # not on Windows

            resource.setrlimit(resource.RLIMIT_NOFILE, (self.max_open_files, self.max_open_files))
