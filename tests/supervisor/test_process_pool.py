"""The pool's decisions, on a manual clock and with processes that are none."""

import pytest

from asgiserve.config.config import Config
from asgiserve.errors import ConfigError
from asgiserve.supervisor.pool_worker import EXIT_MARGIN_S

from .fake_processes import FakeHost, orders, was_killed


@pytest.fixture
def host():
    return FakeHost(workers=3)


# --- the first round ------------------------------------------------------------------------------


def test_first_tick_starts_all_workers_in_slots_and_places_of_their_own(host):
    host.pool.tick()
    assert [process.slot for process in host.processes] == [0, 1, 2]
    assert host.places == [0, 1, 2]
    assert host.completed == 0


def test_worker_that_cannot_be_started_yet_is_started_later(host):
    host.is_able = False
    host.pool.tick()
    assert not host.pool.workers
    host.is_able = True
    host.pool.tick()
    assert len(host.pool.workers) == 3


def test_successor_that_cannot_be_started_yet_is_started_later(host):
    host.start()
    host.is_able = False
    host.pool.restart(host.pool.config)
    host.advance(1.0)
    assert len(host.ready()) == 3
    assert not host.starting()
    host.is_able = True
    host.pool.tick()
    assert len(host.starting()) == 1


def test_first_round_is_over_when_all_are_ready(host):
    host.pool.tick()
    first, *others = host.pool.workers
    host.pool.on_message(first, {"kind": "ready"})
    assert host.completed == 0
    for worker in others:
        host.pool.on_message(worker, {"kind": "ready"})
    assert host.completed == 1
    assert host.pool.is_calm


def test_pool_is_manned_as_soon_as_a_dead_worker_has_a_successor(host):
    host.pool.tick()
    assert not host.pool.is_manned, "no spare process slows the first round"
    host.make_ready()
    assert host.pool.is_manned
    host.pool.on_exit(host.pool.workers[0], -9)
    assert not host.pool.is_manned
    host.pool.tick()
    assert host.starting()
    assert host.pool.is_manned
    assert not host.pool.is_calm


def test_pool_is_not_manned_while_it_restarts(host):
    host.start()
    host.pool.restart(host.pool.config)
    assert not host.pool.is_manned, "a spare process would have old code"
    host.pool.tick()
    assert not host.pool.is_manned


@pytest.mark.parametrize(("status", "expected"), [(3, 3), (2, 2), (1, 3), (0, 3), (-9, 3)])
def test_worker_that_cannot_start_in_the_first_round_stops_all(host, status, expected):
    host.pool.tick()
    first, *others = host.pool.workers
    host.pool.on_message(others[0], {"kind": "ready"})
    host.end(first, status)
    assert [orders(worker) for worker in others] == [["stop"], ["stop"]]
    for worker in others:
        host.end(worker)
    assert host.pool.is_over
    assert host.pool.exit_status == expected
    assert len(host.processes) == 3


def test_worker_that_ends_for_a_stop_in_the_first_round_is_no_failure(host):
    host.pool.tick()
    host.pool.stop()
    for worker in list(host.pool.workers):
        host.end(worker)
    assert host.pool.is_over
    assert host.pool.exit_status == 0


@pytest.mark.parametrize(("error", "status"), [(OSError(11, "again"), 3), (ConfigError("no"), 2)])
def test_system_that_lets_start_no_process_ends_the_first_round(host, error, status):
    host.start_error = error
    host.pool.tick()
    assert host.pool.is_over
    assert host.pool.exit_status == status


# --- deaths ---------------------------------------------------------------------------------------


def test_dead_worker_is_replaced_at_once_in_its_slot_and_place(host):
    _, second, _ = host.start()
    host.advance(5)
    host.end(second, -9)
    (successor,) = host.starting()
    assert successor.process.slot == second.process.slot
    assert successor.place == second.place


def test_workers_that_die_soon_are_started_with_growing_delay(host):
    host.start()
    host.advance(5)
    delays = []
    for _ in range(10):
        # The death of one that has served makes no delay, whatever comes after does.
        worker = host.pool.workers[-1]
        host.end(worker, -11)
        begin = host.now_s
        while not host.starting():
            host.advance(0.1)
        delays.append(host.now_s - begin)
        host.make_ready()
    assert delays == pytest.approx([0, 0, 0.5, 1, 2, 4, 8, 16, 30, 30], abs=0.2)


