"""What a supervisor tells a worker first: pickled for a spawned one, kept in memory for a fork."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asgiserve.config.config import Config

__all__ = ["ListenerOrder", "WorkerOrder", "list_fds"]


@dataclass(frozen=True)
class ListenerOrder:
    """A socket that the worker inherits; it listens already.

    Attributes:
        fd: the same number in the worker.
        text: how the log names the address.
    """

    fd: int
    text: str


@dataclass(frozen=True)
class WorkerOrder:
    """All that a worker needs to serve.

    Attributes:
        config: the options, checked by the supervisor.
        listeners: where to accept.
        slot: the worker's place among its like, from 0; a replacement takes it over.
        beat_interval_s: how often the event loop says that it turns.
        stacks_fd: a file that takes the Python stacks when the supervisor asks, which reads it.
        spread_fd: the shared counts of connections; None: connections are not balanced.
    """

    config: Config
    listeners: tuple[ListenerOrder, ...]
    slot: int
    beat_interval_s: float
    stacks_fd: int
    spread_fd: int | None = None

    @property
    def fds(self) -> list[int]:
        """The file descriptors that it names."""
        return [self.stacks_fd, *list_fds(self.listeners, self.spread_fd)]


def list_fds(listeners: Sequence[ListenerOrder], spread_fd: int | None) -> list[int]:
    """The file descriptors of what workers share."""
    return [each.fd for each in listeners] + ([] if spread_fd is None else [spread_fd])
