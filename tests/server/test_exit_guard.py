"""The bound on the end of a process; real processes whose threads are stuck are in tests/e2e."""

from __future__ import annotations

import math
import threading
import time

import pytest

from asgiserve.server import exit_guard
from asgiserve.server.exit_guard import MIN_EXIT_S, guard_exit


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> list[tuple[float, int]]:
    """Time-out and status of each end that was prepared."""
    ends: list[tuple[float, int]] = []
    monkeypatch.setattr(exit_guard, "end_process", lambda *end: ends.append(end))
    monkeypatch.setattr(time, "monotonic", lambda: 1_000.0)
    return ends


def wait_for_guard() -> None:
    for thread in threading.enumerate():
        if thread.name == "asgiserve-exit-guard":
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
