import os

import pytest

from asgiserve.errors import ConfigError
from asgiserve.reload.reload_cycle import UNWIND_S, Phase, ReloadCycle
from tests.fakes import ManualClock

SETTLE_S = 0.25
PID = 4711


class FakeWorker:
    """Writes down what it is told, in ``told``."""

    def __init__(self):
        self.pid = PID
        self.told = []
        self.changed = set()
        self.error = None

    def start(self, changed):
        if self.error:
            raise self.error
        self.changed = changed
        self.told.append("start")

    def ask(self, order):
        self.told.append(order)

    def kill(self):
        self.told.append("kill")


@pytest.fixture
def worker():
    return FakeWorker()


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def cycle(worker, clock, caplog):
    caplog.set_level("INFO", "asgiserve.error")
    cycle = ReloadCycle(worker, SETTLE_S, clock=clock)
    cycle.start()
    return cycle


@pytest.fixture
def advance(cycle, clock):
    def advance_to_what_is_due(seconds):
        end_s = clock.now_s + seconds
        while cycle.next_s <= end_s:
            clock.now_s = max(clock.now_s, cycle.next_s)
            cycle.on_time()
        clock.now_s = end_s
        cycle.on_time()

    return advance_to_what_is_due


@pytest.fixture
def serve(cycle):
    """Let the worker that was started serve."""

    def say_ready():
        cycle.on_message({"kind": "started"})
        cycle.on_message({"kind": "ready"})
        assert cycle.phase is Phase.SERVING

    return say_ready


@pytest.fixture
def serving(cycle, serve):
    serve()
    return cycle


def lines_of(caplog):
    return [record.getMessage() for record in caplog.records]


def test_change_stops_the_worker_and_starts_the_next(serving, worker, advance, caplog):
    serving.on_changes({os.path.abspath("main.py")})
    assert worker.told == ["start", "stop"]
    assert lines_of(caplog) == ["Restarting: main.py changed"]
    advance(SETTLE_S)
    assert worker.told == ["start", "stop"]
    serving.on_exit(0)
    assert worker.told == ["start", "stop", "start"]
    assert serving.phase is Phase.STARTING


def test_next_worker_waits_until_the_files_have_settled(serving, worker, advance):
    serving.on_changes({"/a.py"})
    serving.on_exit(0)
    assert worker.told == ["start", "stop"]
    assert serving.phase is Phase.IDLE
    advance(SETTLE_S)
    assert worker.told == ["start", "stop", "start"]


def test_next_worker_is_told_what_changed_since_the_last(serving, worker, advance):
    serving.on_changes({"/a.py"})
    advance(SETTLE_S)
    serving.on_changes({"/b.py"})
    advance(SETTLE_S)
    serving.on_exit(0)
    assert worker.changed == {"/a.py", "/b.py"}
    serving.on_message({"kind": "ready"})
    serving.on_changes({"/c.py"})
    advance(SETTLE_S)
    serving.on_exit(0)
    assert worker.changed == {"/c.py"}


def test_rapid_saves_are_one_restart(serving, worker, advance, caplog):
    for name in ("/a.py", "/b.py", "/a.py"):
        serving.on_changes({name})
        advance(SETTLE_S * 0.9)
    serving.on_exit(0)
    assert worker.told == ["start", "stop"]
    advance(SETTLE_S)
    assert worker.told == ["start", "stop", "start"]
    assert lines_of(caplog) == ["Restarting: /a.py changed", "Restarting: /b.py changed"]


def test_changes_without_end_do_not_put_the_start_off_for_ever(serving, worker, advance):
    serving.on_changes({"/a.py"})
    serving.on_exit(0)
    for _ in range(20):
        serving.on_changes({"/a.py"})
        advance(SETTLE_S * 0.9)
    assert worker.told.count("start") > 1


def test_many_files_are_not_all_named(serving, caplog):
    serving.on_changes({f"/{number}.py" for number in range(9)})
    assert lines_of(caplog) == ["Restarting: /0.py, /1.py, /2.py and 6 more changed"]


