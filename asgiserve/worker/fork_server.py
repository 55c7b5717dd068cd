"""A process that has imported the server and forks workers, which then need not import it.

The supervisor asks for each worker with what is that worker's alone: its end of a channel, and the
file for its stacks. Who forks it ends at once, so that it becomes a child of the supervisor.
"""

from __future__ import annotations

import gc
import os

from asgiserve.process.signal_handlers import fork_process
from asgiserve.worker.channel import Channel

__all__ = ["serve_forks"]


def serve_forks(channel: Channel) -> tuple[Channel, int]:
    """Fork as the supervisor asks; returns in the workers alone.

    Returns:
        What is the worker's: its channel, and the file descriptor for its stacks.

    Raises:
        EOFError: the supervisor is gone.
    """
    gc.collect()
    # Collecting writes to what it looks at; what is frozen stays shared.
    gc.freeze()
    while True:
        channel.send({"kind": "ready"})
        channel_fd, stacks_fd = channel.receive_fds(2)
        try:
            parent = fork_process()
        except OSError:
            parent = -1
        if parent == 0:
            fork_and_end(channel)
            channel.close()
            return Channel.from_fd(channel_fd), stacks_fd
        if parent > 0:
            os.waitpid(parent, 0)
        # Or the supervisor would not see the end of the worker.
        os.close(channel_fd)
        os.close(stacks_fd)


def fork_and_end(channel: Channel) -> None:
    """Fork, tell the process id and end; returns in the child alone."""
    try:
        pid = fork_process()
    except OSError:
        os._exit(1)
    if pid:
        channel.send({"kind": "forked", "pid": pid})
        os._exit(0)