def test_delay_is_forgotten_when_a_worker_lives(host):
    host.start()
    for _ in range(4):
        host.end(host.pool.workers[-1], -11)
        host.advance(10)
        host.make_ready()
    host.advance(2)
    host.end(host.pool.workers[-1], -11)
    assert host.starting()


def test_workers_that_die_together_make_one_step(host):
    workers = host.start()
    for worker in workers:
        host.pool.on_exit(worker, -11)
    host.pool.tick()
    assert len(host.starting()) == 3


def test_worker_that_cannot_start_later_does_not_stop_the_server(host):
    workers = host.start()
    host.advance(5)
    host.end(workers[0], -9)
    for _ in range(3):
        (successor,) = host.starting()
        host.end(successor, 3)
        host.advance(5)
    assert not host.pool.is_stopping
    host.make_ready()
    assert len(host.ready()) == 3


def test_fork_that_fails_later_is_tried_again(host):
    workers = host.start()
    host.advance(5)
    host.start_error = OSError(12, "no memory")
    host.end(workers[0], -9)
    host.advance(3)
    assert not host.starting()
    host.start_error = None
    host.advance(30)
    assert len(host.starting()) == 1


# --- retirement -----------------------------------------------------------------------------------


def test_retired_worker_goes_when_its_successor_is_ready(host):
    worker = host.start()[0]
    host.pool.on_message(worker, {"kind": "retire", "reason": "limit_max_requests of 5"})
    host.pool.tick()
    (successor,) = host.starting()
    assert successor.process.slot == 3, "both have connections to count"
    assert successor.place == worker.place, "but they share the sockets of one place"
    assert orders(worker) == []
    host.make_ready()
    assert orders(worker) == ["leave"]
    host.end(worker)
    assert host.pool.is_calm


def test_workers_that_retire_together_go_one_by_one(host):
    for worker in host.start():
        host.pool.on_message(worker, {"kind": "retire", "reason": "limit_max_requests of 5"})
    host.pool.tick()
    for left in (2, 1, 0):
        assert len(host.starting()) == 1
        host.make_ready()
        old = [worker for worker in host.ready() if worker.reason is not None]
        assert len(old) == left
    assert len(host.ready()) == 3


@pytest.mark.parametrize(("draw", "life_s"), [(0.0, 100.0), (1.0, 90.0)])
def test_lifetime_ends_up_to_a_tenth_early(draw, life_s):
    host = FakeHost(workers=1, draw=draw, worker_max_lifetime=100)
    host.start()
    host.advance(life_s - 1)
    assert not host.starting()
    host.advance(2)
    assert host.starting()


def test_large_worker_is_replaced():
    host = FakeHost(workers=2, worker_max_rss=2**20)
    large, small = host.start()
    host.processes[0].resident_bytes = 2**20 + 1
    host.processes[1].resident_bytes = 2**20
    host.advance(6)
    host.make_ready()
    assert host.draining() == [large]
    assert small in host.ready()


def test_retired_worker_stays_while_its_successor_does_not_start(host):
    worker = host.start()[0]
    host.pool.on_message(worker, {"kind": "retire", "reason": "age"})
    host.pool.tick()
    host.end(host.starting()[0], 3)
    host.advance(1)
    assert worker in host.ready()
    host.make_ready()
    assert host.draining() == [worker]


def test_successor_of_a_worker_that_dies_takes_its_place(host):
    worker = host.start()[0]
    host.advance(5)
    host.pool.on_message(worker, {"kind": "retire", "reason": "age"})
    host.pool.tick()
    host.end(worker, -9)
    assert len(host.starting()) == 1
    host.make_ready()
    assert len(host.ready()) == 3
    assert not host.draining()


def test_worker_that_drains_too_long_is_killed():
    host = FakeHost(workers=1, timeout_graceful_shutdown=10, timeout_lifespan_shutdown=5)
    (worker,) = host.start()
    host.pool.on_message(worker, {"kind": "retire", "reason": "age"})
    host.pool.tick()
    host.make_ready()
    host.advance(15)
    assert not was_killed(worker)
    host.advance(6)
    assert was_killed(worker)