def test_looks_that_find_nothing_change_nothing(serving, worker, advance):
    serving.on_changes(set())
    advance(60)
    assert worker.told == ["start"]


def test_change_while_the_worker_starts_restarts_it(cycle, worker, advance):
    cycle.on_changes({"/a.py"})
    assert worker.told == ["start", "stop"]
    cycle.on_message({"kind": "ready"})  # it crossed the order
    assert cycle.phase is Phase.STOPPING
    advance(SETTLE_S)
    cycle.on_exit(3)
    assert worker.told == ["start", "stop", "start"]


def test_change_while_the_worker_stops_settles_too(serving, worker, advance):
    serving.on_changes({"/a.py"})
    advance(SETTLE_S)
    serving.on_changes({"/a.py"})
    serving.on_exit(0)
    assert worker.told == ["start", "stop"]
    advance(SETTLE_S)
    assert worker.told == ["start", "stop", "start"]


@pytest.mark.parametrize(
    ("messages", "status", "told"),
    [
        ([{"kind": "failed", "reason": "no 'main'", "status": 3}], 3, "no 'main'"),
        ([], 3, "status 3"),
        ([], -11, "killed by SIGSEGV"),
        ([], -250, "killed by signal 250"),
    ],
)
def test_worker_that_cannot_start_waits_for_a_change(
    cycle, worker, advance, caplog, messages, status, told
):
    for message in messages:
        cycle.on_message(message)
    cycle.on_exit(status)
    assert cycle.phase is Phase.IDLE
    assert lines_of(caplog) == [
        f"Worker process {PID} could not start: {told}; waiting for a change"
    ]
    advance(60)
    assert worker.told == ["start"]
    cycle.on_changes({"/a.py"})
    advance(SETTLE_S)
    assert worker.told == ["start", "start"]


def test_reason_of_one_worker_is_not_told_of_the_next(cycle, advance, caplog):
    cycle.on_message({"kind": "failed", "reason": "a bug", "status": 3})
    cycle.on_exit(3)
    cycle.on_changes({"/a.py"})
    advance(SETTLE_S)
    cycle.on_exit(1)
    assert "could not start: status 1" in lines_of(caplog)[-1]


def test_options_that_the_first_worker_refuses_end_it_all(cycle):
    cycle.on_message({"kind": "failed", "reason": "loop: no such thing", "status": 2})
    with pytest.raises(ConfigError, match="loop: no such thing"):
        cycle.on_exit(2)


def test_options_that_a_later_worker_refuses_wait_for_a_change(serving, serve, advance):
    serving.on_changes({"/a.py"})
    advance(SETTLE_S)
    serving.on_exit(0)
    serving.on_message({"kind": "failed", "reason": "loop: no such thing", "status": 2})
    serving.on_exit(2)
    assert serving.phase is Phase.IDLE


@pytest.mark.parametrize(
    ("status", "told"), [(-9, "killed by SIGKILL"), (1, "status 1"), (0, "status 0")]
)
def test_crash_is_said_and_waits_for_a_change(serving, worker, advance, caplog, status, told):
    serving.on_exit(status)
    assert lines_of(caplog) == [f"Worker process {PID} ended: {told}; waiting for a change"]
    advance(60)
    assert worker.told == ["start"]
    serving.on_changes({"/a.py"})
    advance(SETTLE_S)
    assert worker.told == ["start", "start"]


def test_system_without_processes_is_tried_again_at_the_next_change(
    serving, worker, advance, caplog
):
    worker.error = BlockingIOError(11, "Resource temporarily unavailable")
    serving.on_changes({"/a.py"})
    advance(SETTLE_S)
    serving.on_exit(0)
    assert "Cannot start a worker process" in lines_of(caplog)[-1]
    worker.error = None
    serving.on_changes({"/b.py"})
    advance(SETTLE_S)
    assert worker.told == ["start", "stop", "start"]
    assert worker.changed == {"/a.py", "/b.py"}


