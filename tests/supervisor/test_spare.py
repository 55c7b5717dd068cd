"""The process that waits to take the place of a worker: kept, given away, replaced, ended."""

import signal
import sys
import tempfile
from collections.abc import Iterator

import pytest

from asgiserve.supervisor.spare import RETRY_S, Spare
from tests.e2e.waiting import wait_until
from tests.fakes import ManualClock

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no workers on Windows")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def spare(clock: ManualClock) -> Iterator[Spare]:
    spare = Spare(clock)
    yield spare
    spare.discard()


@pytest.fixture
def fd() -> Iterator[int]:
    with tempfile.TemporaryFile() as file:
        yield file.fileno()


def test_nobody_waits_before_somebody_is_asked_to(spare):
    assert spare.pids == set()
    assert spare.take([]) is None


def test_process_that_waits_is_given_away_once(spare, fd):
    spare.prepare([fd])
    (pid,) = spare.pids
    mate = spare.take([fd])
    assert mate.process.pid == pid
    assert mate.process.poll() is None
    assert spare.pids == set()
    assert spare.take([fd]) is None
    mate.process.end()
    mate.close()


def test_process_that_waits_is_kept(spare, fd):
    spare.prepare([fd])
    pids = spare.pids
    spare.prepare([fd])
    assert spare.pids == pids


def test_process_that_lacks_a_file_is_not_given_away_but_replaced(spare, fd):
    spare.prepare([])
    (pid,) = spare.pids
    assert spare.take([fd]) is None
    spare.prepare([fd])
    assert spare.pids
    assert pid not in spare.pids


def test_process_that_has_ended_is_not_given_away_and_not_replaced_soon(spare, fd, clock):
    spare.prepare([fd])
    mate = spare._mate
    mate.process.kill(signal.SIGKILL)
    wait_until(lambda: mate.process.poll() is not None, "its end")
    assert spare.take([fd]) is None
    spare.prepare([fd])
    clock.now_s += RETRY_S - 1
    spare.prepare([fd])
    assert spare.pids == set()
    clock.now_s += 2
    spare.prepare([fd])
    assert spare.pids


def test_discarded_process_is_gone(spare, fd):
    spare.prepare([fd])
    process = spare._mate.process
    spare.discard()
    assert process.poll() == -signal.SIGKILL
    assert spare.pids == set()


def test_process_that_waits_ends_when_nobody_holds_the_other_end(spare):
    spare.prepare([])
    process = spare._mate.process
    process.channel.close()
    wait_until(lambda: process.poll() is not None, "its end")
    assert process.poll() == 1


def test_failure_to_start_one_is_no_failure(spare, clock, monkeypatch):
    def refuse(*args, **options):
        raise OSError("no processes left")

    monkeypatch.setattr("subprocess.Popen", refuse)
    spare.prepare([])
    assert spare.pids == set()