def test_worker_may_drain_without_limit():
    host = FakeHost(workers=1, timeout_graceful_shutdown=None)
    (worker,) = host.start()
    host.pool.on_message(worker, {"kind": "retire", "reason": "age"})
    host.pool.tick()
    host.make_ready()
    host.advance(1000)
    assert not was_killed(worker)


# --- number ---------------------------------------------------------------------------------------


def test_resize_starts_and_dismisses(host):
    host.start()
    host.pool.resize(1)
    host.pool.tick()
    (fourth,) = host.make_ready()
    assert len(host.ready()) == 4
    host.pool.resize(-2)
    host.pool.tick()
    assert fourth in host.draining()
    assert [orders(worker) for worker in host.draining()] == [["leave"]] * 2


def test_socket_of_a_worker_that_goes_is_emptied_before():
    host = FakeHost(workers=3, reuse_port=True)
    host.start()
    host.pool.resize(-1)
    host.pool.tick()
    (worker,) = host.draining()
    assert orders(worker) == ["stop"]
    assert host.pool.places == {0, 1}


def test_place_of_a_dead_worker_is_kept(host):
    worker = host.start()[2]
    host.pool.on_exit(worker, -9)
    assert host.pool.places == {0, 1, 2}


def test_one_worker_stays_at_least(host):
    host.start()
    for _ in range(5):
        host.pool.resize(-1)
    host.pool.tick()
    assert len(host.ready()) == 1


# --- restart --------------------------------------------------------------------------------------


def test_restart_replaces_one_after_the_other(host):
    old = host.start()
    config = Config("main:other", workers=3)
    host.pool.restart(config)
    host.pool.tick()
    for count in (1, 2, 3):
        (successor,) = host.starting()
        assert successor.config is config
        assert len(host.draining()) == count - 1
        host.make_ready()
        assert orders(old[count - 1]) == ["leave"]
    assert not host.starting()
    assert host.restarted == 1
    for worker in old:
        host.end(worker)
    assert host.pool.is_calm


def test_restart_can_change_the_number_of_workers(host):
    host.start()
    host.pool.restart(Config("main:app", workers=2))
    host.pool.tick()
    assert len(host.draining()) == 1
    while host.starting():
        host.make_ready()
    assert len(host.ready()) == 2


def test_restart_keeps_the_number_that_the_operator_has_set(host):
    host.start()
    host.pool.resize(-1)
    host.pool.tick()
    host.pool.restart(Config("main:app", workers=3))
    host.pool.tick()
    while host.starting():
        host.make_ready()
    assert len(host.ready()) == 2


def test_restart_whose_first_worker_does_not_start_keeps_the_old_ones(host):
    old = host.start()
    host.pool.restart(Config("broken:app", workers=3))
    host.pool.tick()
    host.end(host.starting()[0], 3)
    host.advance(100)
    assert host.ready() == old
    assert not host.starting()
    assert host.restarted == 1
    assert host.pool.config is host.config


def test_restart_whose_first_worker_dies_soon_keeps_the_others(host):
    old = host.start()
    host.pool.restart(Config("broken:app", workers=3))
    host.pool.tick()
    (successor,) = host.make_ready()
    host.end(successor, -11)
    host.advance(100)
    host.make_ready()
    assert set(old[1:]) < set(host.ready())
    assert len(host.ready()) == 3


def test_second_restart_replaces_the_workers_of_the_first(host):
    host.start()
    host.pool.restart(Config("main:second", workers=3))
    host.pool.tick()
    host.make_ready()
    host.pool.restart(Config("main:third", workers=3))
    host.pool.tick()
    while host.starting():
        host.make_ready()
    assert [worker.config.app for worker in host.ready()] == ["main:third"] * 3
    assert host.restarted == 1


def test_failure_of_a_first_restart_does_not_end_the_second(host):
    host.start()
    host.pool.restart(Config("main:broken", workers=3))
    host.pool.tick()
    host.pool.restart(Config("main:third", workers=3))
    host.end(host.starting()[0], 3)
    host.advance(1)
    while host.starting():
        host.make_ready()
    assert [worker.config.app for worker in host.ready()] == ["main:third"] * 3


