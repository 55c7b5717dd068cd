"""A worker's server without a process of its own: its beat, and when it is given up."""

import asyncio
import math
import signal
import sys
import threading

import pytest

from asgiserve.config.config import Config
from asgiserve.worker import worker_server
from asgiserve.worker.channel import Channel
from asgiserve.worker.spec import WorkerOrder
from asgiserve.worker.worker_server import ORPHAN_MARGIN_S, Beat, WorkerServer
from tests.fakes import ManualLoop

if sys.platform == "win32":
    pytest.skip("there are no workers on Windows", allow_module_level=True)


@pytest.fixture
def loop():
    loop = ManualLoop()
    yield loop
    loop.close()


@pytest.fixture
def make_server():
    channels = []

    def make(**options):
        ours, theirs = Channel.pair()
        channels.extend((ours, theirs))
        config = Config("module:app", log_config=None, **options)
        return WorkerServer(WorkerOrder(config, (), 0, 0.5, -1), theirs)

    yield make
    for channel in channels:
        channel.close()


# Beats ----------------------------------------------------------------------------------------


def test_beat_comes_at_once_and_then_every_interval(loop):
    lags = []
    beat = Beat(0.5, lags.append)
    loop.call_soon(beat.start, loop)
    loop.run_until_idle()
    assert lags == [0.0]
    loop.advance(0.5)
    loop.advance(0.5)
    assert lags == [0.0, 0.0, 0.0]
    beat.stop()
    loop.advance(5)
    assert len(lags) == 3
    assert not beat.is_running


def test_beat_tells_how_late_it_is(loop):
    lags = []
    beat = Beat(0.5, lags.append)
    loop.call_soon(beat.start, loop)
    loop.run_until_idle()
    loop.advance(2.0)
    assert lags == [0.0, 1.5]
    beat.stop()


def test_beats_go_on_after_one_that_failed(loop):
    lags = []

    def tell(lag_s):
        lags.append(lag_s)
        raise RuntimeError

    beat = Beat(0.5, tell)
    loop.call_soon(beat.start, loop)
    loop.run_until_idle()
    loop.advance(0.5)
    assert len(lags) == 2
    beat.stop()


# Without a supervisor -------------------------------------------------------------------------


def test_worker_without_supervisor_gets_all_its_time_outs(make_server):
    server = make_server(drain_delay=1, timeout_graceful_shutdown=10, timeout_lifespan_shutdown=100)
    assert not server.must_end(111)
    assert server.must_end(111 + ORPHAN_MARGIN_S + 0.1)


@pytest.mark.parametrize("name", ["timeout_graceful_shutdown", "timeout_lifespan_shutdown"])
def test_worker_without_a_limit_is_given_up_when_its_loop_stands_still(make_server, loop, name):
    server = make_server(timeout_worker_healthcheck=7, **{name: None})
    assert not server.must_end(math.inf)
    loop.call_soon(server._beat.start, loop)
    loop.run_until_idle()
    assert not server.must_end(math.inf)
    server._beat.last_s -= 7 + ORPHAN_MARGIN_S + 0.1
    assert server.must_end(0)
    server._beat.stop()
    assert not server.must_end(math.inf)


# Requests in flight ---------------------------------------------------------------------------


def test_report_of_a_worker_that_still_imports_is_empty(make_server):
    assert make_server().describe_requests() == []


async def test_report_is_made_in_the_loop_while_that_turns(make_server, monkeypatch):
    threads = []
    monkeypatch.setattr(worker_server, "LOOP_ANSWER_S", 20)
    server = make_server()
    server._loop = asyncio.get_running_loop()
    monkeypatch.setattr(
        server, "_describe_requests", lambda: threads.append(threading.current_thread()) or ["a"]
    )
    assert await asyncio.to_thread(server.describe_requests) == ["a"]
    assert threads == [threading.main_thread()]


# Signals --------------------------------------------------------------------------------------


class Interrupted(WorkerServer):
    """Gets the supervisor's order to stop at the worst moment of its signal handler."""

    @property
    def should_exit(self):
        should_exit = self._request.should_exit
        self._request.should_exit = True
        return should_exit

    @should_exit.setter
    def should_exit(self, value):
        self._request.should_exit = value


def test_order_to_stop_within_the_handler_of_a_signal_forces_nothing(make_server):
    server = make_server()
    server.__class__ = Interrupted
    server.handle_exit(signal.SIGTERM, None)
    assert server.should_exit
    assert not server.force_exit
    assert not server.is_replaced


def test_signals_to_a_worker_never_force(make_server):
    server = make_server()
    for _ in range(3):
        server.handle_exit(signal.SIGTERM, None)
    assert server.should_exit
    assert not server.force_exit


def test_signal_after_an_order_to_leave_changes_nothing(make_server):
    server = make_server()
    server.ask_to_leave()
    server.handle_exit(signal.SIGTERM, None)
    assert server.is_replaced
    assert not server.force_exit
