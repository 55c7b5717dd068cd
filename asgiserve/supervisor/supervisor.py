"""The process that keeps workers going: sockets, signals, configuration; the pool decides.

It stays who it was: it changes no user, so that it can open and start again what it must, and
without ``preload`` it imports no application.
"""

from __future__ import annotations

import gc
import logging
import os
import selectors
import signal
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from asgiserve.errors import ConfigError, StartupError
from asgiserve.logs.configure import configure_logging
from asgiserve.logs.formatters import colored_start
from asgiserve.process import systemd
from asgiserve.process.log_files import give_log_files, reopen_log_files
from asgiserve.process.orphans import adopt_orphans, reap_orphans
from asgiserve.process.pid_file import PidFile
from asgiserve.process.privileges import apply_umask, find_identity
from asgiserve.process.signal_pipe import SignalPipe
from asgiserve.process.title import set_process_title
from asgiserve.process.working_directory import find_working_directory
from asgiserve.server.stop_request import StopSignals
from asgiserve.supervisor.listener_sets import ListenerSets
from asgiserve.supervisor.process_host import Crew
from asgiserve.supervisor.takeover import Inheritance, Takeover
from asgiserve.version import __version__

if TYPE_CHECKING:
    from asgiserve.config.config import Config

__all__ = ["Supervisor"]

logger = logging.getLogger("asgiserve.error")

# What a supervisor is made with: SIGHUP cannot change it.
FIXED_OPTIONS = (
    "bind",
    "fd",
    "host",
    "port",
    "uds",
    "uds_permissions",
    "reuse_port",
    "preload",
    "pid",
)
# What still means something to a supervisor that stops; not all systems have these.
STOPPING_SIGNALS = ("SIGCHLD", "SIGINT", "SIGTERM")


