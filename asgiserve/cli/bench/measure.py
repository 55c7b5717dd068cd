"""A run of ``asgiserve bench``: serve the application here, have it loaded, and read the clocks.

The server is an ordinary one, in the main thread. A second thread starts the client process, first
to count requests, then, with some of them timed, to learn who had the CPU.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from asgiserve.cli.bench.load import BEGIN, END, LoadOrder, LoadResult
from asgiserve.cli.bench.load_process import LoadError, LoadProcess
from asgiserve.cli.bench.request import Request
from asgiserve.cli.bench.timing import CpuReading, Shares, TimedApp, share_of
from asgiserve.config.config import Config
from asgiserve.errors import AsgiserveError
from asgiserve.middleware.proxy_headers import ProxyHeadersMiddleware
from asgiserve.server.app_loader import load_app
from asgiserve.server.event_loop import choose_loop_factory
from asgiserve.server.introduction import describe_stack
from asgiserve.server.server import Server

__all__ = ["FAILURE", "BenchError", "Measurement", "Plan", "measure"]

# The exit status when no request succeeded.
FAILURE = 1

T = TypeVar("T")

# Time for the shares: a part of the duration, but no more than is needed.
SPLIT_PART = 0.4
MAX_SPLIT_S = 2.0
SPLIT_WARM_UP_S = 0.1
# Timing each call would slow the server down; few calls, as of a slow application, are all timed.
MIN_FRACTION = 1 / 8
WANTED_CALLS = 300


class BenchError(AsgiserveError):
    """There is nothing to report."""


@dataclass(frozen=True)
class Plan:
    """What to send, on how many connections, and for how long."""

    request: Request
    connections: int
    duration_s: float
    warm_up_s: float


@dataclass(frozen=True)
class Measurement:
    """What came of a run.

    Attributes:
        stack: what ran, in words.
        load: what the client saw.
        passed: what this process, server and application, has used meanwhile.
        shares: who had it, by the second part of the run; None if that timed nothing.
        status: the exit status.
    """

    stack: str
    load: LoadResult
    passed: CpuReading
    shares: Shares | None
    status: int = 0


class FirstOfEach(logging.Filter):
    """Lets each message through once: under load an error is logged thousands of times."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: set[tuple[int, str]] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether *record* is the first of its like."""
        key = (record.levelno, str(record.msg))
        is_new = key not in self._seen
        self._seen.add(key)
        return is_new


class Driver:
    """Has the application loaded, in a thread of its own, while the server runs in its loop."""

    def __init__(self, server: Server, app: TimedApp, plan: Plan) -> None:
        self._server = server
        self._app = app
        self._plan = plan
        self._process: LoadProcess | None = None
        self._is_stopped = False

    def run(self) -> tuple[LoadResult, CpuReading, Shares | None]:
        """Measure; give what the client saw, what this process used, and who had it.

        Raises:
            LoadError: the client or the server ended meanwhile.
        """
        plan = self._plan
        load, passed = self._load(plan.warm_up_s, plan.duration_s)
        if not load.answers:
            return load, passed, None
        split_s = min(plan.duration_s * SPLIT_PART, MAX_SPLIT_S)
        expected_calls = load.answers / load.duration_s * split_s
        fraction = min(max(WANTED_CALLS / expected_calls, MIN_FRACTION), 1.0)
        self._call(lambda loop: self._app.begin(loop, fraction))
        _, split = self._load(SPLIT_WARM_UP_S, split_s)
        self._call(self._app.end)
        return load, passed, share_of(split)

    def stop(self) -> None:
        """Have ``run`` end soon; belongs to the loop's thread."""
        self._is_stopped = True
        if self._process is not None:
            self._process.kill()

    def _load(self, warm_up_s: float, duration_s: float) -> tuple[LoadResult, CpuReading]:
        plan, port = self._plan, self._server.servers[0].sockets[0].getsockname()[1]
        request = plan.request
        order = LoadOrder(
            port, request.encode(port), request.is_head, plan.connections, warm_up_s, duration_s
        )
        with LoadProcess(order) as process:
            self._process = process
            if self._is_stopped:
                raise LoadError("the server was stopped")
            process.wait_for(BEGIN)
            before = self._call(lambda loop: self._app.read())
            process.wait_for(END)
            after = self._call(lambda loop: self._app.read())
            return process.result(), after.since(before)

    def _call(self, action: Callable[[asyncio.AbstractEventLoop], T]) -> T:
        """What *action* gives, called with the server's loop in its thread."""
        result: Future[T] = Future()

        def act() -> None:
            try:
                result.set_result(action(asyncio.get_running_loop()))
            except Exception as error:  # noqa: BLE001 - the other thread raises it
                result.set_exception(error)

        if not self._server.call_soon(act):
            raise LoadError("the server was stopped")
        return result.result()


def measure(config: Config, plan: Plan) -> Measurement:
    """Serve the application of *config*, and do what *plan* says.

    Raises:
        StartupError: the application cannot be loaded or started.
        ConfigError: the event loop cannot be imported.
        BenchError: a signal ended it, or the client could not work.
    """
    server = Server(config)
    # So that a thread of the application that does not end holds the process up for a moment only.
    server.owns_process = True
    error_log = logging.getLogger("asgiserve.error")
    errors_once = FirstOfEach()
    error_log.addFilter(errors_once)
    try:
        with asyncio.Runner(loop_factory=choose_loop_factory(config)) as runner:
            return runner.run(serve_and_measure(server, plan))
    except KeyboardInterrupt:
        raise BenchError("stopped by a signal before the end") from None
    finally:
        error_log.removeFilter(errors_once)


async def serve_and_measure(server: Server, plan: Plan) -> Measurement:
    """Do it in the running loop."""
    with server.capture_signals():
        app = load_app(server.config)
        timed_app = TimedApp(app.app if isinstance(app, ProxyHeadersMiddleware) else app)
        server.loaded_app = timed_app
        if isinstance(app, ProxyHeadersMiddleware):
            # What a proxy's fields cost is the server's.
            app.app = timed_app
            server.loaded_app = app
        await server.startup()
        try:
            if not server.started:
                raise BenchError("stopped by a signal before the end")
            stack = describe_stack(asyncio.get_running_loop())
            server.exit_status = FAILURE
            load, passed, shares = await drive(server, Driver(server, timed_app, plan))
            if load.successes:
                server.exit_status = 0
        finally:
            await server.shutdown()
    return Measurement(stack, load, passed, shares, server.exit_status)


async def drive(server: Server, driver: Driver) -> tuple[LoadResult, CpuReading, Shares | None]:
    """Run *driver* beside the server, until it is through or the server is asked to stop."""
    with ThreadPoolExecutor(1, "asgiserve-bench") as pool:
        work = asyncio.get_running_loop().run_in_executor(pool, driver.run)
        signalled = asyncio.ensure_future(server.main_loop())
        try:
            await asyncio.wait((work, signalled), return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                driver.stop()
            return await work
        except LoadError as error:
            reason = "stopped by a signal before the end" if signalled.done() else str(error)
            raise BenchError(reason) from None
        finally:
            signalled.cancel()
