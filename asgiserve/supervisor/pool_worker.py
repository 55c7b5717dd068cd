"""What the pool of processes knows of one worker."""

from __future__ import annotations

import math
import signal
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from asgiserve.config.config import Config
    from asgiserve.supervisor.heartbeat import Pulse

__all__ = [
    "EXIT_MARGIN_S",
    "PoolWorker",
    "Process",
    "Reason",
    "State",
    "describe_end",
    "force_time_s",
    "stop_time_s",
]

# What a worker gets beyond its grace period to cancel, to unwind, and to end its interpreter.
EXIT_MARGIN_S = 3.0


class State(Enum):
    """Where in its life a worker is."""

    #: Its process runs, but accepts no connections yet.
    STARTING = "starting"
    #: It accepts connections.
    READY = "ready"
    #: It was told to stop.
    DRAINING = "draining"
    #: Its process has ended.
    GONE = "gone"


class Reason(Enum):
    """Why a worker shall be replaced."""

    RESTART = "restart"
    RETIRED = "retired"
    STUCK = "stuck"


class Process(Protocol):
    """What the pool needs of a `WorkerProcess`."""

    pid: int
    slot: int
    started_s: float

    def send(self, order: str) -> None: ...

    def kill(self, signal_number: int) -> None: ...


@dataclass(eq=False)
class PoolWorker:
    """One worker of the pool.

    Attributes:
        place: which of the sets of sockets it has, where workers have sockets of their own.
        config: what it was started with.
        generation: which restart it was started by, or after.
        start_round: the round of `RespawnDelay` that it was started in.
        is_first: started in the first round, whose failure ends the server.
        replaces: whose place it shall take once it is ready.
        pulse: None before it is ready.
        reason: why it shall be replaced, or None.
        expires_s: when it has served its time.
        kill_s: when to kill it.
        has_begun: it can be asked what it does, and has not been asked yet why it starts so long.
        failure: what it said before it ended because it could not start.
        beat: what it told last.
        stack: column, event loop and Python that it runs; "" before it is ready.
        was_killed: the supervisor has killed it.
    """

    process: Process
    place: int
    config: Config
    generation: int = 0
    start_round: int = 0
    is_first: bool = False
    replaces: PoolWorker | None = None
    state: State = State.STARTING
    ready_s: float = math.inf
    pulse: Pulse | None = None
    reason: Reason | None = None
    expires_s: float = math.inf
    kill_s: float = math.inf
    has_begun: bool = False
    failure: dict[str, Any] | None = None
    beat: dict[str, Any] | None = None
    stack: str = ""
    was_killed: bool = False

    def __str__(self) -> str:
        return f"Worker {self.process.slot + 1} (pid {self.process.pid})"

    @property
    def is_standing(self) -> bool:
        """It counts as one of the number that is wanted: neither a successor nor leaving."""
        return self.state in (State.STARTING, State.READY) and self.replaces is None

    @property
    def is_stuck(self) -> bool:
        """Its event loop stands still."""
        return self.pulse is not None and self.pulse.is_stuck


def stop_time_s(config: Config) -> float:
    """The longest that an orderly stop takes; infinite where an option says so."""
    parts = (config.timeout_graceful_shutdown, config.timeout_lifespan_shutdown)
    return config.drain_delay + EXIT_MARGIN_S + sum(math.inf if s is None else s for s in parts)


def force_time_s(config: Config) -> float:
    """The longest that a stop takes which does not wait for requests."""
    limit_s = config.timeout_lifespan_shutdown
    return EXIT_MARGIN_S + (math.inf if limit_s is None else limit_s)


def describe_end(status: int) -> str:
    """How a process ended; *status* is negative for a signal."""
    if status >= 0:
        return f"ended with status {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = f"signal {-status}"
    return f"was killed by {name}"
