"""The end of connections, on a manual clock: what each kind of them gets to know, and when."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from asgiserve.net.acceptor import SETTLE_S
from asgiserve.server.draining import (
    FAREWELL_S,
    LOOK_S,
    POLL_S,
    STALLED_S,
    UNWIND_TIMEOUT_S,
    drain,
)
from tests.fakes import TaskStage

# More than all polls that may come on top of a time-out.
SLACK_S = 0.1


class FakeConnection:
    """Writes down what it is told, and closes at the word *ends_at*."""

    def __init__(self, stage: Stage, ends_at: str) -> None:
        self.told: list[str] = []
        # The application is waited for.
        self.progress = -1
        self._stage = stage
        self._ends_at = ends_at

    def start_draining(self) -> None:
        self._hear("start_draining")

    def tell_disconnect(self) -> None:
        self._hear("tell_disconnect")

    def count_progress(self) -> int:
        return self.progress

    def end_stalled(self) -> None:
        if self.progress >= 0:
            # What it is told goes out to the peer.
            self.progress += 100
        self._hear("end_stalled")

    def abort(self) -> None:
        self._hear("abort")

    def close(self) -> None:
        self._stage.worker.connections.discard(self)

    def _hear(self, word: str) -> None:
        self.told.append(word)
        if word == self._ends_at:
            # As transports do: the end is reported in a later turn of the loop.
            self._stage.loop.call_soon(self.close)


class Stage(TaskStage):
    """A worker with fake connections and real tasks on a manual clock."""

    def __init__(self) -> None:
        super().__init__()
        self.worker: Any = SimpleNamespace(connections=set(), tasks=set(), is_draining=False)
        self.forced = asyncio.Event()

    def connect(self, ends_at: str) -> FakeConnection:
        connection = FakeConnection(self, ends_at)
        self.worker.connections.add(connection)
        return connection

    def run_app(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self.loop.create_task(coroutine)
        self.worker.tasks.add(task)
        task.add_done_callback(self.worker.tasks.discard)
        self.loop.run_until_idle()
        return task

    def drain(self, timeout_s: float | None) -> asyncio.Task[None]:
        return self.begin(drain(self.worker, timeout_s, self.forced))

    def wait(self, seconds: float) -> None:
        """Let time pass in steps of the drain's own."""
        for _ in range(round(seconds / POLL_S)):
            self.loop.advance(POLL_S)


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage()
    yield stage
    stage.close()


async def run_for_ever() -> None:
    await asyncio.Event().wait()


def app_that_ignores_cancellation(is_over: Callable[[], bool]) -> Coroutine[Any, Any, None]:
    async def app() -> None:
        while not is_over():
            try:
                await asyncio.sleep(1_000)
            except asyncio.CancelledError:
                continue

    return app()


def test_idle_worker_is_done_at_once(stage: Stage) -> None:
    task = stage.drain(30)
    stage.wait(SLACK_S)
    assert task.done()
    assert stage.worker.is_draining


def test_idle_connection_is_closed_and_told_nothing_more(stage: Stage) -> None:
    connection = stage.connect("start_draining")
    task = stage.drain(30)
    stage.wait(SLACK_S)
    assert task.done()
    assert connection.told == ["start_draining"]


def test_connection_is_draining_before_it_is_asked_to_close(stage: Stage) -> None:
    connection = stage.connect("start_draining")
    stage.drain(30)
    assert stage.worker.is_draining
    # A request that was on its way when the signal came is still read.
    assert connection.told == []


def test_connection_that_finishes_in_time_is_not_disturbed(stage: Stage) -> None:
    connection = stage.connect("abort")
    task = stage.drain(30)
    stage.wait(10)
    assert not task.done()
    connection.close()
    stage.wait(SLACK_S)
    assert task.done()
    assert connection.told == ["start_draining"]


def test_task_without_connection_is_waited_for(stage: Stage) -> None:
    is_over = asyncio.Event()

    async def background() -> None:
        await is_over.wait()

    app = stage.run_app(background())
    task = stage.drain(30)
    stage.wait(10)
    assert not task.done()
    is_over.set()
    stage.wait(SLACK_S)
    assert task.done()
    assert not app.cancelled()


def test_endless_connection_is_told_after_half_the_grace_period(stage: Stage) -> None:
    connection = stage.connect("tell_disconnect")
    task = stage.drain(30)
    stage.wait(14.9)
    assert connection.told == ["start_draining"]
    stage.wait(0.1 + SLACK_S)
    assert connection.told == ["start_draining", "tell_disconnect"]
    assert task.done()


