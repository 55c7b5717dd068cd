"""The worker's ticker: who hears of a tick, and in how many turns of the loop."""

from types import SimpleNamespace

import pytest

from asgiserve.config.config import Config
from asgiserve.server.ticker import TURN_S, TimeoutTicker
from tests.fakes import ManualLoop


class Connection:
    """Takes *cost_s* to hear of a tick, and ends with its tick number *life_ticks*."""

    def __init__(self, worker, cost_s=0.0, life_ticks=100):
        self.ticks = 0
        self.was_aborted = False
        self._worker = worker
        self._cost_s = cost_s
        self._life_ticks = life_ticks
        worker.connections.add(self)

    def on_tick(self):
        self.ticks += 1
        self._worker.loop.now_s += self._cost_s
        if self.ticks == self._life_ticks:
            self._worker.connections.discard(self)

    def abort(self):
        self.was_aborted = True


@pytest.fixture
def worker():
    loop = ManualLoop()
    config = Config("main:app", date_header=False)
    yield SimpleNamespace(loop=loop, connections=set(), config=config, request_queue=None)
    loop.close()


@pytest.fixture
def ticker(worker):
    return TimeoutTicker(worker, clock=worker.loop.time)


def turn(worker):
    """One turn of the loop, and no more of those that it asks for."""
    worker.loop.call_soon(worker.loop.stop)
    worker.loop.run_forever()


def test_all_connections_hear_of_a_tick_at_once_if_that_is_quick(worker, ticker):
    connections = [Connection(worker) for _ in range(1000)]
    ticker.tick()
    assert {each.ticks for each in connections} == {1}


def test_connections_that_take_long_hear_of_a_tick_in_turns_of_their_own(worker, ticker):
    connections = [Connection(worker, cost_s=TURN_S * 0.6) for _ in range(6)]
    ticker.tick()
    assert sum(each.ticks for each in connections) == 2
    turn(worker)
    assert sum(each.ticks for each in connections) == 4
    worker.loop.run_until_idle()
    assert [each.ticks for each in connections] == [1] * 6


def test_tick_that_finds_another_one_under_way_is_one_with_it(worker, ticker):
    connections = [Connection(worker, cost_s=TURN_S * 2) for _ in range(3)]
    ticker.tick()
    ticker.tick()
    assert sum(each.ticks for each in connections) == 1
    worker.loop.run_until_idle()
    assert [each.ticks for each in connections] == [1] * 3
    ticker.tick()
    worker.loop.run_until_idle()
    assert [each.ticks for each in connections] == [2] * 3


def test_connection_that_has_ended_meanwhile_hears_nothing(worker, ticker):
    connections = [Connection(worker, cost_s=TURN_S * 2) for _ in range(3)]
    ticker.tick()
    worker.connections.clear()
    worker.loop.run_until_idle()
    assert sum(each.ticks for each in connections) == 1


def test_connection_that_ends_with_its_tick_disturbs_no_other(worker, ticker):
    connections = [Connection(worker, life_ticks=1 + number % 2) for number in range(10)]
    ticker.tick()
    ticker.tick()
    assert [each.ticks for each in connections] == [1, 2] * 5


def test_connection_that_fails_is_dropped_and_disturbs_no_other(worker, ticker):
    def fail():
        raise RuntimeError("broken")

    connections = [Connection(worker) for _ in range(10)]
    broken = connections[3]
    broken.on_tick = fail
    ticker.tick()
    ticker.tick()
    assert [each.ticks for each in connections if each is not broken] == [2] * 9
    assert broken.was_aborted
    assert broken not in worker.connections
    assert [str(each["exception"]) for each in worker.loop.errors] == ["broken"]


def test_nobody_hears_of_a_tick_after_the_stop(worker, ticker):
    connections = [Connection(worker, cost_s=TURN_S * 2) for _ in range(3)]
    ticker.tick()
    ticker.stop()
    worker.loop.run_until_idle()
    assert sum(each.ticks for each in connections) == 1
