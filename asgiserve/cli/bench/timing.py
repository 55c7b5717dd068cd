"""How much of a process's CPU time is the application's: its coroutines, timed step by step.

A step lasts from a coroutine's resumption to its next suspension; what it spends within the
server's ``receive`` and ``send`` is taken off. Tasks that a request starts are the application's
too. Callbacks that it leaves to the event loop cannot be told from the server's own.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import ContextVar
from typing import Any, NamedTuple

__all__ = [
    "AppClock",
    "CpuReading",
    "Shares",
    "TimedApp",
    "TimedCoroutine",
    "share_of",
]

# How often the clock is switched to learn what that costs.
TRIAL_CALLS = 2000

# Set in the tasks of a request that is timed, and so in those that it starts.
TIMED_BY: ContextVar[AppClock] = ContextVar("asgiserve_timed_by")


class CpuReading(NamedTuple):
    """What the clocks showed at one moment, in nanoseconds, and how many calls there had been.

    Attributes:
        queued_ns: how long the loop's thread could have run, and got no CPU.
    """

    wall_ns: int
    queued_ns: int
    process_ns: int
    loop_ns: int
    app_ns: int
    clock_ns: int
    calls: int
    timed_calls: int

    def since(self, before: CpuReading) -> CpuReading:
        """What has passed since the reading *before*."""
        return CpuReading(*(now - then for now, then in zip(self, before, strict=True)))


class Shares(NamedTuple):
    """Parts of the CPU time of a process, from 0 to 1.

    Attributes:
        app: the application's.
        threads: what of this was not in the thread of the loop.
    """

    app: float
    threads: float


class AppClock:
    """Adds up the time in which the application runs in one thread.

    Args:
        read_ns: the clock, by default the CPU time of the thread: another thread that holds the
            interpreter's lock meanwhile does not count.

    Attributes:
        app_ns: the time until the last switch to the server, without the clock's own.
        clock_ns: what the clock itself has taken, from the application and from the server.
    """

    def __init__(self, read_ns: Callable[[], int] = time.thread_time_ns) -> None:
        self.app_ns = 0
        self.clock_ns = 0
        self._read_ns = read_ns
        # What of each piece of time is the clock's own, by ``calibrate``.
        self._cost_ns = 0
        self._is_app = False
        self._since_ns = 0

    def switch(self, is_app: bool) -> bool:
        """From now on the application runs, or the server; gives which of them did until now."""
        was_app = self._is_app
        if is_app is not was_app:
            now_ns = self._read_ns()
            if was_app:
                self.app_ns += now_ns - self._since_ns - self._cost_ns
                # As much again for the switch back, which the server has had.
                self.clock_ns += 2 * self._cost_ns
            self._since_ns = now_ns
            self._is_app = is_app
        return was_app

    def calibrate(self) -> None:
        """Learn what the clock itself takes, by timing an application that does nothing."""
        trial = AppClock(self._read_ns)

        def do_nothing() -> None:
            return None

        trial.switch(True)
        for _ in range(TRIAL_CALLS):
            call_server(trial, do_nothing)
        trial.switch(False)
        self._cost_ns = trial.app_ns // TRIAL_CALLS


class TimedCoroutine(Coroutine[Any, Any, Any]):
    """A coroutine whose steps are told to a clock; in all else the one that it stands around.

    Args:
        call: the coroutine.
        is_app: the application's; else the server's.
    """

    __slots__ = ("_call", "_clock", "_is_app")

    def __init__(self, call: Any, clock: AppClock, *, is_app: bool) -> None:
        self._call = call
        self._clock = clock
        self._is_app = is_app

    # cr_frame and its like, which anyio and debuggers read.
    def __getattr__(self, name: str) -> Any:
        return getattr(self._call, name)

    # Any: what a Generator is to the type checker is here an object that is its own iterator.
    def __await__(self) -> Any:
        return self

    def __iter__(self) -> TimedCoroutine:
        return self

    def __next__(self) -> Any:
        return self.send(None)

    def send(self, value: Any) -> Any:
        clock = self._clock
        was_app = clock.switch(self._is_app)
        try:
            return self._call.send(value)
        finally:
            clock.switch(was_app)

    def throw(self, *details: Any) -> Any:
        clock = self._clock
        was_app = clock.switch(self._is_app)
        try:
            return self._call.throw(*details)
        finally:
            clock.switch(was_app)

    def close(self) -> None:
        """End the coroutine where it waits."""
        self._call.close()


class TimedApp:
    """An ASGI 3 application of which some calls are timed, picked by chance.

    Only some, since timing costs time itself; none while ``fraction`` is 0, as it is at first.

    Args:
        app: the application.
        clock: adds up the time.

    Attributes:
        fraction: how many of the calls are timed, from 0 to 1.
    """

    def __init__(self, app: Any, clock: AppClock | None = None) -> None:
        self.fraction = 0.0
        self._app = app
        self._clock = AppClock() if clock is None else clock
        self._calls = 0
        self._timed_calls = 0
        self._previous_factory: Any = None

    def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> Any:
        if scope["type"] == "lifespan":
            return self._app(scope, receive, send)
        self._calls += 1
        if not self.fraction or random.random() >= self.fraction:
            return self._app(scope, receive, send)
        self._timed_calls += 1
        return self._call_timed(scope, receive, send)

    def begin(self, loop: asyncio.AbstractEventLoop, fraction: float) -> None:
        """Time *fraction* of the calls in *loop* from now on, and the tasks that they start."""
        self._clock.calibrate()
        self.fraction = fraction
        self._previous_factory = loop.get_task_factory()
        loop.set_task_factory(make_task_factory(self._previous_factory))

    def end(self, loop: asyncio.AbstractEventLoop) -> None:
        """Time no more."""
        self.fraction = 0.0
        loop.set_task_factory(self._previous_factory)

    def read(self) -> CpuReading:
        """The time until now; belongs to the thread of the loop."""
        return CpuReading(
            time.perf_counter_ns(),
            read_queued_ns(),
            time.process_time_ns(),
            time.thread_time_ns(),
            self._clock.app_ns,
            self._clock.clock_ns,
            self._calls,
            self._timed_calls,
        )

    def _call_timed(self, scope: dict[str, Any], receive: Any, send: Any) -> TimedCoroutine:
        clock = self._clock

        def timed_receive() -> Any:
            return call_server(clock, receive)

        def timed_send(message: Any) -> Any:
            return call_server(clock, send, message)

        was_app = clock.switch(True)
        try:
            call = self._app(scope, timed_receive, timed_send)
        finally:
            clock.switch(was_app)
        return TimedCoroutine(run_marked(call, clock), clock, is_app=True)


def call_server(clock: AppClock, function: Callable[..., Any], *arguments: Any) -> Any:
    """Call the server's *function*, ``receive`` or ``send``, as such."""
    was_app = clock.switch(False)
    try:
        result = function(*arguments)
    finally:
        clock.switch(was_app)
    if not asyncio.iscoroutine(result):
        return result
    return TimedCoroutine(result, clock, is_app=False)


