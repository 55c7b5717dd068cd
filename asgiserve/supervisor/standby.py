"""The spare process of a pool: it has imported the server, but no application, and waits.

A worker that dies is replaced by it, or by its fork, in the time that the application takes to be
imported.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from asgiserve.process.stack_file import StackFile
from asgiserve.supervisor.fork_server_process import ForkServerProcess
from asgiserve.supervisor.worker_process import WorkerProcess

__all__ = ["Mate", "Spare"]

logger = logging.getLogger("asgiserve.error")

# A process that cannot even wait will not do so soon after either.
RETRY_S = 60.0
# It takes some tenths of a second where nothing is wrong, and several seconds on a busy machine.
IMPORT_TIMEOUT_S = 30.0


@dataclass(eq=False)
class Mate:
    """A process, and the file for its stacks."""

    process: WorkerProcess
    stacks: StackFile

    @classmethod
    def prepare(cls, fds: Sequence[int]) -> Mate:
        """Start a process that waits for its order, which may name *fds*.

        Raises:
            OSError: the system does not let us.
        """
        stacks = StackFile()
        try:
            return cls(WorkerProcess.prepare([stacks.fd, *fds]), stacks)
        except BaseException:
            stacks.close()
            raise

    def close(self) -> None:
        """Let go of the process; one that still lives stops by itself."""
        self.process.close()
        self.stacks.close()


class Spare:
    """One process that waits, or none.

    Args:
        can_fork: orphans become our children, so that the process can stay and fork workers.
        clock: gives seconds.

    Attributes:
        can_fork: as it was given.
    """

    def __init__(
        self, *, can_fork: bool = False, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.can_fork = can_fork
        self._clock = clock
        self._waiting: Mate | ForkServerProcess | None = None
        self._fds: frozenset[int] = frozenset()
        self._started_s = 0.0
        self._retry_s = 0.0

    @property
    def pids(self) -> set[int]:
        """Its process id, while there is one."""
        return set() if self._waiting is None else {self._waiting.process.pid}

    @property
    def is_importing(self) -> bool:
        """It will fork workers before a process that starts now could be one."""
        waiting = self._waiting
        return isinstance(waiting, ForkServerProcess) and not waiting.is_ready()

    def prepare(self, fds: Sequence[int]) -> None:
        """Have a process wait whose order may name *fds*, unless it does so already."""
        if self._waiting is not None and self._waiting.process.poll() is not None:
            self._give_up("it has ended")
        if self.is_importing and self._clock() - self._started_s > IMPORT_TIMEOUT_S:
            self._give_up(f"it has not imported the server in {IMPORT_TIMEOUT_S:g} s")
        if self._waiting is not None and self._fds.issuperset(fds):
            return
        self.discard()
        if self._clock() < self._retry_s:
            return
        try:
            self._waiting = (ForkServerProcess if self.can_fork else Mate).prepare(fds)
        except OSError as error:
            self._give_up(error)
            return
        self._fds = frozenset(fds)
        self._started_s = self._clock()

    def take(self, fds: Sequence[int]) -> Mate | None:
        """Give a process away, if there is one whose order may name *fds*."""
        waiting = self._waiting
        if waiting is None or not self._fds.issuperset(fds) or waiting.process.poll() is not None:
            return None
        if isinstance(waiting, ForkServerProcess):
            return self._fork(waiting) if waiting.is_ready() else None
        self._waiting = None
        return waiting

    def discard(self) -> None:
        """Have no process wait any more."""
        if self._waiting is not None:
            self._waiting.process.end()
            self._waiting.close()
            self._waiting = None

    def _fork(self, server: ForkServerProcess) -> Mate | None:
        stacks = StackFile()
        try:
            return Mate(server.fork(stacks.fd), stacks)
        except OSError as error:
            stacks.close()
            self._give_up(error)
            return None

    def _give_up(self, reason: object) -> None:
        """Have no process wait for a while."""
        logger.warning("No spare process for %g s: %s", RETRY_S, reason)
        self._retry_s = self._clock() + RETRY_S
        self.discard()
