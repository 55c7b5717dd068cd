"""A fork server as its supervisor sees it: started, waited for, asked for workers."""

from __future__ import annotations

import time
from collections.abc import Sequence

from asgiserve.supervisor.worker_process import ForkedChild, WorkerProcess
from asgiserve.worker.channel import Channel

__all__ = ["ForkServerProcess"]

# It takes some milliseconds: a process that needs longer is no help.
FORK_TIMEOUT_S = 1.0


class ForkServerProcess:
    """One process that forks workers; our process has to adopt orphans.

    Attributes:
        process: it gets no order.
    """

    def __init__(self, process: WorkerProcess) -> None:
        self.process = process
        self._is_ready = False

    @classmethod
    def prepare(cls, fds: Sequence[int]) -> ForkServerProcess:
        """Start it; the orders of its workers may name *fds*.

        Raises:
            OSError: the system does not let us.
        """
        return cls(WorkerProcess.prepare(fds, entry="forks"))

    def is_ready(self) -> bool:
        """Whether it has imported the server, and can fork."""
        if not self._is_ready:
            self._is_ready = bool(self.process.channel.receive())
        return self._is_ready

    def fork(self, stacks_fd: int) -> WorkerProcess:
        """Have it fork a worker, which waits for its order; it has to be ready.

        Args:
            stacks_fd: takes the place of the one that the order names.

        Raises:
            OSError: it does not do so, or not soon enough.
        """
        ours, theirs = Channel.pair()
        try:
            self.process.channel.send_fds([theirs.fileno(), stacks_fd])
            return WorkerProcess(ForkedChild(self._wait_for_pid()), ours)
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()

    def close(self) -> None:
        """Let go of the process, which ends by itself."""
        self.process.close()

    def _wait_for_pid(self) -> int:
        """Wait until it is ready again; the worker that has this process id is our child then."""
        channel = self.process.channel
        deadline_s = time.monotonic() + FORK_TIMEOUT_S
        pid: int | None = None
        while channel.wait(max(deadline_s - time.monotonic(), 0.0)):
            messages = channel.receive()
            if messages is None:
                raise ConnectionResetError("it has ended")
            for message in messages:
                if message["kind"] == "forked":
                    pid = message["pid"]
                elif pid is None:
                    raise OSError("it cannot fork")
                else:
                    return pid
        raise TimeoutError(f"it did not fork in {FORK_TIMEOUT_S:g} s")
