"""The wish to stop, from other threads and from no loop at all."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from asgiserve.server.stop_request import REPEAT_S, StopRequest, StopSignals
from tests.fakes import ManualClock, ManualLoop


async def test_request_from_another_thread_wakes_the_loop() -> None:
    request = StopRequest()
    request.attach(asyncio.get_running_loop())

    def ask() -> None:
        request.should_exit = True

    thread = threading.Thread(target=ask)
    thread.start()
    await request.stop.wait()
    thread.join()
    assert not request.force.is_set()


async def test_request_made_before_the_loop_runs_is_seen() -> None:
    request = StopRequest()
    request.should_exit = True
    request.attach(asyncio.get_running_loop())
    assert request.stop.is_set()


async def test_force_alone_stops_nothing_until_the_server_stops() -> None:
    request = StopRequest()
    request.attach(asyncio.get_running_loop())
    request.force_exit = True
    await asyncio.sleep(0)
    assert not request.stop.is_set()
    assert not request.force.is_set()
    request.should_exit = True
    await request.force.wait()
    assert request.stop.is_set()


async def test_each_escalation_asks_for_one_step_more() -> None:
    request = StopRequest()
    request.attach(asyncio.get_running_loop())
    for event in (request.stop, request.force, request.cut_short):
        assert not event.is_set()
        request.escalate()
        await event.wait()
    assert (request.should_exit, request.force_exit) == (True, True)


def test_request_after_the_loop_was_closed_does_nothing() -> None:
    request = StopRequest()

    async def attach() -> None:
        request.attach(asyncio.get_running_loop())

    asyncio.run(attach())
    request.should_exit = True
    assert not request.stop.is_set()


class Delay:
    """A stopping request that is within a delay of ten seconds."""

    def __init__(self, loop: ManualLoop) -> None:
        self.loop = loop
        self.request = StopRequest()
        self.request.has_delay = True
        self.task = loop.create_task(self._run())
        loop.run_until_idle()

    async def _run(self) -> None:
        self.request.attach(self.loop)
        self.request.escalate()
        await self.request.delay(10)
        self.request.has_delay = False

    def escalate(self) -> None:
        self.request.escalate()
        self.loop.run_until_idle()


@pytest.fixture
def delay() -> Iterator[Delay]:
    loop = ManualLoop()
    yield Delay(loop)
    loop.close()
    assert not loop.errors


def test_delay_ends_by_itself(delay: Delay) -> None:
    delay.loop.advance(9.9)
    assert not delay.task.done()
    delay.loop.advance(0.2)
    assert delay.task.done()
    assert not delay.request.hurry.is_set()
    delay.escalate()
    assert delay.request.force.is_set()


def test_escalation_within_a_delay_ends_that_and_forces_nothing(delay: Delay) -> None:
    delay.escalate()
    assert delay.task.done()
    assert not delay.request.force.is_set()
    delay.escalate()
    assert delay.request.force.is_set()
    assert not delay.request.cut_short.is_set()


def test_two_escalations_at_once_within_a_delay_force(delay: Delay) -> None:
    delay.request.escalate()
    delay.escalate()
    assert delay.task.done()
    assert delay.request.force.is_set()


def test_escalation_before_the_delay_has_begun_ends_it_too() -> None:
    request = StopRequest()
    request.has_delay = True
    request.escalate()
    request.escalate()
    loop = ManualLoop()
    request.attach(loop)
    assert not request.force.is_set()
    task = loop.create_task(request.delay(10))
    loop.run_until_idle()
    assert task.done()
    loop.close()


def test_force_ends_a_delay(delay: Delay) -> None:
    delay.request.force_exit = True
    delay.loop.run_until_idle()
    assert delay.task.done()


# --- signals that come twice ----------------------------------------------------------------------


def test_signal_again_within_half_a_second_says_the_same() -> None:
    clock = ManualClock()
    signals = StopSignals(clock)
    assert signals.take()
    clock.now_s += REPEAT_S * 0.9
    assert not signals.take()
    # One that is held down on a keyboard still counts each half second.
    clock.now_s += REPEAT_S * 0.2
    assert signals.take()
    assert not signals.take()


def test_signal_that_waited_while_the_first_was_acted_on_says_the_same() -> None:
    clock = ManualClock()
    signals = StopSignals(clock)
    assert signals.take()
    clock.now_s += 10
    signals.rest()
    assert not signals.take()


def test_signal_that_interrupts_the_first_ones_handler_says_the_same() -> None:
    taken = []

    def clock() -> float:
        if not taken:
            taken.append(signals.take())
        return 1_000.0

    signals = StopSignals(clock)
    assert signals.take()
    assert taken == [False]
