"""A host for the pool without processes: tests say what workers do, and move the clock."""

from __future__ import annotations

import signal
from dataclasses import dataclass, field
from typing import Any

from asgiserve.config.config import Config
from asgiserve.process.stats import ProcessStats
from asgiserve.supervisor.pool_worker import PoolWorker, State
from asgiserve.supervisor.process_pool import ProcessPool


@dataclass(eq=False)
class FakeProcess:
    """A process that does what its test says."""

    pid: int
    slot: int
    started_s: float
    orders: list[str] = field(default_factory=list)
    signals: list[int] = field(default_factory=list)
    cpu_s: float = 0.0
    resident_bytes: int = 1000

    def send(self, order: str) -> None:
        self.orders.append(order)

    def kill(self, signal_number: int) -> None:
        self.signals.append(signal_number)


class FakeHost:
    """A pool on a manual clock, with processes that come up when ``make_ready`` is called."""

    def __init__(self, workers: int = 2, *, draw: float = 0.0, **options: Any) -> None:
        self.now_s = 1000.0
        self.processes: list[FakeProcess] = []
        self.places: list[int] = []
        self.explained: list[PoolWorker] = []
        self.completed = 0
        self.restarted = 0
        self.start_error: Exception | None = None
        self.is_able = True
        self.config = Config("main:app", workers=workers, **options)
        self.pool = ProcessPool(self.config, self, clock=lambda: self.now_s, draw=lambda: draw)

    # --- what the pool calls ----------------------------------------------------------------------

    def start_process(self, config: Config, slot: int, place: int) -> FakeProcess | None:
        if self.start_error is not None:
            raise self.start_error
        if not self.is_able:
            return None
        process = FakeProcess(100 + len(self.processes), slot, self.now_s)
        self.processes.append(process)
        self.places.append(place)
        return process

    def read_stats(self, pid: int) -> ProcessStats | None:
        process = self.processes[pid - 100]
        return ProcessStats(process.cpu_s, process.resident_bytes)

    def explain(self, worker: PoolWorker) -> None:
        self.explained.append(worker)

    def on_complete(self) -> None:
        self.completed += 1

    def on_restarted(self) -> None:
        self.restarted += 1

    # --- what a test says -------------------------------------------------------------------------

    def start(self) -> list[PoolWorker]:
        """The first round: all workers are started, and become ready."""
        self.pool.tick()
        self.make_ready()
        return list(self.pool.workers)

    def make_ready(self) -> list[PoolWorker]:
        """Whoever is starting becomes ready; those."""
        starting = [worker for worker in self.pool.workers if worker.state is State.STARTING]
        for worker in starting:
            self.pool.on_message(worker, {"kind": "ready"})
        self.pool.tick()
        return starting

    def beat(self, *workers: PoolWorker) -> None:
        """*workers*, or all that are ready, beat."""
        for worker in workers or list(self.pool.workers):
            if worker.state in (State.READY, State.DRAINING):
                self.pool.on_message(worker, {"kind": "beat"})

    def advance(self, seconds: float, *, stuck: tuple[PoolWorker, ...] = ()) -> None:
        """Let time pass in small steps, in which all workers beat but *stuck*."""
        steps = max(round(seconds / 0.1), 1)
        for _ in range(steps):
            self.now_s += seconds / steps
            for worker in list(self.pool.workers):
                if worker not in stuck:
                    self.beat(worker)
            self.pool.tick()

    def end(self, worker: PoolWorker, status: int = 0) -> None:
        """The process of *worker* ends."""
        self.pool.on_exit(worker, status)
        self.pool.tick()

    def starting(self) -> list[PoolWorker]:
        return [worker for worker in self.pool.workers if worker.state is State.STARTING]

    def ready(self) -> list[PoolWorker]:
        return [worker for worker in self.pool.workers if worker.state is State.READY]

    def draining(self) -> list[PoolWorker]:
        return [worker for worker in self.pool.workers if worker.state is State.DRAINING]


def orders(worker: PoolWorker) -> list[str]:
    """What *worker* was told."""
    process = worker.process
    assert isinstance(process, FakeProcess)
    return process.orders


def was_killed(worker: PoolWorker) -> bool:
    """Whether *worker* got SIGKILL."""
    process = worker.process
    assert isinstance(process, FakeProcess)
    return signal.SIGKILL in process.signals
