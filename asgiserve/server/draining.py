"""The end of a worker's connections: what is in flight is finished, told to end, then cut off."""

from __future__ import annotations

import asyncio
import logging
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asgiserve.connection.context import WorkerContext

__all__ = ["drain"]

logger = logging.getLogger("asgiserve.error")

# How often to look whether the last connection is gone.
POLL_S = 0.02
# What cancelled applications get to clean up.
UNWIND_TIMEOUT_S = 1.0


async def drain(worker: WorkerContext, timeout_s: float | None, forced: asyncio.Event) -> None:
    """Bring the connections of *worker*, which accepts no new ones, to an end.

    After half of *timeout_s*, applications that still stream are told that their client is gone,
    so that they can end by themselves; after all of it they are cancelled.

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
        if await wait_idle(worker, POLL_S, forced):
            return
        logger.info("Waiting for %s to finish (press CTRL+C to force)", describe_work(worker))
        if await wait_idle(worker, half_s, forced):
            return
        logger.info("Telling the applications of %s to end", describe_work(worker))
        for connection in tuple(worker.connections):
            connection.tell_disconnect()
        await wait_idle(worker, half_s, forced)
    finally:
        # Here also when the server's task is cancelled, which forces as well.
        await cut_off(worker)


async def wait_idle(worker: WorkerContext, timeout_s: float, forced: asyncio.Event) -> bool:
    """Wait until *worker* has nothing left to do, or *forced* is set; False when time is over."""
    loop = asyncio.get_running_loop()
    deadline_s = loop.time() + timeout_s
    while (worker.connections or worker.tasks) and not forced.is_set():
        if loop.time() >= deadline_s:
            return False
        await pause(POLL_S, forced)
    return True


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
