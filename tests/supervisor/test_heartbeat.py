"""Beats and CPU time of a worker, on a manual clock."""

import pytest

from asgiserve.supervisor.heartbeat import Pulse, Verdict


class Worker:
    """A pulse with a time-out of 30 s, and what it is judged by."""

    def __init__(self, timeout_s=30.0):
        self.cpu_s = 5.0
        self.pulse = Pulse(timeout_s, lambda: self.cpu_s, 0.0)


@pytest.fixture
def worker():
    return Worker()


def test_worker_that_beats_is_never_late(worker):
    for now_s in range(1, 100):
        worker.pulse.beat(now_s)
        assert worker.pulse.check(now_s + 0.9) is Verdict.SAME


def test_silence_is_late_then_stuck_each_said_once(worker):
    verdicts = [worker.pulse.check(now_s) for now_s in range(60)]
    assert [(now_s, each) for now_s, each in enumerate(verdicts) if each is not Verdict.SAME] == [
        (15, Verdict.LATE),
        (30, Verdict.STUCK),
    ]


def test_beat_ends_the_silence(worker):
    worker.pulse.check(16)
    worker.pulse.check(31)
    assert worker.pulse.is_stuck
    worker.pulse.beat(32)
    assert not worker.pulse.is_late
    assert not worker.pulse.is_stuck
    assert worker.pulse.check(47) is Verdict.LATE


def test_process_that_uses_cpu_time_is_busy(worker):
    for now_s in range(31):
        worker.cpu_s += 0.2
        worker.pulse.check(now_s)
    assert worker.pulse.is_busy(31)


def test_process_that_uses_none_is_not(worker):
    for now_s in range(31):
        worker.pulse.check(now_s)
    assert not worker.pulse.is_busy(31)


def test_cpu_time_before_the_silence_and_of_the_questions_does_not_count(worker):
    worker.cpu_s += 10
    for now_s in range(31):
        if now_s == 16:
            worker.cpu_s += 0.5
        worker.pulse.check(now_s)
    assert not worker.pulse.is_busy(31)


def test_other_threads_of_a_blocked_process_do_not_make_it_busy(worker):
    for now_s in range(61):
        worker.cpu_s += 0.01
        worker.pulse.check(now_s)
    assert not worker.pulse.is_busy(61)


def test_process_whose_cpu_time_cannot_be_read_counts_as_busy(worker):
    worker.cpu_s = None
    for now_s in range(31):
        worker.pulse.check(now_s)
    assert worker.pulse.is_busy(31)


def test_forgiven_time_does_not_count_nor_lie_in_the_future(worker):
    worker.pulse.forgive(1000, now_s=20)
    assert worker.pulse.silence_s(20) == 0
    assert worker.pulse.check(34) is Verdict.SAME
    assert worker.pulse.check(35) is Verdict.LATE