def test_worker_that_has_served_its_time_is_restarted(serving, worker, caplog):
    serving.on_message({"kind": "retire", "reason": "limit_max_requests of 9"})
    assert worker.told == ["start", "stop"]
    assert lines_of(caplog) == ["Restarting after limit_max_requests of 9"]
    serving.on_exit(0)
    assert worker.told == ["start", "stop", "start"]


def test_worker_that_does_not_stop_is_killed_once_it_beats_no_more(
    serving, worker, advance, caplog
):
    serving.on_changes({"/a.py"})
    advance(SETTLE_S)
    for _ in range(10):  # its shutdown takes a while
        advance(1)
        serving.on_message({"kind": "beat", "connections": 0})
    assert worker.told == ["start", "stop"]
    advance(3)
    assert worker.told == ["start", "stop", "kill"]
    assert lines_of(caplog)[-1] == f"Killing worker process {PID}, which does not stop"
    serving.on_exit(-9)
    assert worker.told == ["start", "stop", "kill", "start"]


def test_worker_that_starts_for_long_is_killed_though_it_beats(cycle, worker, advance, caplog):
    cycle.on_changes({"/a.py"})
    advance(UNWIND_S * 0.6)
    cycle.on_message({"kind": "beat", "connections": 0})
    assert worker.told == ["start", "stop"]
    advance(UNWIND_S * 0.6)
    assert worker.told == ["start", "stop", "kill"]
    assert lines_of(caplog)[-1] == f"Killing worker process {PID}, which does not stop"
    cycle.on_exit(-9)
    assert worker.told == ["start", "stop", "kill", "start"]
    assert cycle.phase is Phase.STARTING


def test_worker_that_was_ready_before_it_heard_of_the_stop_has_its_time(cycle, worker, advance):
    cycle.on_changes({"/a.py"})
    cycle.on_message({"kind": "ready"})
    assert cycle.phase is Phase.STOPPING
    for _ in range(10):
        advance(1)
        cycle.on_message({"kind": "beat", "connections": 1})
    assert worker.told == ["start", "stop"]


def test_signal_stops_the_worker_and_all(serving, worker):
    serving.on_stop_signal()
    assert worker.told == ["start", "stop"]
    assert serving.phase is Phase.STOPPING
    serving.on_exit(0)
    assert serving.phase is Phase.OVER
    assert serving.exit_status == 0
    assert worker.told == ["start", "stop"]


def test_more_signals_are_more_urgent(serving, worker):
    for _ in range(4):
        serving.on_stop_signal()
    assert worker.told == ["start", "stop", "force", "kill"]
    serving.on_exit(-9)
    assert serving.exit_status == 0


def test_signal_without_a_worker_ends_at_once(cycle):
    cycle.on_exit(3)
    cycle.on_stop_signal()
    assert cycle.phase is Phase.OVER
    assert cycle.exit_status == 0


def test_signal_during_a_restart_starts_no_other_worker(serving, worker, advance):
    serving.on_changes({"/a.py"})
    advance(SETTLE_S)
    serving.on_changes({"/b.py"})
    serving.on_stop_signal()
    assert worker.told == ["start", "stop"]
    serving.on_exit(0)
    assert serving.phase is Phase.OVER
    assert worker.told == ["start", "stop"]


def test_signal_while_the_worker_starts_stops_it(cycle, worker):
    cycle.on_stop_signal()
    assert worker.told == ["start", "stop"]
    cycle.on_exit(3)
    assert cycle.phase is Phase.OVER
    assert cycle.exit_status == 0


def test_failed_shutdown_of_the_last_worker_is_the_exit_status(serving):
    serving.on_stop_signal()
    serving.on_exit(1)
    assert serving.exit_status == 1


def test_change_after_the_signal_is_nothing(serving, worker, advance):
    serving.on_stop_signal()
    serving.on_changes({"/a.py"})
    advance(1)
    assert worker.told == ["start", "stop"]
