"""The wish that the server stops: raised in any thread, waited for in the loop."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any

__all__ = ["REPEAT_S", "StopRequest", "StopSignals", "finish_unless"]

# How long after a signal to stop another one says the same again. `uv run` and npm forward what the
# terminal or systemd has sent to all processes; foreman makes TERM of the terminal's INT.
REPEAT_S = 0.5


class StopRequest:
    """How urgently one run of the server is asked to stop.

    Attributes:
        stop: finish what is in flight, then stop.
        hurry: accept no more, although the time for that has not come.
        force: cut off what is in flight.
        cut_short: do not wait for the application's shutdown either.
        has_delay: a delay lies between the wish to stop and what is done for it; the next
            escalation ends that, and nothing else. Whoever sets it clears it after the delay.
        is_spent: the run is over; the next one needs a new request.
    """

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        self.hurry = asyncio.Event()
        self.force = asyncio.Event()
        self.cut_short = asyncio.Event()
        self.has_delay = False
        self.is_spent = False
        self._loop: asyncio.AbstractEventLoop | None = None
        # The events may be set in the loop's thread only; these say what they will be set to.
        self._should_exit = False
        self._is_hurried = False
        self._force_exit = False
        self._is_cut_short = False

    @property
    def should_exit(self) -> bool:
        """Whether the server shall stop."""
        return self._should_exit

    @should_exit.setter
    def should_exit(self, value: bool) -> None:
        self._should_exit = value
        self._wake()

    @property
    def force_exit(self) -> bool:
        """Whether the server shall not wait for what is in flight, once it stops."""
        return self._force_exit

    @force_exit.setter
    def force_exit(self, value: bool) -> None:
        self._force_exit = value
        self._wake()

    def escalate(self) -> None:
        """Ask for one step more: to stop, to end a delay, to force, to cut short."""
        if self._force_exit:
            self._is_cut_short = True
        elif self._should_exit and self.has_delay and not self._is_hurried:
            self._is_hurried = True
        elif self._should_exit:
            self._force_exit = True
        else:
            self._should_exit = True
        self._wake()

    def hurry_up(self) -> None:
        """Ask for the delay, which is going on or to come, to end."""
        self._is_hurried = True
        self._wake()

    async def delay(self, seconds: float) -> None:
        """Wait *seconds*, or until an escalation ends the delay."""
        try:
            async with asyncio.timeout(seconds):
                await self.hurry.wait()
        except TimeoutError:
            pass

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Let *loop*, which calls this, see the request."""
        self._loop = loop
        self._set_events()

    def detach(self) -> None:
        """The run is over."""
        self._loop = None
        self.is_spent = True

    def _wake(self) -> None:
        loop = self._loop
        if loop is None:
            return
        try:
            loop.call_soon_threadsafe(self._set_events)
        except RuntimeError:
            # The loop was closed this moment: nobody waits any more.
            pass

    def _set_events(self) -> None:
        if self._should_exit:
            self.stop.set()
            if self._is_hurried or self._force_exit:
                self.hurry.set()
            if self._force_exit:
                self.force.set()
            if self._is_cut_short:
                self.cut_short.set()


class StopSignals:
    """Tells a signal to stop that comes by two ways from a second one, which asks for more.

    Args:
        clock: gives seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._quiet_until_s = -math.inf
        self._is_taking = threading.Lock()

    def take(self) -> bool:
        """Whether to act on a signal that has just come, whichever of those to stop it is."""
        # A handler may be interrupted by the next signal's, anywhere.
        if not self._is_taking.acquire(blocking=False):
            return False
        try:
            if self._clock() < self._quiet_until_s:
                return False
            self.rest()
            return True
        finally:
            self._is_taking.release()

    def rest(self) -> None:
        """Take none for REPEAT_S: acting on a signal may last, and the next waits meanwhile."""
        self._quiet_until_s = self._clock() + REPEAT_S


async def finish_unless(event: asyncio.Event, work: Coroutine[Any, Any, None]) -> None:
    """Run *work*, and cancel it when *event* is set before it has finished."""
    task = asyncio.ensure_future(work)
    watch = asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait((task, watch), return_when=asyncio.FIRST_COMPLETED)
    finally:
        watch.cancel()
        if not task.done():
            task.cancel()
            await asyncio.wait((task,))
    if not task.cancelled():
        task.result()
