"""``--reload``: one worker, restarted when files change, behind sockets that stay open meanwhile.

Which files those are is said by ``watch_rules``; when to restart by ``reload_cycle``.
"""

from __future__ import annotations

import logging
import select
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from asgiserve.config.config import DEFAULTS
from asgiserve.errors import ConfigError
from asgiserve.logs.configure import configure_logging
from asgiserve.net.listener import Listener
from asgiserve.net.sockets import bind_listeners
from asgiserve.process import systemd
from asgiserve.process.child_process import check_children
from asgiserve.process.log_files import reopen_log_files
from asgiserve.process.pid_file import PidFile
from asgiserve.process.privileges import apply_umask
from asgiserve.process.signal_pipe import SignalPipe
from asgiserve.process.stack_file import StackFile
from asgiserve.process.title import set_process_title
from asgiserve.reload.file_watch import (
    UNTOLD_CHANGE_S,
    FileWatch,
    SystemEvents,
    import_watchfiles,
)
from asgiserve.reload.reload_cycle import Phase, ReloadCycle
from asgiserve.reload.reloaded_worker import ReloadedWorker
from asgiserve.reload.watch_rules import WatchRules
from asgiserve.server.stop_request import StopSignals
from asgiserve.worker.spec import ListenerOrder, WorkerOrder

if TYPE_CHECKING:
    from asgiserve.config.config import Config

__all__ = ["run_reloader"]

logger = logging.getLogger("asgiserve.error")

# What requests in flight get to end by themselves: half of it until applications that stream are
# told that their client is gone, the other half until they are cancelled. Whoever saved waits.
GRACE_S = 1.0
BEAT_INTERVAL_S = 0.5
# What replaces a worker that serves for long, which nobody does here; one that stands still may
# stand in a debugger.
WITHOUT_EFFECT = ("worker_max_lifetime", "worker_max_rss", "timeout_worker_healthcheck")
# Between the end of a worker's channel, or a signal that a child has ended, and its exit status.
EXIT_POLL_S = 0.02


def run_reloader(config: Config) -> int:
    """Serve, restarting the worker when files change, until a signal ends it.

    Returns:
        The exit status: 0, or 1 when the application's shutdown failed at the end.

    Raises:
        ConfigError: the options do not go with reloading.
        StartupError: an address cannot be bound.
    """
    if sys.platform == "win32":
        raise ConfigError("reload: not available on this platform")
    check_children("reload")
    if not isinstance(config.app, str):
        raise ConfigError("reload: needs APP as an import string, MODULE:ATTRIBUTE")
    configure_logging(config)
    for name in WITHOUT_EFFECT:
        if getattr(config, name) != DEFAULTS[name]:
            logger.warning("%s has no effect with reload", name)
    set_process_title("reloader", config)
    apply_umask(config)
    rules = WatchRules.from_config(config)
    with ExitStack() as undo:
        listeners = bind_listeners(config)
        for listener in listeners:
            undo.callback(listener.close)
        if config.pid is not None:
            pid_file = PidFile(config.pid)
            pid_file.claim()
            undo.callback(pid_file.release)
        for listener in listeners:
            listener.listen(config.backlog)
        stacks = StackFile()
        undo.callback(stacks.close)
        pipe = undo.enter_context(SignalPipe(find_signals()))
        worker = ReloadedWorker(make_order(config, listeners, stacks))
        undo.callback(worker.close)
        watch = FileWatch(rules, config.reload_delay)
        cycle = ReloadCycle(worker, config.reload_delay)
        return Reloader(config, watch, worker, cycle, pipe).run()


def make_order(config: Config, listeners: Sequence[Listener], stacks: StackFile) -> WorkerOrder:
    """What every worker is told."""
    grace_s = config.timeout_graceful_shutdown
    return WorkerOrder(
        config=replace(
            config,
            timeout_graceful_shutdown=GRACE_S if grace_s is None else min(grace_s, GRACE_S),
            drain_delay=0,
        ),
        listeners=tuple(ListenerOrder(each.sock.fileno(), each.text) for each in listeners),
        slot=0,
        beat_interval_s=BEAT_INTERVAL_S,
        stacks_fd=stacks.fd,
    )


