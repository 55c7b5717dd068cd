"""The spare process of a pool: it has imported the server, but no application, and waits.

A worker that dies is replaced by it in the time that the application takes to be imported.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from asgiserve.supervisor.stack_file import StackFile
from asgiserve.supervisor.worker_process import WorkerProcess

__all__ = ["Mate", "Spare"]

logger = logging.getLogger("asgiserve.error")

# A process that cannot even wait will not do so soon after either.
RETRY_S = 60.0


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
        clock: gives seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._mate: Mate | None = None
        self._fds: frozenset[int] = frozenset()
        self._retry_s = 0.0

    @property
    def pids(self) -> set[int]:
        """Its process id, while there is one."""
        return set() if self._mate is None else {self._mate.process.pid}

    def prepare(self, fds: Sequence[int]) -> None:
        """Have a process wait whose order may name *fds*, unless it does so already."""
        if self._mate is not None and self._mate.process.poll() is not None:
            logger.warning("The spare process %d has ended", self._mate.process.pid)
            self._retry_s = self._clock() + RETRY_S
            self.discard()
        if self._mate is not None and self._fds.issuperset(fds):
            return
        self.discard()
        if self._clock() < self._retry_s:
            return
        try:
            self._mate = Mate.prepare(fds)
        except OSError as error:
            logger.warning("Cannot start a spare process: %s", error)
            self._retry_s = self._clock() + RETRY_S
            return
        self._fds = frozenset(fds)

    def take(self, fds: Sequence[int]) -> Mate | None:
        """Give the process away, if it lives and its order may name *fds*."""
        mate = self._mate
        if mate is None or not self._fds.issuperset(fds) or mate.process.poll() is not None:
            return None
        self._mate = None
        return mate

    def discard(self) -> None:
        """Have no process wait any more."""
        if self._mate is not None:
            self._mate.process.end()
            self._mate.close()
            self._mate = None