def test_restart_in_the_first_round_does_not_lose_its_end(host):
    host.pool.tick()
    host.pool.restart(Config("main:app", workers=3))
    while host.starting():
        host.make_ready()
    assert host.completed == 1
    assert host.restarted == 1


# --- stop -----------------------------------------------------------------------------------------


def test_stop_tells_all_and_is_over_when_they_are_gone(host):
    workers = host.start()
    host.pool.stop()
    assert [orders(worker) for worker in workers] == [["stop"]] * 3
    for worker in workers:
        assert not host.pool.is_over
        host.end(worker)
    assert host.pool.is_over
    assert host.pool.exit_status == 0
    assert len(host.processes) == 3


def test_failed_shutdown_of_a_worker_is_the_exit_status(host):
    workers = host.start()
    host.pool.stop()
    for worker, status in zip(workers, (0, 1, 0), strict=True):
        host.end(worker, status)
    assert host.pool.exit_status == 1


def test_failed_shutdown_of_a_replaced_worker_is_not(host):
    worker = host.start()[0]
    host.pool.on_message(worker, {"kind": "retire", "reason": "age"})
    host.pool.tick()
    host.make_ready()
    host.end(worker, 1)
    host.pool.stop()
    for each in list(host.pool.workers):
        host.end(each)
    assert host.pool.exit_status == 0


def test_second_stop_forces_and_third_kills(host):
    worker = host.start()[0]
    host.pool.stop()
    host.pool.stop()
    assert orders(worker) == ["stop", "force"]
    assert not was_killed(worker)
    host.pool.stop()
    assert was_killed(worker)


def test_stop_during_the_drain_delay_ends_the_delay_first():
    host = FakeHost(workers=1, drain_delay=10)
    (worker,) = host.start()
    host.pool.stop()
    host.advance(1)
    host.pool.stop()
    host.pool.stop()
    assert orders(worker) == ["stop", "hurry", "force"]


def test_stop_after_the_drain_delay_forces():
    host = FakeHost(workers=1, drain_delay=10)
    (worker,) = host.start()
    host.pool.stop()
    host.advance(11)
    host.pool.stop()
    assert orders(worker) == ["stop", "force"]


def test_worker_that_has_yet_to_start_is_killed_soon_when_it_does_not_stop():
    host = FakeHost(timeout_graceful_shutdown=None)
    host.pool.tick()
    first, second = host.pool.workers
    host.pool.on_message(first, {"kind": "ready"})
    host.pool.stop()
    host.advance(EXIT_MARGIN_S + 0.2)
    assert was_killed(second)
    assert not was_killed(first)
    host.end(second, -9)
    host.end(first)
    assert host.pool.exit_status == 0


@pytest.mark.parametrize("stops", [1, 2])
def test_worker_that_was_ready_before_it_heard_of_the_stop_has_its_time(stops):
    host = FakeHost(workers=1, timeout_graceful_shutdown=20, timeout_lifespan_shutdown=10)
    host.pool.tick()
    (worker,) = host.pool.workers
    for _ in range(stops):
        host.pool.stop()
    host.pool.on_message(worker, {"kind": "ready"})
    assert not host.completed
    limit_s = EXIT_MARGIN_S + (30 if stops == 1 else 10)
    host.advance(limit_s - 0.2)
    assert not was_killed(worker)
    host.advance(0.4)
    assert was_killed(worker)


def test_worker_that_does_not_stop_is_killed_after_all_its_time():
    times = {"timeout_graceful_shutdown": 10, "timeout_lifespan_shutdown": 5, "drain_delay": 3}
    host = FakeHost(workers=1, **times)
    (worker,) = host.start()
    host.pool.stop()
    host.advance(18)
    assert not was_killed(worker)
    host.advance(6)
    assert was_killed(worker)
    host.end(worker, -9)
    assert host.pool.is_over
    assert host.pool.exit_status == 1


def test_step_down_tells_workers_that_others_serve_on(host):
    workers = host.start()
    host.pool.step_down()
    assert [orders(worker) for worker in workers] == [["leave"]] * 3
    host.pool.stop()
    assert [orders(worker) for worker in workers] == [["leave"]] * 3, "no second order: no force"
    for worker in workers:
        host.end(worker)
    assert host.pool.is_over


