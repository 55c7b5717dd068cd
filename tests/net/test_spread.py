"""The connection counts that workers share."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from asgiserve.net.spread import STALE_AFTER_S, Spread
from tests.fakes import ManualClock

StartWorkers = Callable[..., list[Spread]]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def start_workers(clock: ManualClock) -> Iterator[StartWorkers]:
    """Attach one worker for each count, in a memory that has two slots to spare."""
    opened: list[Spread] = []

    def start(*counts: int) -> list[Spread]:
        onlooker = Spread.create(len(counts) + 2)
        opened.append(onlooker)
        for slot, count in enumerate(counts):
            worker = Spread(os.dup(onlooker.fd), slot, clock)
            worker.set(count)
            worker.beat(clock.now_s)
            opened.append(worker)
        return opened[1:]

    yield start
    for spread in opened:
        spread.close()


def test_worker_is_above_the_mean_of_all(start_workers: StartWorkers) -> None:
    workers = start_workers(4, 2, 3)
    assert [worker.is_above_mean() for worker in workers] == [True, False, False]
    assert [worker.excess() for worker in workers] == [1.0, -1.0, 0.0]
    assert workers[0].counts() == [4, 2, 3, 0, 0]


def test_single_worker_is_never_above_the_mean(start_workers: StartWorkers) -> None:
    (worker,) = start_workers(1000)
    assert not worker.is_above_mean()


def test_worker_that_does_not_beat_is_left_out(
    start_workers: StartWorkers, clock: ManualClock
) -> None:
    busy, stuck = start_workers(10, 0)
    assert busy.is_above_mean()
    clock.now_s += STALE_AFTER_S
    assert busy.is_above_mean()
    clock.now_s += 0.1
    assert not busy.is_above_mean()
    stuck.beat(clock.now_s)
    assert busy.is_above_mean()


def test_worker_that_was_cleared_is_left_out(start_workers: StartWorkers) -> None:
    busy, gone = start_workers(10, 0)
    busy.clear(gone.slot)
    assert not busy.is_above_mean()
    gone.set(30)
    assert not busy.is_above_mean()


def test_worker_that_attaches_starts_from_nothing(start_workers: StartWorkers) -> None:
    old, other = start_workers(50, 10)
    replacement = Spread.attach(os.dup(old.fd), old.slot)
    assert replacement.counts()[:2] == [0, 10]
    assert not other.is_above_mean()
    replacement.close()


def test_slot_that_is_not_there_is_refused() -> None:
    spread = Spread.create(2)
    with pytest.raises(ValueError, match="no slot 2: there are 2"):
        Spread.attach(spread.fd, 2)
    spread.close()


def test_counts_are_seen_by_another_process() -> None:
    spread = Spread.create(3)
    child = (
        "import sys, time; from asgiserve.net.spread import Spread;"
        "spread = Spread.attach(int(sys.argv[1]), 1);"
        "spread.set(7); spread.beat(time.monotonic())"
    )
    subprocess.run([sys.executable, "-c", child, str(spread.fd)], pass_fds=[spread.fd], check=True)
    assert spread.counts() == [0, 7, 0]
    worker = Spread.attach(os.dup(spread.fd), 0)
    worker.set(8)
    worker.beat(time.monotonic())
    assert worker.excess() == 0.5
    worker.close()
    spread.close()
