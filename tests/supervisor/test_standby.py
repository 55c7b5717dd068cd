"""The process that waits to take the place of a worker: kept, given away, replaced, ended."""

import signal
import sys
import tempfile
from collections.abc import Iterator

import pytest

from asgiserve.supervisor.standby import IMPORT_TIMEOUT_S, RETRY_S, Spare
from tests.e2e.waiting import wait_until
from tests.fakes import ManualClock

if sys.platform == "win32":
    pytest.skip("there are no workers on Windows", allow_module_level=True)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture(params=[False, True], ids=["single", "forking"])
def can_fork(request: pytest.FixtureRequest) -> bool:
    if request.param:
        request.getfixturevalue("adopting")
    return bool(request.param)


@pytest.fixture
def spare(can_fork: bool, clock: ManualClock) -> Iterator[Spare]:
    spare = Spare(can_fork=can_fork, clock=clock)
    yield spare
    spare.discard()


@pytest.fixture
def fd() -> Iterator[int]:
    with tempfile.TemporaryFile() as file:
        yield file.fileno()


def take(spare, fd):
    """The process that is given away, once there is one."""
    taken = []

    def is_taken():
        taken.append(spare.take([fd]))
        return taken[-1] is not None

    wait_until(is_taken, "a process")
    return taken[-1]


def test_nobody_waits_before_somebody_is_asked_to(spare):
    assert spare.pids == set()
    assert spare.take([]) is None


@pytest.mark.parametrize("can_fork", [False])
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


@pytest.mark.parametrize("can_fork", [True])
@pytest.mark.usefixtures("adopting")
def test_process_that_waits_gives_forks_and_stays(spare, fd):
    spare.prepare([fd])
    pids = spare.pids
    mates = [take(spare, fd) for _ in range(2)]
    assert spare.pids == pids
    assert len(pids | {mate.process.pid for mate in mates}) == 3
    for mate in mates:
        assert mate.process.poll() is None
        mate.process.end()
        assert mate.process.poll() == -signal.SIGKILL
        mate.close()


@pytest.mark.parametrize("can_fork", [True])
@pytest.mark.usefixtures("adopting")
def test_process_that_does_not_fork_is_given_up_with_a_warning(spare, fd, caplog, monkeypatch):
    monkeypatch.setattr("asgiserve.supervisor.fork_server_process.FORK_TIMEOUT_S", 0.01)
    spare.prepare([fd])
    process = spare._waiting.process
    process.channel.wait()
    process.kill(signal.SIGSTOP)
    assert spare.take([fd]) is None
    assert "No spare process for 60 s: it did not fork in 0.01 s" in caplog.text
    assert process.poll() == -signal.SIGKILL
    spare.prepare([fd])
    assert spare.pids == set()


@pytest.mark.parametrize("can_fork", [True])
@pytest.mark.usefixtures("adopting")
def test_process_that_is_not_done_importing_is_waited_for_so_long(spare, fd, clock, caplog):
    assert not spare.is_importing
    spare.prepare([fd])
    process = spare._waiting.process
    process.kill(signal.SIGSTOP)
    clock.now_s += IMPORT_TIMEOUT_S
    spare.prepare([fd])
    assert spare.take([fd]) is None
    assert spare.is_importing
    clock.now_s += 1
    spare.prepare([fd])
    assert not spare.is_importing
    assert "No spare process for 60 s: it has not imported the server in 30 s" in caplog.text
    assert process.poll() == -signal.SIGKILL


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
    process = spare._waiting.process
    process.kill(signal.SIGKILL)
    wait_until(lambda: process.poll() is not None, "its end")
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
    process = spare._waiting.process
    spare.discard()
    assert process.poll() == -signal.SIGKILL
    assert spare.pids == set()


def test_process_that_waits_ends_when_nobody_holds_the_other_end(spare):
    spare.prepare([])
    process = spare._waiting.process
    process.channel.close()
    wait_until(lambda: process.poll() is not None, "its end")
    assert process.poll() == 1


def test_failure_to_start_one_is_no_failure(spare, caplog, monkeypatch):
    def refuse(*args, **options):
        raise OSError("no processes left")

    monkeypatch.setattr("subprocess.Popen", refuse)
    spare.prepare([])
    assert spare.pids == set()
    assert "No spare process for 60 s: no processes left" in caplog.text