# --- health ---------------------------------------------------------------------------------------


def make_stuck(host, worker, seconds, *, cpu_share=0.0):
    """Let *worker* stand still for *seconds*."""
    for _ in range(round(seconds / 0.1)):
        worker.process.cpu_s += 0.1 * cpu_share
        host.advance(0.1, stuck=(worker,))


def test_silent_worker_is_asked_at_half_the_time(host):
    worker = host.start()[0]
    make_stuck(host, worker, 14)
    assert host.explained == []
    make_stuck(host, worker, 2)
    assert host.explained == [worker]
    assert not host.starting()
    host.beat(worker)
    host.advance(60)
    assert host.explained == [worker]
    assert len(host.processes) == 3


def test_dead_worker_is_killed_soon_after_its_successor_is_ready(host):
    worker = host.start()[0]
    make_stuck(host, worker, 31)
    assert len(host.starting()) == 1
    assert not orders(worker)
    make_stuck(host, worker, 100)
    assert not was_killed(worker), "not before there is another one"
    host.make_ready()
    assert orders(worker) == ["leave"]
    make_stuck(host, worker, 1)
    assert not was_killed(worker)
    make_stuck(host, worker, 2)
    assert was_killed(worker)


def test_busy_worker_gets_the_whole_grace_period():
    host = FakeHost(workers=2, timeout_graceful_shutdown=20, timeout_lifespan_shutdown=5)
    worker = host.start()[0]
    make_stuck(host, worker, 31, cpu_share=0.5)
    host.make_ready()
    make_stuck(host, worker, 24, cpu_share=0.5)
    assert not was_killed(worker)
    make_stuck(host, worker, 8, cpu_share=0.5)
    assert was_killed(worker)


def test_worker_that_beats_again_stays_and_its_successor_is_too_much(host):
    worker = host.start()[0]
    make_stuck(host, worker, 31)
    (successor,) = host.starting()
    host.beat(worker)
    host.pool.tick()
    assert worker in host.ready()
    assert orders(successor) == ["leave"]
    host.end(successor)
    assert host.pool.is_calm


def test_worker_that_was_taken_for_dead_and_beats_gets_its_time():
    host = FakeHost(workers=1, timeout_graceful_shutdown=20, timeout_lifespan_shutdown=5)
    (worker,) = host.start()
    make_stuck(host, worker, 31)
    host.make_ready()
    make_stuck(host, worker, 1)
    host.advance(20)
    assert not was_killed(worker)


def test_all_stuck_workers_are_replaced_at_the_same_time(host):
    workers = host.start()
    host.now_s -= 0.1
    for _ in range(320):
        host.advance(0.1, stuck=tuple(workers))
    assert len(host.starting()) == 3


def test_stuck_worker_does_not_wait_for_a_restart(host):
    worker = host.start()[2]
    make_stuck(host, worker, 29.5)
    host.pool.restart(Config("main:app", workers=3))
    host.pool.tick()
    make_stuck(host, worker, 1)
    assert len(host.starting()) == 2


def test_time_in_which_nobody_looked_does_not_count(host):
    workers = host.start()
    host.now_s += 3600
    host.pool.tick()
    host.advance(10, stuck=tuple(workers))
    assert host.explained == []
    host.advance(10, stuck=tuple(workers))
    assert host.explained == workers


def test_start_that_takes_long_is_explained_once_and_goes_on(host):
    host.pool.tick()
    slow, *others = host.pool.workers
    for worker in host.pool.workers:
        host.pool.on_message(worker, {"kind": "started"})
    for worker in others:
        host.pool.on_message(worker, {"kind": "ready"})
    host.advance(29)
    assert host.explained == []
    host.advance(100)
    assert host.explained == [slow]
    assert slow in host.starting()


def test_worker_without_a_channel_is_killed_in_the_end():
    host = FakeHost(workers=1, timeout_graceful_shutdown=10, timeout_lifespan_shutdown=5)
    (worker,) = host.start()
    host.pool.on_end(worker)
    host.advance(25)
    assert was_killed(worker)
