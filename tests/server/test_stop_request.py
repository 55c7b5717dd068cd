"""The wish to stop, from other threads and from no loop at all."""

from __future__ import annotations

import asyncio
import threading

from asgiserve.server.stop_request import StopRequest


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
