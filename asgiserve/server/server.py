"""The server of one process: from the application's import to its shutdown."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import math
import os
import random
import signal
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from functools import cached_property
from types import FrameType
from typing import TYPE_CHECKING, Any

from asgiserve._twins import context
from asgiserve.asgi.lifespan import Lifespan
from asgiserve.errors import FAILURE
from asgiserve.logs.configure import configure_logging
from asgiserve.middleware.proxy_headers import ProxyHeadersMiddleware
from asgiserve.middleware.readiness import ReadinessMiddleware
from asgiserve.net.acceptor import Acceptor, check_event_loop
from asgiserve.net.listener import Listener
from asgiserve.net.sockets import bind_listeners
from asgiserve.net.tls import TlsSettings
from asgiserve.process.exit_guard import guard_exit, guard_startup
from asgiserve.process.log_files import give_log_files, reopen_log_files
from asgiserve.process.pid_file import PidFile
from asgiserve.process.privileges import apply_umask, find_identity
from asgiserve.process.signals import (
    STOP_SIGNALS,
    UPKEEP_SIGNALS,
    catch_signals,
    find_unhandled,
    raise_again,
)
from asgiserve.process.standard_files import open_standard_files
from asgiserve.process.systemd import announce, notify_ready, notify_reloading
from asgiserve.server.access_log import make_access_log
from asgiserve.server.app_loader import load_app
from asgiserve.server.draining import drain
from asgiserve.server.event_loop import open_runner
from asgiserve.server.introduction import describe_addresses, introduce
from asgiserve.server.notify import find_callback, notify
from asgiserve.server.server_state import ServerState
from asgiserve.server.stop_request import StopRequest, StopSignals, finish_unless
from asgiserve.server.ticker import TimeoutTicker

if TYPE_CHECKING:
    from asgiserve.config.config import Config
    from asgiserve.connection.context import WorkerContext
    from asgiserve.net.spread import Spread

__all__ = ["Server"]

logger = logging.getLogger("asgiserve.error")


class Server:
    """Serves one application: by ``run()``, or by ``await serve()`` in a loop that runs already.

    Attributes:
        started: connections are accepted, or were.
        servers: as asyncio's servers, their ``sockets`` tell the addresses.
        exit_status: what the process should exit with: 1 if the application's shutdown failed.
        owns_process: the process serves and does nothing else, so that it may end although
            threads of the application still run after the grace period.
        is_supervised: another process answers for this one: it has the pid file, and tells systemd.
        on_retire: what to call with the reason when the process has served its time; None: it
            stops at once.
        worker: what the connections share; None while none is accepted.
        loaded_app: the application as `load_app` gives it, if that was done already.
        lifespan: the application's, of this run or the one before.
        refuses_broken_startup: do not serve an application that raises in its startup, although
            the specification allows it.
        spread: the other workers' connection counts; None: no connection is left to them.
        stop_signals: those that stop the server while it serves.
        last_notified: when `callback_notify` was called last, in seconds since the epoch.
        is_replaced: other processes serve on at the same sockets, so that stopping needs no
            drain_delay, and readiness does not end with it.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self.started = False
        self.servers: list[Any] = []
        self.exit_status = 0
        self.owns_process = False
        self.is_supervised = False
        self.on_retire: Callable[[str], None] | None = None
        self.worker: WorkerContext | None = None
        self.loaded_app: Any = None
        self.lifespan: Lifespan | None = None
        self.refuses_broken_startup = False
        self.spread: Spread | None = None
        self.stop_signals: Sequence[signal.Signals] = STOP_SIGNALS
        self.is_replaced = False
        self.last_notified = 0.0
        self._request = StopRequest()
        self._taken_signals = StopSignals()
        self._keeps_signals = False
        self._caught_signals: list[int] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tls: TlsSettings | None = None
        self._callback: Any = None
        # What systemd shows.
        self._status = ""
        self._is_loading = False
        self._is_starting = False
        self._grace_end_s = math.inf
        # What shutdown has to do, last thing first.
        self._undo = AsyncExitStack()
        self._shutdown_lock = asyncio.Lock()
        configure_logging(config)

    @property
    def should_exit(self) -> bool:
        """Set it, in any thread, to stop the server."""
        return self._request.should_exit

    @should_exit.setter
    def should_exit(self, value: bool) -> None:
        self._next_request().should_exit = value

    @property
    def force_exit(self) -> bool:
        """Set it, in any thread, to have what is in flight cut off when the server stops."""
        return self._request.force_exit

    @force_exit.setter
    def force_exit(self, value: bool) -> None:
        self._next_request().force_exit = value

    def run(self, sockets: Sequence[socket.socket | Listener] | None = None) -> None:
        """Serve in a loop of its own until a signal or ``should_exit`` ends it.

        Raises:
            StartupError: the server could not start.
            ConfigError: the application or the event loop cannot be imported.
        """
        open_standard_files()
        self._keeps_signals = True
        try:
            with open_runner(self.config) as runner:
                runner.run(self.serve(sockets))
        except KeyboardInterrupt:
            # It came while the loop was set up or closed: a stop like any other.
            pass
        finally:
            self._keeps_signals = False

    async def serve(self, sockets: Sequence[socket.socket | Listener] | None = None) -> None:
        """Serve in the running loop until a signal or ``should_exit`` ends it.

        The signal was meant for the whole program: when the server has stopped, it is raised again,
        for the handler that the program had set before, or to end it. Cancelling stops the server
        too, without a grace period.

        Args:
            sockets: listen on these, which are closed at the end, not on what the options say.

        Raises:
            StartupError: the server could not start.
            ConfigError: the application cannot be imported.
        """
        with self.capture_signals():
            await self.startup(sockets)
            try:
                await self.main_loop()
            except asyncio.CancelledError:
                self.force_exit = True
                raise
            finally:
                await self.shutdown()

    async def startup(self, sockets: Sequence[socket.socket | Listener] | None = None) -> None:
        """Bind, import the application, run the application's startup, and accept connections.

        When the server is asked to stop meanwhile, the application's startup is cancelled.

        Raises:
            StartupError: the server could not start; nothing is left open.
            ConfigError: the application cannot be imported.
        """
        self._loop = asyncio.get_running_loop()
        self._next_request().attach(self._loop)
        self._shutdown_lock = asyncio.Lock()
        self.started = False
        self.servers = []
        self.exit_status = 0
        async with AsyncExitStack() as undo:
            undo.callback(self._on_stopped)
            apply_umask(self.config)
            # Before privileges are dropped: keys are often for root's eyes only.
            self._tls = TlsSettings.from_config(self.config)
            listeners = self._bind(sockets)
            for listener in listeners:
                undo.callback(listener.close)
            check_event_loop(self.config, self._loop, listeners)
            self._settle(undo)
            started = await self._start_app(undo)
            if started is not None and not self.should_exit:
                await self._open(*started, listeners, undo)
            self._undo = undo.pop_all()

    async def main_loop(self) -> None:
        """Wait until something asks the server to stop."""
        limit = self.limit_max_requests
        if limit is None or self.worker is None:
            await self._request.stop.wait()
            return
        while not self._request.stop.is_set():
            if self.worker.requests_total >= limit:
                self.retire(f"limit_max_requests of {limit}")
                await self._request.stop.wait()
                return
            try:
                async with asyncio.timeout(context.TICK_S):
                    await self._request.stop.wait()
            except TimeoutError:
                pass

    @cached_property
    def limit_max_requests(self) -> int | None:
        """After how many requests to stop, the jitter of this server included; None: never."""
        limit = self.config.limit_max_requests
        if limit is None:
            return None
        return limit + random.randint(0, self.config.limit_max_requests_jitter)

    @property
    def server_state(self) -> ServerState:
        """What the server is busy with, as uvicorn shows it."""
        return ServerState(self.worker)

    def retire(self, reason: str) -> None:
        """Serve no longer than needed; a worker under a supervisor waits for its replacement."""
        if self.on_retire is None:
            logger.info("Stopping after %s", reason)
            self.should_exit = True
            return
        self.on_retire(reason)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept no more, bring connections to their end, then run the application's shutdown.

        Args:
            sockets: ignored, since the server knows its own; here for callers of uvicorn's.
        """
        self._request.should_exit = True
        # A second caller waits for the first.
        async with self._shutdown_lock:
            await self._undo.aclose()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Let SIGINT and SIGTERM stop the server; outside of the main thread it does nothing.

        SIGHUP and SIGUSR1 are taken as well, unless a host program takes them. In the end, those
        that stopped the server are raised again, unless the process was there for nothing else.
        """
        upkeep = UPKEEP_SIGNALS if self.owns_process else find_unhandled(UPKEEP_SIGNALS)
        caught = self._caught_signals = []
        # What ended the run before says nothing to this one.
        self._taken_signals = StopSignals()
        with (
            catch_signals(self.handle_exit, self.stop_signals),
            catch_signals(self.handle_upkeep, upkeep),
        ):
            yield
        if not (self.owns_process or self._keeps_signals):
            raise_again(caught)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Take a signal: one stops, a second forces, a third cuts the lifespan short.

        Where there is a drain_delay, the second ends it, and so on. What comes within half a second
        says the same again.
        """
        self._caught_signals.append(sig)
        if not self._taken_signals.take():
            return
        if self._is_starting and self.owns_process:
            guard_startup(lambda: not self._is_starting)
        if self._is_loading and frame is not None:
            # The loop sees nothing until the import is over, which may take long. Both, since an
            # exception may come at a place where it is lost.
            self.should_exit = True
            raise KeyboardInterrupt
        self._request.escalate()

    def handle_upkeep(self, sig: int, frame: FrameType | None) -> None:
        """Take a signal: SIGUSR1 opens log files anew, SIGHUP reads certificates again as well."""
        self.call_soon(reopen_log_files if sig == signal.SIGUSR1 else self.reload)

    def reload(self) -> None:
        """Open log files anew and read certificates again; belongs to the loop's thread."""
        if not self.is_supervised:
            notify_reloading(self._status)
        reopen_log_files()
        self.reload_tls()
        if not self.is_supervised:
            notify_ready()

    def reload_tls(self) -> None:
        """Read certificates again; connections that are open go on as they are."""
        if self._tls is not None:
            self._tls.reload()

    def call_soon(self, action: Callable[[], None]) -> bool:
        """Have the server's loop run *action*; for every thread. False while there is no loop."""
        loop = self._loop
        if loop is None:
            return False
        try:
            loop.call_soon_threadsafe(action)
        except RuntimeError:
            # The loop was closed this moment.
            return False
        return True

    def _next_request(self) -> StopRequest:
        """The request for the run that goes on, or else the next one."""
        if self._request.is_spent:
            self._request = StopRequest()
        return self._request

    async def _start_app(self, undo: AsyncExitStack) -> tuple[Any, Lifespan] | None:
        """Import the application and run its startup; None when a signal broke its import off."""
        self._is_starting = True
        try:
            app = self._load_app()
            if app is None:
                return None
            self._callback = find_callback(self.config)
            lifespan = Lifespan(app, self.config, is_strict=self.refuses_broken_startup)
            self.lifespan = lifespan
            undo.push_async_callback(self._stop_lifespan, lifespan)
            await finish_unless(self._request.stop, lifespan.startup())
        finally:
            self._is_starting = False
        return app, lifespan

    def _load_app(self) -> Any:
        """The application; None when a signal broke its import off."""
        if self.loaded_app is not None:
            return self.loaded_app
        if self.config.loaded:
            return self.config.loaded_app
        self._is_loading = True
        try:
            return load_app(self.config)
        except KeyboardInterrupt:
            self.should_exit = True
            return None
        finally:
            self._is_loading = False

    def _settle(self, undo: AsyncExitStack) -> None:
        """Write the pid file, and become the user who serves: the application is never root's."""
        identity = find_identity(self.config)
        if self.config.pid is not None and not self.is_supervised:
            pid_file = PidFile(self.config.pid)
            pid_file.claim(owner=identity)
            undo.callback(pid_file.release)
        give_log_files(identity)
        if identity is not None:
            identity.assume()

    def _bind(self, sockets: Sequence[socket.socket | Listener] | None) -> list[Listener]:
        if sockets is None:
            return bind_listeners(self.config)
        return [each if isinstance(each, Listener) else Listener(each) for each in sockets]

    async def _open(
        self, app: Any, lifespan: Lifespan, listeners: list[Listener], undo: AsyncExitStack
    ) -> None:
        """Accept connections at every listener."""
        config, loop = self.config, asyncio.get_running_loop()
        for listener in listeners:
            listener.listen(config.backlog)
        worker = self._make_worker(app, lifespan, undo)
        ticker = TimeoutTicker(worker)
        ticker.start()
        undo.callback(ticker.stop)
        acceptor = Acceptor(worker, listeners, tls=self._tls, spread=self.spread)
        undo.push_async_callback(self._close, worker, acceptor)
        await acceptor.start()
        self.servers = acceptor.servers
        self.worker = worker
        self.started = True
        self._request.has_delay = config.drain_delay > 0
        if self._tls is not None:
            undo.callback(asyncio.ensure_future(self._tls.watch()).cancel)
        if self._callback is not None:
            undo.callback(asyncio.ensure_future(notify(self, self._callback)).cancel)
        addresses = describe_addresses(listeners, self._tls)
        introduce(addresses, loop, is_supervised=self.is_supervised)
        if not self.is_supervised:
            self._status = f"Serves {addresses}"
            undo.enter_context(announce(self._status, loop))

    def _make_worker(self, app: Any, lifespan: Lifespan, undo: AsyncExitStack) -> WorkerContext:
        """What the connections to come share."""
        config, loop = self.config, asyncio.get_running_loop()
        access_log = make_access_log(config, loop)
        if access_log is not None:
            undo.callback(access_log.flush)
        # For requests without a field of a proxy.
        direct_app = app.app if isinstance(app, ProxyHeadersMiddleware) else app
        if config.readiness_path is not None:
            # Around the proxies' fields: probes come from beside, and ask for the path as it is
            # here.
            app, direct_app = (
                ReadinessMiddleware(each, config.readiness_path, config.root_path, self._is_ready)
                for each in (app, direct_app)
            )
        return context.WorkerContext(
            app,
            config,
            loop,
            state=lifespan.state,
            task_context=contextvars.Context() if config.reset_contextvars else lifespan.context,
            direct_app=direct_app,
            access_log=access_log,
        )

    def _is_ready(self) -> bool:
        return self.is_replaced or not self.should_exit

    async def _delay_close(self) -> None:
        """Accept for drain_delay more, in which load balancers learn that the server stops."""
        delay_s = self.config.drain_delay
        if self.started and delay_s and not self.is_replaced:
            logger.info("Stopping in %g s (press CTRL+C to stop now)", delay_s)
            await self._request.delay(delay_s)
        self._request.has_delay = False

    async def _close(self, worker: WorkerContext, acceptor: Acceptor) -> None:
        """Accept no more, and bring the connections of *worker* to their end."""
        try:
            await self._delay_close()
        finally:
            # What the kernel has connected would be reset, if nobody else served it.
            acceptor.close(serves_waiting=not self.is_replaced)
            # What is answered from now on says so.
            worker.is_draining = True
        logger.info("Shutting down")
        timeout_s = self.config.timeout_graceful_shutdown
        self._grace_end_s = time.monotonic() + (math.inf if timeout_s is None else timeout_s)
        await finish_unless(self._request.force, acceptor.settle())
        await drain(worker, timeout_s, self._request.force)

    async def _stop_lifespan(self, lifespan: Lifespan) -> None:
        await finish_unless(self._request.cut_short, lifespan.shutdown())
        if lifespan.has_failed:
            self.exit_status = FAILURE

    def _on_stopped(self) -> None:
        self._request.detach()
        self._loop = None
        self.worker = None
        if self.started:
            logger.info("Stopped server process %d", os.getpid())
        elif not self.should_exit:
            return
        if self.owns_process:
            has_grace = self.started and not self.force_exit
            guard_exit(self._grace_end_s if has_grace else 0, self.exit_status)