class Supervisor:
    """One run of the supervisor.

    Args:
        reread: gives the configuration as it is by then, for SIGHUP.
        owns_process: nobody else in this process starts others and waits for them.
    """

    def __init__(
        self, config: Config, reread: Callable[[], Config] | None, *, owns_process: bool
    ) -> None:
        self._config = config
        self._reread = reread
        self._directory = find_working_directory()
        self._owns_process = owns_process
        self._can_fork = False
        # Who the workers are.
        self._worker_identity = find_identity(config)
        self._takeover: Takeover | None = None
        # What systemd shows.
        self._status = ""
        self._watchdog = systemd.Watchdog()
        self._is_stopping = False
        self._stop_signals = StopSignals()
        self._undo = ExitStack()
        self._actions: dict[int, Callable[[], None]] = {
            signal.SIGCHLD: lambda: self._crew.reap(),
            signal.SIGINT: self._stop,
            signal.SIGTERM: self._stop,
            signal.SIGHUP: self._restart,
            signal.SIGTTIN: lambda: self._crew.pool.resize(1),
            signal.SIGTTOU: lambda: self._crew.pool.resize(-1),
            signal.SIGUSR1: self._reopen_logs,
            signal.SIGUSR2: self._begin_takeover,
        }
        configure_logging(config)
        give_log_files(self._worker_identity)

    def run(self) -> int:
        """Serve until a signal ends it.

        Returns:
            The exit status: 0, 1 when a worker did not end in order, 2 or 3 when none could start.

        Raises:
            StartupError: the sockets cannot be opened, or a preloaded application cannot be
                imported.
        """
        with self._undo:
            self._open()
            while not self._crew.pool.is_over:
                for key, _ in self._selector.select(self._crew.tick_s):
                    key.data()
                # Before the ends of processes that got the same signal, or others are started.
                self._on_signals()
                self._crew.tick()
                self._reap_orphans()
                self._watchdog.feed()
        status = self._crew.pool.exit_status
        logger.info("Stopped supervisor process %d", os.getpid())
        return status

    def _open(self) -> None:
        """Open the sockets, load the application if it is preloaded, and catch signals."""
        config, undo = self._config, self._undo
        set_process_title("supervisor", config)
        apply_umask(config)
        self._inheritance = Inheritance.from_environment()
        inherited = None if self._inheritance is None else self._inheritance.sets
        self._listeners = ListenerSets(config, inherited)
        undo.callback(self._listeners.close)
        self._pid_file = None if config.pid is None else PidFile(config.pid)
        if self._pid_file is not None:
            undo.callback(self._pid_file.release)
            # A successor writes it when it has taken over.
            if self._inheritance is None:
                self._pid_file.claim()
        # Not with preload: an application that is loaded here may start processes of its own.
        needs_orphans = not (config.preload or config.reuse_port)
        self._can_fork = self._owns_process and needs_orphans and adopt_orphans()
        self._selector = undo.enter_context(selectors.DefaultSelector())
        self._crew = Crew(
            config,
            self._listeners,
            self._selector,
            can_fork=self._can_fork,
            on_complete=self._on_complete,
            on_restarted=self._on_restarted,
        )
        undo.callback(self._crew.close)
        if config.preload:
            self._load_app(config)
        self._signals = undo.enter_context(SignalPipe(self._actions))
        self._selector.register(self._signals, selectors.EVENT_READ, self._on_signals)

    def _load_app(self, config: Config) -> None:
        from asgiserve.server.app_loader import load_app

        self._crew.app = load_app(config)
        if threading.active_count() > 1:
            logger.warning("preload: threads that the application has started are in no worker")
        gc.collect()
        # Collecting writes to what it looks at; what is frozen stays shared. PyPy cannot.
        if hasattr(gc, "freeze"):
            gc.freeze()

    # --- signals ----------------------------------------------------------------------------------

    def _on_signals(self) -> None:
        for number in self._signals.read():
            action = self._actions.get(number)
            if action is not None and (
                not self._is_stopping or signal.Signals(number).name in STOPPING_SIGNALS
            ):
                action()

    def _stop(self) -> None:
        """Stop, in order at first, then by force."""
        if not self._stop_signals.take():
            return
        if not self._is_stopping:
            self._is_stopping = True
            systemd.notify_stopping()
            workers = len(self._crew.pool.workers)
            logger.info("Stopping %d workers (press CTRL+C to force)", workers)
            # They accept what has come, and then nobody does.
            self._listeners.leave_to_workers()
            if self._takeover is not None:
                self._takeover.cancel()
        self._crew.pool.stop()
        self._stop_signals.rest()

    def _restart(self) -> None:
        """Read configuration, log files and certificates again, and replace the workers."""
        config = self._config
        systemd.notify_reloading()
        try:
            if self._reread is not None:
                config = self._keep_fixed(self._reread())
                self._worker_identity = find_identity(config)
                configure_logging(config)
            if config.preload:
                self._load_app(config)
        except (ConfigError, StartupError) as error:
            configure_logging(self._config)
            logger.error("Reload failed, keeping the current configuration: %s", error)
            systemd.notify_ready(self._status)
            return
        self._config = config
        self._reopen_logs()
        # The workers of now serve on until their turn has come, which may never be.
        self._crew.send("reload_tls")
        self._crew.renew()
        logger.info("Restarting %d workers", self._crew.pool.size)
        if config.preload:
            logger.warning("preload: modules stay as they were imported; SIGUSR2 takes new ones")
        self._crew.pool.restart(config)

    def _reopen_logs(self) -> None:
        reopen_log_files()
        give_log_files(self._worker_identity)
        self._crew.send("reopen_logs")

    def _keep_fixed(self, config: Config) -> Config:
        """*config* with what cannot change as it is, which is logged."""
        kept = {
            name: getattr(self._config, name)
            for name in FIXED_OPTIONS
            if getattr(config, name) != getattr(self._config, name)
        }
        if kept:
            logger.warning("Only a new start changes %s", ", ".join(kept))
        return replace(config, **kept)

    # --- take-over --------------------------------------------------------------------------------

    def _begin_takeover(self) -> None:
        if self._takeover is not None:
            logger.error("Process %d is taking over already", self._takeover.pid)
            return
        if os.getpid() == 1:
            logger.error("Process 1 cannot hand over: the container would end with it")
            return
        sets = self._listeners
        try:
            self._takeover = Takeover(sets.describe(), sets.fds, self._directory)
        except OSError as error:
            logger.error("Cannot start a new supervisor: %s", error)
            return
        logger.info("Process %d is to take over", self._takeover.pid)
        self._selector.register(self._takeover, selectors.EVENT_READ, self._on_takeover)

    def _on_takeover(self) -> None:
        takeover = self._takeover
        assert takeover is not None
        self._selector.unregister(takeover)
        self._takeover = None
        if self._is_stopping:
            takeover.close()
            return
        if not takeover.is_ready():
            logger.error(
                "Process %d did not take over: it %s", takeover.pid, takeover.describe_failure()
            )
            takeover.close()
            return
        takeover.close()
        self._is_stopping = True
        systemd.notify(f"MAINPID={takeover.pid}")
        logger.info("Process %d has taken over", takeover.pid)
        self._listeners.give_up_files()
        self._listeners.leave_to_workers()
        self._crew.pool.step_down()

    # --- news -------------------------------------------------------------------------------------

    def _on_complete(self) -> None:
        """All workers serve for the first time."""
        predecessor = None
        if self._inheritance is not None:
            predecessor = self._inheritance.predecessor
            if self._pid_file is not None:
                try:
                    self._pid_file.claim(predecessor=predecessor)
                except StartupError as error:
                    logger.error("%s", error)
            self._inheritance.tell_ready()
        size = self._crew.pool.size
        addresses = ", ".join(self._listeners.texts)
        workers = f"with {size} worker{'s' * (size > 1)}"
        status = f"{addresses} {workers}"
        stack = next((each.stack for each in self._crew.pool.workers if each.stack), "")
        logger.info(
            "asgiserve %s serves %s %s (%s, supervisor pid %d); press CTRL+C to stop",
            __version__,
            addresses,
            workers,
            stack,
            os.getpid(),
            extra={"color_message": colored_start("%s (%s, supervisor pid %d)")},
        )
        main_pid = None if predecessor is None else os.getpid()
        self._status = f"Serves {status}"
        systemd.notify_ready(self._status, main_pid=main_pid)

    def _on_restarted(self) -> None:
        systemd.notify_ready(self._status)

    def _reap_orphans(self) -> None:
        if self._can_fork or os.getpid() == 1:
            takeover = self._takeover
            reap_orphans(self._crew.pids | (set() if takeover is None else {takeover.pid}))
