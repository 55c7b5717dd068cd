"""What a reloader does next, as a state machine: nothing here waits, reads files or does I/O."""

from __future__ import annotations

import enum
import logging
import math
import os
import signal
import time
from collections.abc import Callable, Iterable, Set
from typing import Protocol

from asgiserve.errors import FAILURE, USAGE_ERROR, ConfigError
from asgiserve.process.working_directory import find_working_directory

__all__ = ["Phase", "ReloadCycle", "Worker"]

logger = logging.getLogger("asgiserve.error")

# A worker that shall stop and whose event loop does not turn (a busy loop, a debugger's prompt) is
# killed after this time without a beat.
STUCK_S = 3.0
# A worker that shall stop before it has served has nothing to finish, and only unwinds what it has
# begun: who saves a file waits for no startup.
UNWIND_S = 1.0
# Changes that go on and on do not put a restart off for longer.
MAX_SETTLE_S = 2.0
# How many files a line of the log names.
MAX_NAMES = 3
WAITING = "waiting for a change"


class Phase(enum.Enum):
    """Where the worker is."""

    IDLE = enum.auto()  # there is none, until something changes
    STARTING = enum.auto()
    SERVING = enum.auto()
    STOPPING = enum.auto()
    OVER = enum.auto()


class Worker(Protocol):
    """The worker's process, started again and again.

    Attributes:
        pid: of the process that runs, or ran last.
    """

    pid: int

    def start(self, changed: Set[str]) -> None:
        """Start a process.

        Args:
            changed: the files that changed since the last start.

        Raises:
            OSError: the system does not let us.
        """

    def ask(self, order: str) -> None:
        """Give the process an order: ``stop`` or ``force``."""

    def kill(self) -> None:
        """Kill the process."""


class ReloadCycle:
    """Starts one worker after another.

    Args:
        worker: does what is decided here.
        settle_s: how long files have to stay as they are, before the worker is restarted.
        clock: gives seconds.

    Attributes:
        phase: where the worker is.
        settled_s: when the files will have settled; infinite while there is nothing new.
        exit_status: what the reloader's process ends with.
    """

    def __init__(
        self, worker: Worker, settle_s: float, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.phase = Phase.IDLE
        self.settled_s = math.inf
        self.exit_status = 0
        self._worker = worker
        self._settle_s = settle_s
        self._clock = clock
        # Since the last start.
        self._changed: set[str] = set()
        self._first_change_s = 0.0
        self._is_ending = False
        self._has_served = False
        # Why the worker could not start, as far as it has told.
        self._reason = ""
        # What the user has to have the worker do, should there be more signals.
        self._urges: list[Callable[[], None]] = []
        self._last_beat_s = 0.0
        # When a worker that never has served is killed.
        self._unwound_s = math.inf

    @property
    def next_s(self) -> float:
        """When ``on_time`` has something to do."""
        return min(self.settled_s, self._kill_s)

    @property
    def _kill_s(self) -> float:
        """When the worker is killed, unless it stops or beats before."""
        if self.phase is not Phase.STOPPING:
            return math.inf
        return min(self._last_beat_s + STUCK_S, self._unwound_s)

    def start(self) -> None:
        """Start the first worker."""
        self._start_worker()

    def on_changes(self, paths: Set[str]) -> None:
        """Take note of changed files: the worker is stopped, and the next starts once they settle.

        At once, since who saves and asks at once wants no answer from the old code.
        """
        if self._is_ending or not paths:
            return
        now_s = self._clock()
        if self.settled_s == math.inf:
            self._first_change_s = now_s
        latest_s = self._first_change_s + max(self._settle_s, MAX_SETTLE_S)
        self.settled_s = min(now_s + self._settle_s, latest_s)
        not_named = paths - self._changed
        self._changed |= paths
        if not_named:
            logger.info("Restarting: %s changed", describe_paths(not_named))
        if self.phase in (Phase.STARTING, Phase.SERVING):
            self._stop_worker()

    def on_message(self, message: dict[str, object]) -> None:
        """Take a message of the worker."""
        kind = message.get("kind")
        self._last_beat_s = self._clock()
        if kind == "ready":
            self._on_ready()
        elif kind == "failed":
            self._reason = str(message.get("reason"))
        elif kind == "retire" and self.phase is Phase.SERVING:
            logger.info("Restarting after %s", message.get("reason"))
            self._stop_worker()

    def on_exit(self, status: int) -> None:
        """The worker has ended with *status*, negative for a signal.

        Raises:
            ConfigError: it does not take its options; no change to a file will help.
        """
        phase, self.phase = self.phase, Phase.IDLE
        pid = self._worker.pid
        if self._is_ending:
            self.phase = Phase.OVER
            self.exit_status = status if status == FAILURE else 0
        elif phase is Phase.STOPPING:
            # While files still change, the next worker would be stopped at once.
            if self.settled_s == math.inf:
                self._start_worker()
        elif status == USAGE_ERROR and not self._has_served:
            raise ConfigError(self._reason or "the worker does not take its options")
        elif phase is Phase.STARTING:
            reason = self._reason or describe_status(status)
            logger.error("Worker process %d could not start: %s; %s", pid, reason, WAITING)
        else:
            logger.error("Worker process %d ended: %s; %s", pid, describe_status(status), WAITING)

    def on_stop_signal(self) -> None:
        """End: the first signal stops the worker, each one more is more urgent."""
        is_first, self._is_ending = not self._is_ending, True
        self.settled_s = math.inf
        if self.phase is Phase.IDLE:
            self.phase = Phase.OVER
        elif self.phase is not Phase.STOPPING:
            self._stop_worker()
        elif not is_first and self._urges:
            self._urges.pop()()

    def on_time(self) -> None:
        """Do what is due."""
        now_s = self._clock()
        if now_s >= self.settled_s:
            self.settled_s = math.inf
            if self.phase is Phase.IDLE:
                self._start_worker()
        if now_s >= self._kill_s:
            logger.warning("Killing worker process %d, which does not stop", self._worker.pid)
            self._last_beat_s = now_s
            self._unwound_s = math.inf
            self._worker.kill()

    def _start_worker(self) -> None:
        self._reason = ""
        try:
            self._worker.start(self._changed)
        except OSError as error:
            logger.error("Cannot start a worker process: %s; %s", error, WAITING)
            return
        self._changed = set()
        self.phase = Phase.STARTING

    def _on_ready(self) -> None:
        # Had it been told to stop by then, it has connections now, which it brings to their end.
        self._unwound_s = math.inf
        if self.phase is Phase.STARTING:
            self.phase = Phase.SERVING
            self._has_served = True

    def _stop_worker(self) -> None:
        now_s = self._clock()
        self._unwound_s = now_s + UNWIND_S if self.phase is Phase.STARTING else math.inf
        self.phase = Phase.STOPPING
        self._last_beat_s = now_s
        self._urges = [self._worker.kill, lambda: self._worker.ask("force")]
        self._worker.ask("stop")


def describe_status(status: int) -> str:
    """How a process ended."""
    if status >= 0:
        return f"status {status}"
    try:
        return f"killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"killed by signal {-status}"


def describe_paths(paths: Iterable[str]) -> str:
    """The names of files, as seen from the current directory; the first few of many."""
    here = os.path.realpath(find_working_directory()) + os.sep
    names = sorted(path.removeprefix(here) for path in paths)
    shown = ", ".join(names[:MAX_NAMES])
    return f"{shown} and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else shown
