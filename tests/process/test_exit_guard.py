"""The bound on the end of a process; real processes whose threads are stuck are in tests/e2e."""

from __future__ import annotations

import math
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import NamedTuple, TextIO

import pytest

from asgiserve.process import exit_guard
from asgiserve.process.exit_guard import (
    MIN_EXIT_S,
    UNWIND_S,
    flush_output,
    guard_exit,
    guard_startup,
    leave_output,
)


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> list[tuple[float, int]]:
    """Time-out and status of each end that was prepared."""
    ends: list[tuple[float, int]] = []
    monkeypatch.setattr(exit_guard, "end_process", lambda *end: ends.append(end))
    monkeypatch.setattr(time, "monotonic", lambda: 1_000.0)
    return ends


def wait_for_guard() -> None:
    for thread in threading.enumerate():
        if thread.name in ("asgiserve-exit-guard", "asgiserve-startup-guard"):
            thread.join(5)


def test_process_gets_what_is_left_of_the_grace_period(ends: list[tuple[float, int]]) -> None:
    guard_exit(1_020.0, 1)
    wait_for_guard()
    assert ends == [(20.0, 1)]


def test_process_gets_a_moment_when_the_grace_period_is_over(
    ends: list[tuple[float, int]],
) -> None:
    guard_exit(900.0, 0)
    wait_for_guard()
    assert ends == [(MIN_EXIT_S, 0)]


def test_process_without_a_limit_is_not_guarded(ends: list[tuple[float, int]]) -> None:
    guard_exit(math.inf, 0)
    wait_for_guard()
    assert ends == []


@pytest.mark.parametrize("is_over", [False, True])
def test_process_ends_when_a_cancelled_startup_does_not(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, is_over: bool
) -> None:
    slept: list[float] = []
    statuses: list[int] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    monkeypatch.setattr(exit_guard, "end_now", statuses.append)
    guard_startup(lambda: is_over)
    wait_for_guard()
    assert slept == [UNWIND_S]
    assert statuses == ([] if is_over else [0])
    assert ("startup does not end" in caplog.text) is not is_over


# Output that nobody reads ---------------------------------------------------------------------


class Output(NamedTuple):
    """Standard output and standard error, one pipe, and who reads it."""

    reader_fd: int
    stdout: TextIO
    stderr: TextIO

    def read(self) -> bytes:
        """All that has come."""
        data = b""
        try:
            while piece := os.read(self.reader_fd, 65536):
                data += piece
        except BlockingIOError:
            pass
        return data


@pytest.fixture
def output(monkeypatch: pytest.MonkeyPatch) -> Iterator[Output]:
    if sys.platform == "win32":
        pytest.skip("needs pipes that can be polled")
    monkeypatch.setattr(exit_guard, "LAST_OUTPUT_S", 0.01)
    reader_fd, fd = os.pipe()
    os.set_blocking(reader_fd, False)
    with open_text(fd) as stdout, open_text(os.dup(fd)) as stderr:
        # Not those of `sys`, which pytest exchanges.
        streams = SimpleNamespace(stdout=stdout, stderr=stderr)
        monkeypatch.setattr(exit_guard, "sys", streams)
        output = Output(reader_fd, stdout, stderr)
        yield output
        # Or closing the streams could block.
        output.read()
    os.close(reader_fd)


def open_text(fd: int) -> TextIO:
    return os.fdopen(fd, "w", encoding="utf-8")


def fill(fd: int) -> None:
    """Write until another byte would block."""
    os.set_blocking(fd, False)
    for size in (4096, 1):
        try:
            while True:
                os.write(fd, b"x" * size)
        except BlockingIOError:
            pass
    os.set_blocking(fd, True)


@pytest.fixture(params=[True, False], ids=["opened-again", "polled"])
def _way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether the system can open a pipe once more, as Linux can."""
    if not request.param:
        monkeypatch.setattr(exit_guard, "open_nonblocking", lambda fd: None)


@pytest.mark.usefixtures("_way")
@pytest.mark.parametrize("flush", [flush_output, leave_output])
def test_what_was_printed_is_written(output: Output, flush: Callable[[], None]) -> None:
    output.stdout.write("out ")
    output.stderr.write("err")
    flush()
    assert output.read() == b"out err"


@pytest.mark.usefixtures("_way")
def test_flush_leaves_what_nobody_reads(output: Output) -> None:
    fill(output.stdout.fileno())
    output.stdout.write("printed")
    flush_output()
    assert os.get_blocking(output.stdout.fileno())
    output.read()
    flush_output()
    assert output.read() == b"printed"


@pytest.mark.usefixtures("_way")
def test_leaving_drops_what_nobody_reads(output: Output) -> None:
    fill(output.stdout.fileno())
    output.stdout.write("printed")
    leave_output()
    # As the interpreter does at its end.
    output.stdout.flush()
    output.stderr.flush()
    assert b"printed" not in output.read()


def test_missing_streams_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exit_guard, "sys", SimpleNamespace(stdout=None, stderr=None))
    flush_output()
    leave_output()
