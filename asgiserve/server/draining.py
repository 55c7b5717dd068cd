"""The end of a worker's connections: what is in flight is finished, told to end, then cut off."""

from __future__ import annotations

import asyncio
import logging
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asgiserve.connection.context import WorkerContext

__all__ = ["drain"]

logger = logging.getLogger("asgiserve.error")

# How often to look whether the last connection is gone.
POLL_S = 0.02
# How long a peer that is waited for may neither send nor take a byte, and what it then gets to hear
# that it is given up: with what connections get that are on their way to be one, 5 s in all. Docker
# kills after 10, and the application's shutdown is still to come.
STALLED_S = 3.5
FAREWELL_S = 0.25
# How often to look what has come and gone.
LOOK_S = 0.1
# What cancelled applications get to clean up.
UNWIND_TIMEOUT_S = 1.0


async def drain(worker: WorkerContext, timeout_s: float | None, forced: asyncio.Event) -> None:
    """Bring the connections of *worker*, which accepts no new ones, to an end.

    After half of *timeout_s*, applications that still stream are told that their client is gone,
    so that they can end by themselves; after all of it they are cancelled. A peer that is
    waited for and does nothing gets less: STALLED_S and FAREWELL_S.

    Args:
        worker: no connection and no task of it is left when this returns, unless a task ignores
            its cancellation.
        timeout_s: the grace period; None for no limit.
        forced: ends the grace period when it is set.
    """
    worker.is_draining = True
    try:
        # Requests that have reached this process already are read, and answered.
        await pause(POLL_S, forced)
        for connection in tuple(worker.connections):
            connection.start_draining()
        half_s = math.inf if timeout_s is None else timeout_s / 2
        watch = StallWatch(worker)
        if await wait_idle(worker, POLL_S, forced, watch):
            return
        logger.info("Waiting for %s to finish (press CTRL+C to force)", describe_work(worker))
        if await wait_idle(worker, half_s, forced, watch):
            return
        logger.info("Telling the applications of %s to end", describe_work(worker))
        for connection in tuple(worker.connections):
            connection.tell_disconnect()
        await wait_idle(worker, half_s, forced, watch)
    finally:
        # Here also when the server's task is cancelled, which forces as well.
        await cut_off(worker)


async def wait_idle(
    worker: WorkerContext,
    timeout_s: float,
    forced: asyncio.Event,
    watch: StallWatch | None = None,
) -> bool:
    """Wait until *worker* has nothing left to do, or *forced* is set; False when time is over.

    Args:
        watch: gives up peers meanwhile.
    """
    loop = asyncio.get_running_loop()
    deadline_s = loop.time() + timeout_s
    while (worker.connections or worker.tasks) and not forced.is_set():
        if loop.time() >= deadline_s:
            return False
        if watch is not None:
            watch.look(loop.time())
        await pause(POLL_S, forced)
    return True


@dataclass
class Progress:
    """What is known of a peer: *count* was its progress when it last moved."""

    count: int
    give_up_s: float
    is_told: bool = False


class StallWatch:
    """Gives up the peers of *worker* that are waited for and let nothing come and go."""

    def __init__(self, worker: WorkerContext) -> None:
        self._worker = worker
        self._next_look_s = -math.inf
        self._known: dict[Any, Progress] = {}

    def look(self, now_s: float) -> None:
        """See who has moved, if it is time for that."""
        if now_s < self._next_look_s:
            return
        self._next_look_s = now_s + LOOK_S
        known, self._known = self._known, {}
        for connection in tuple(self._worker.connections):
            count = connection.count_progress()
            progress = known.get(connection)
            if progress is None or count != progress.count or count < 0:
                is_told = progress is not None and progress.is_told
                progress = Progress(count, now_s + STALLED_S, is_told)
            elif now_s >= progress.give_up_s:
                self._give_up(connection, progress, now_s)
            self._known[connection] = progress

    def _give_up(self, connection: Any, progress: Progress, now_s: float) -> None:
        if progress.is_told:
            connection.abort()
            return
        connection.end_stalled()
        # Not to take what it is told for a move of its own.
        progress.count = connection.count_progress()
        progress.give_up_s = now_s + FAREWELL_S
        progress.is_told = True


async def cut_off(worker: WorkerContext) -> None:
    """Cancel what still runs, and abort what is still open."""
    if worker.tasks:
        logger.warning("Cancelling %s", describe_work(worker))
        for task in tuple(worker.tasks):
            task.cancel("the server is shutting down")
        await asyncio.wait(tuple(worker.tasks), timeout=UNWIND_TIMEOUT_S)
    for connection in tuple(worker.connections):
        connection.abort()
    # A transport reports its end in the next turns of the loop.
    await wait_idle(worker, POLL_S, asyncio.Event())


async def pause(seconds: float, forced: asyncio.Event) -> None:
    """Wait *seconds*, or until *forced* is set."""
    try:
        async with asyncio.timeout(seconds):
            await forced.wait()
    except TimeoutError:
        pass


def describe_work(worker: WorkerContext) -> str:
    """How much there is left to do."""
    return f"{len(worker.tasks)} requests on {len(worker.connections)} connections"