def test_what_is_left_is_cancelled_and_aborted_after_the_grace_period(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    connection = stage.connect("abort")
    app = stage.run_app(run_for_ever())
    task = stage.drain(30)
    stage.wait(29.9)
    assert not app.done()
    stage.wait(0.1 + SLACK_S)
    assert app.cancelled()
    assert connection.told == ["start_draining", "tell_disconnect", "abort"]
    assert task.done()
    (warning,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert warning.message == "Cancelling 1 requests on 1 connections"


def test_task_that_ignores_its_cancellation_does_not_hold_the_server(stage: Stage) -> None:
    is_over = asyncio.Event()
    app = stage.run_app(app_that_ignores_cancellation(is_over.is_set))
    task = stage.drain(1)
    stage.wait(1 + UNWIND_TIMEOUT_S + SLACK_S)
    assert task.done()
    assert not app.done()
    is_over.set()


def test_force_ends_the_grace_period(stage: Stage) -> None:
    connection = stage.connect("abort")
    app = stage.run_app(run_for_ever())
    task = stage.drain(30)
    stage.wait(1)
    stage.forced.set()
    stage.wait(SLACK_S)
    assert task.done()
    assert app.cancelled()
    assert connection.told == ["start_draining", "abort"]


def test_force_from_the_beginning_waits_for_nobody(stage: Stage) -> None:
    connection = stage.connect("abort")
    stage.forced.set()
    task = stage.drain(30)
    assert connection.told == ["start_draining", "abort"]
    stage.wait(SLACK_S)
    assert task.done()


def test_no_grace_period_cuts_off_at_once(stage: Stage) -> None:
    connection = stage.connect("abort")
    task = stage.drain(0)
    stage.wait(SLACK_S)
    assert task.done()
    assert connection.told[-1] == "abort"


def test_unlimited_grace_period_tells_nobody(stage: Stage) -> None:
    connection = stage.connect("abort")
    task = stage.drain(None)
    stage.wait(40)
    assert not task.done()
    assert connection.told == ["start_draining"]
    connection.close()
    stage.wait(SLACK_S)
    assert task.done()


# --- peers that do not move -----------------------------------------------------------------------


@pytest.mark.parametrize("timeout_s", [30, None])
def test_peer_that_does_not_move_is_told_then_cut_off(stage: Stage, timeout_s: float | None):
    connection = stage.connect("abort")
    connection.progress = 7
    task = stage.drain(timeout_s)
    stage.wait(STALLED_S - LOOK_S)
    assert connection.told == ["start_draining"]
    stage.wait(2 * LOOK_S + SLACK_S)
    assert connection.told == ["start_draining", "end_stalled"]
    stage.wait(FAREWELL_S + LOOK_S + SLACK_S)
    assert connection.told == ["start_draining", "end_stalled", "abort"]
    assert SETTLE_S + STALLED_S + FAREWELL_S + 2 * LOOK_S < 5
    assert task.done()


def test_peer_that_ends_when_it_is_given_up_is_not_cut_off(stage: Stage) -> None:
    connection = stage.connect("end_stalled")
    connection.progress = 7
    task = stage.drain(30)
    stage.wait(STALLED_S + LOOK_S + SLACK_S)
    assert task.done()
    assert connection.told == ["start_draining", "end_stalled"]


def test_peer_that_moves_keeps_the_whole_grace_period(stage: Stage) -> None:
    connection = stage.connect("abort")
    task = stage.drain(30)
    for _ in range(10):
        connection.progress += 1
        stage.wait(STALLED_S - 0.75)
    assert connection.told == ["start_draining", "tell_disconnect"]
    connection.progress += 1
    stage.wait(30 - 10 * (STALLED_S - 0.75) + SLACK_S)
    assert connection.told == ["start_draining", "tell_disconnect", "abort"]
    assert task.done()


def test_peer_whose_application_is_waited_for_is_not_given_up(stage: Stage) -> None:
    connection = stage.connect("abort")
    connection.progress = 7
    stage.drain(30)
    stage.wait(STALLED_S - 1)
    connection.progress = -1
    stage.wait(8)
    assert connection.told == ["start_draining"]
    # Its time begins when it is waited for again.
    connection.progress = 7
    stage.wait(STALLED_S - 1)
    assert connection.told == ["start_draining"]


def test_peer_that_moves_once_it_was_told_is_cut_off_when_it_stops_again(stage: Stage) -> None:
    connection = stage.connect("abort")
    connection.progress = 7
    stage.drain(30)
    stage.wait(STALLED_S + LOOK_S + SLACK_S)
    connection.progress += 1
    stage.wait(STALLED_S - LOOK_S)
    assert connection.told == ["start_draining", "end_stalled"]
    stage.wait(2 * LOOK_S + SLACK_S)
    assert connection.told == ["start_draining", "end_stalled", "abort"]


def test_cancelled_drain_cuts_off(stage: Stage) -> None:
    connection = stage.connect("abort")
    app = stage.run_app(run_for_ever())
    task = stage.drain(30)
    task.cancel()
    stage.wait(SLACK_S)
    assert task.cancelled()
    assert app.cancelled()
    assert connection.told[-1] == "abort"
