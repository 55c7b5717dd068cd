"""The worker of a reloader: one process after another, with the same order."""

from __future__ import annotations

import importlib.util
import os
import signal
from collections.abc import Set
from typing import TYPE_CHECKING

from asgiserve.supervisor.worker_process import WorkerProcess

if TYPE_CHECKING:
    from asgiserve.worker.spec import WorkerOrder

__all__ = ["ReloadedWorker", "forget_bytecode"]


class ReloadedWorker:
    """What a `ReloadCycle` starts and stops.

    Attributes:
        pid: of the process that runs, or ran last.
    """

    def __init__(self, order: WorkerOrder) -> None:
        self.pid = 0
        self._order = order
        self._process: WorkerProcess | None = None

    @property
    def process(self) -> WorkerProcess | None:
        """The process, until its end was told."""
        return self._process

    def start(self, changed: Set[str]) -> None:
        """Start a process, after the one before has ended."""
        for path in changed:
            forget_bytecode(path)
        self._process = WorkerProcess.spawn(self._order)
        self.pid = self._process.pid

    def ask(self, order: str) -> None:
        """Give an order."""
        if self._process is not None:
            self._process.send(order)

    def kill(self) -> None:
        """Kill the process."""
        if self._process is not None:
            self._process.kill(signal.SIGKILL)

    def poll(self) -> int | None:
        """The exit status, once: then there is no process any more."""
        process = self._process
        status = None if process is None else process.poll()
        if status is not None:
            self.close()
        return status

    def close(self) -> None:
        """Leave the process alone; one that still runs stops by itself."""
        if self._process is not None:
            self._process.close()
            self._process = None


def forget_bytecode(path: str) -> None:
    """Remove the compiled form of the module at *path*.

    Python takes it for that of another source that has the same size and was saved in the same
    second, as a formatter does after an editor.
    """
    if path.endswith(".py"):
        try:
            os.unlink(importlib.util.cache_from_source(path))
        except OSError:
            pass  # there is none, or it is not ours
