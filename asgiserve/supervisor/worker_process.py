"""A worker process as its supervisor sees it: spawned or forked, waited for, told and killed."""

from __future__ import annotations

import atexit
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from asgiserve.process.child_process import child_command
from asgiserve.process.early_signals import ignore_late_signals
from asgiserve.process.exit_guard import flush_output, leave_output
from asgiserve.process.signal_handlers import fork_process
from asgiserve.worker.channel import Channel

if TYPE_CHECKING:
    from asgiserve.worker.spec import WorkerOrder

__all__ = ["HELD_SIGNALS", "ForkedChild", "WorkerProcess"]

logger = logging.getLogger("asgiserve.error")

# What would kill or stop a process that has no handler for it yet; `run_worker` lets them through.
HELD_SIGNALS = frozenset(
    getattr(signal, name)
    for name in ("SIGINT", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGTTIN", "SIGTTOU")
    if hasattr(signal, name)
)

# A process that is killed is gone as soon as the system comes to it; not if it waits for a disk.
KILL_POLL_S = 0.001
KILL_TIMEOUT_S = 1.0


class WorkerProcess:
    """One process that serves; made by ``spawn``, ``prepare``, ``fork`` or a `ForkServerProcess`.

    Attributes:
        pid: its process id; stays valid until ``poll`` has told its end.
        channel: its messages; at its end the process is gone, or about to be.
        slot: its place among its like; -1 before it has its order.
        started_s: when it was started, or was given its order, by the monotonic clock.
    """

    def __init__(self, child: SpawnedChild | ForkedChild, channel: Channel, slot: int = -1) -> None:
        self.pid = child.pid
        self.channel = channel
        self.slot = slot
        self.started_s = time.monotonic()
        self._child = child

    @classmethod
    def prepare(cls, fds: Sequence[int], *, entry: str = "worker") -> WorkerProcess:
        """Start a new interpreter, which imports the server and waits for its order, by ``begin``.

        Args:
            fds: what the order may name.
            entry: ``worker``, or ``forks`` for a process that forks workers.

        Raises:
            OSError: the system does not let us start a process.
        """
        ours, theirs = Channel.pair()
        try:
            with held_signals():
                child = SpawnedChild([theirs.fileno(), *fds], entry)
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        ours.send_path(sys.path)
        return cls(child, ours)

    def begin(self, order: WorkerOrder) -> None:
        """Have a process that waits serve as *order* says.

        Raises:
            ConfigError: the order cannot go to another process, which is gone by then.
        """
        self.slot = order.slot
        self.started_s = time.monotonic()
        try:
            self.channel.send_order(order)
        except BaseException:
            self.end()
            raise

    @classmethod
    def spawn(cls, order: WorkerOrder) -> WorkerProcess:
        """Start a new interpreter that serves *order*; this process imports no application.

        Raises:
            OSError: the system does not let us start a process.
            ConfigError: the order cannot go to another process.
        """
        worker = cls.prepare(order.fds)
        worker.begin(order)
        return worker

    @classmethod
    def fork(
        cls, order: WorkerOrder, app: Any, *, leave: Callable[[], None] | None = None
    ) -> WorkerProcess:
        """Fork this process, and have the child serve *app*, which was loaded here.

        Args:
            leave: called in the child, first of all: to close what is the supervisor's alone.

        Raises:
            OSError: the system does not let us start a process.
        """
        ours, theirs = Channel.pair()
        # Or what is left in a buffer is written twice.
        flush_output()
        with held_signals():
            try:
                pid = fork_process()
            except OSError:
                ours.close()
                theirs.close()
                raise
            if pid == 0:
                ours.close()
                end_child(order, theirs, app, leave)
        theirs.close()
        return cls(ForkedChild(pid), ours, order.slot)

    def poll(self) -> int | None:
        """The exit status, negative for a signal; None while the process lives."""
        return self._child.poll()

    def send(self, order: str) -> None:
        """Give one of the orders of a running worker: ``stop``, ``force``, ``report``, ..."""
        self.channel.send({"order": order})

    def kill(self, signal_number: int) -> None:
        """Send a signal, unless the process has ended."""
        # Not after its end: the number may be another process's by now.
        if self.poll() is None:
            try:
                os.kill(self.pid, signal_number)
            except ProcessLookupError:
                pass

    def end(self) -> None:
        """Kill it, and wait a moment until it is gone."""
        self.kill(signal.SIGKILL)
        deadline_s = time.monotonic() + KILL_TIMEOUT_S
        while self.poll() is None and time.monotonic() < deadline_s:
            time.sleep(KILL_POLL_S)
        self.close()

    def close(self) -> None:
        """Close our end of the channel; a worker that still lives stops by itself."""
        self.channel.close()


class SpawnedChild:
    """A child with an interpreter of its own.

    Args:
        fds: all that it inherits, and is told of; the first one is its end of the channel.
    """

    def __init__(self, fds: Sequence[int], entry: str) -> None:
        self._process = subprocess.Popen(child_command(entry, *map(str, fds)), pass_fds=fds)
        self.pid = self._process.pid

    def poll(self) -> int | None:
        """As `WorkerProcess.poll`."""
        return self._process.poll()


class ForkedChild:
    """A child that is a copy of this process."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._status: int | None = None

    def poll(self) -> int | None:
        """As `WorkerProcess.poll`."""
        if self._status is None:
            try:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:
                # Somebody else has waited for it, and knows how it ended.
                self._status = 255
                return self._status
            if pid:
                self._status = os.waitstatus_to_exitcode(status)
        return self._status


def end_child(
    order: WorkerOrder, channel: Channel, app: Any, leave: Callable[[], None] | None
) -> None:
    """Serve in a forked child, and end it; does not return, nor raise."""
    status = 1
    try:
        if leave is not None:
            leave()
        forget_processes()
        from asgiserve.worker.entry import run_worker

        status = run_worker(order, channel, app)
    except BaseException:
        logger.exception("Exception in worker process %d", os.getpid())
    finally:
        # By hand: an ordinary end would unwind the supervisor's stack, and stop what it guards.
        try:
            end_interpreter()
        finally:
            os._exit(status)


def forget_processes() -> None:
    """Leave processes that multiprocessing has started alone: they are the parent's.

    At exit it would end those that are daemons. It forgets them in children of its own, too.
    """
    processes: Any = sys.modules.get("multiprocessing.process")
    if processes is not None:
        processes._children = set()


def end_interpreter() -> None:
    """Do what Python does at the end of a process, in its order."""
    ignore_late_signals()
    # Threads that are no daemons end by themselves, after those of executors were told to. What
    # multiprocessing calls in its children, too.
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    leave_output()


@contextmanager
def held_signals() -> Iterator[None]:
    """Hold HELD_SIGNALS back, here until the end, and in a child started here until it is ready."""
    previous = signal.pthread_sigmask(signal.SIG_BLOCK, HELD_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, previous)