def find_signals() -> list[int]:
    """The signals that mean something here; a terminal that is closed sends SIGHUP."""
    names = ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGCHLD")
    return [getattr(signal, name) for name in names]


class Reloader:
    """Waits for what happens to files, worker and process, and tells the cycle."""

    def __init__(
        self,
        config: Config,
        watch: FileWatch,
        worker: ReloadedWorker,
        cycle: ReloadCycle,
        pipe: SignalPipe,
    ) -> None:
        self._config = config
        self._watch = watch
        self._worker = worker
        self._cycle = cycle
        self._pipe = pipe
        self._events: SystemEvents | None = None
        self._watchdog = systemd.Watchdog()
        self._stop_signals = StopSignals()
        # Set in the thread of the events.
        self._has_event = False
        # The worker's process has not closed its end, as far as we know.
        self._is_channel_open = True

    def run(self) -> int:
        """Run until a signal ends it; the exit status."""
        self._start_watching()
        cycle = self._cycle
        # Also of a version that is broken: its mending is waited for, and so are connections.
        systemd.notify_ready("Restarts when files change")
        try:
            cycle.start()
            while cycle.phase is not Phase.OVER:
                self._wait()
                self._take_signals()
                self._take_messages()
                self._take_exit()
                self._look()
                cycle.on_time()
                self._watchdog.feed()
        finally:
            if self._events is not None:
                self._events.close()
        return cycle.exit_status

    def _start_watching(self) -> None:
        if import_watchfiles() is None:
            how = "polling, since watchfiles is not installed"
        else:
            how = "watchfiles"
            self._events = SystemEvents(self._watch.is_relevant, self._on_event)
            self._events.follow(self._watch.directories)
            self._watch.interval_s = UNTOLD_CHANGE_S
        rules = self._watch.rules
        places = ", ".join(rules.roots + rules.files)
        logger.info("Restarting when files change in %s (%s)", places, how)

    def _on_event(self) -> None:
        """Something happened to a file; called in the thread of the events."""
        self._has_event = True
        self._pipe.wake()

    def _wait(self) -> None:
        """Wait until there is something to do."""
        process = self._worker.process
        wake_s = min(self._watch.next_look_s, self._cycle.next_s, self._watchdog.next_s)
        poll = select.poll()
        poll.register(self._pipe, select.POLLIN)
        if process is not None and self._is_channel_open:
            poll.register(process.channel, select.POLLIN)
        elif process is not None:
            wake_s = min(wake_s, time.monotonic() + EXIT_POLL_S)
        poll.poll(max(wake_s - time.monotonic(), 0) * 1000)

    def _take_signals(self) -> None:
        for number in self._pipe.read():
            if number == signal.SIGUSR1:
                reopen_log_files()
                self._worker.ask("reopen_logs")
            elif number != signal.SIGCHLD and self._stop_signals.take():
                systemd.notify_stopping()
                self._cycle.on_stop_signal()
                self._stop_signals.rest()

    def _take_messages(self) -> None:
        process = self._worker.process
        messages = None if process is None else process.channel.receive()
        self._is_channel_open = messages is not None
        for message in messages or ():
            self._cycle.on_message(message)

    def _take_exit(self) -> None:
        process = self._worker.process
        if process is None or process.poll() is None:
            return
        # What it said last.
        self._take_messages()
        status = self._worker.poll()
        self._is_channel_open = True
        if status is not None:
            # Or a worker is started that has to be restarted by the next look.
            self._look(is_due=True)
            self._cycle.on_exit(status)

    def _look(self, *, is_due: bool = False) -> None:
        """Look at the files if that is due, or if the worker would be restarted now."""
        watch = self._watch
        if self._has_event:
            self._has_event = False
            watch.hasten()
        if not is_due and time.monotonic() < min(watch.next_look_s, self._cycle.settled_s):
            return
        self._cycle.on_changes(watch.find_changes())
        if self._events is None:
            return
        if self._events.has_failed:
            self._events = None
            watch.interval_s = self._config.reload_delay
            watch.hasten()
        else:
            self._events.follow(watch.directories)