async def run_marked(call: Awaitable[Any], clock: AppClock) -> None:
    """Await *call* with the mark in its context by which its tasks are known."""
    TIMED_BY.set(clock)
    await call


def make_task_factory(previous: Any) -> Callable[..., asyncio.Future[Any]]:
    """A task factory that times the tasks of timed requests, and else does what *previous* does."""

    def make_task(
        loop: asyncio.AbstractEventLoop, call: Any, **options: Any
    ) -> asyncio.Future[Any]:
        context = options.get("context")
        clock = TIMED_BY.get(None) if context is None else context.get(TIMED_BY)
        if clock is not None and not isinstance(call, TimedCoroutine):
            call = TimedCoroutine(call, clock, is_app=True)
        if previous is not None:
            task: asyncio.Future[Any] = previous(loop, call, **options)
            return task
        return asyncio.Task(call, loop=loop, **options)

    return make_task


def read_queued_ns(path: str = "/proc/thread-self/schedstat") -> int:
    """How long this thread has waited for a CPU so far; 0 where the system does not say (Linux)."""
    try:
        with open(path, "rb") as file:
            return int(file.read().split()[1])
    except (OSError, ValueError, IndexError):
        return 0


def share_of(passed: CpuReading) -> Shares | None:
    """Who had the CPU time of the process, None if nothing was timed.

    All that is not the loop's thread is the application's.
    """
    total_ns = passed.process_ns - passed.clock_ns
    if total_ns <= 0 or not passed.timed_calls:
        return None
    threads_ns = max(passed.process_ns - passed.loop_ns, 0)
    app_ns = max(passed.app_ns, 0) * passed.calls / passed.timed_calls
    return Shares(min((threads_ns + app_ns) / total_ns, 1.0), min(threads_ns / total_ns, 1.0))
