"""The delay of starts while workers die soon."""

from asgiserve.supervisor.respawn_delay import RespawnDelay


def test_delay_doubles_up_to_half_a_minute():
    delay = RespawnDelay()
    delays = [delay.on_early_death(delay.round, 100.0) for _ in range(10)]
    assert delays == [0, 0.5, 1, 2, 4, 8, 16, 30, 30, 30]


def test_delay_is_over_when_its_time_has_passed():
    delay = RespawnDelay()
    for _ in range(3):
        delay.on_early_death(delay.round, 100.0)
    assert not delay.is_over(100.9)
    assert delay.is_over(101.0)


def test_workers_of_one_round_make_one_step():
    delay = RespawnDelay()
    begin = delay.round
    assert [delay.on_early_death(begin, 100.0) for _ in range(3)] == [0, None, None]


def test_long_life_of_a_worker_of_this_round_ends_the_delay():
    delay = RespawnDelay()
    first = delay.round
    for _ in range(4):
        delay.on_early_death(delay.round, 100.0)
    delay.on_long_life(first)
    assert not delay.is_over(100.0), "that one was well before the trouble began"
    delay.on_long_life(delay.round)
    assert delay.is_over(100.0)
    assert delay.on_early_death(delay.round, 200.0) == 0
