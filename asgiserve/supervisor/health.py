"""Which workers shall be replaced: those that stand still, are too old, or too large."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Protocol

from asgiserve.process.stats import ProcessStats
from asgiserve.supervisor.heartbeat import Pulse, Verdict
from asgiserve.supervisor.pool_worker import PoolWorker, Reason, State

__all__ = ["HealthCheck", "Witness"]

logger = logging.getLogger("asgiserve.error")

# How often resident sizes are looked at.
SIZE_INTERVAL_S = 5.0
# Lifetimes are shorter by up to this part of them, so that workers do not go all at once.
LIFETIME_JITTER = 0.1


class Witness(Protocol):
    """What has to be asked of the system."""

    def read_stats(self, pid: int) -> ProcessStats | None:
        """What the process *pid* has used."""

    def explain(self, worker: PoolWorker) -> None:
        """Log what *worker*, whose event loop stands still, is doing."""


class HealthCheck:
    """Looks at workers that serve, and notes at each why it shall be replaced, if it shall.

    Args:
        draw: gives a number from 0 to 1, by chance.
    """

    def __init__(self, witness: Witness, now_s: float, draw: Callable[[], float]) -> None:
        self._witness = witness
        self._draw = draw
        self._next_sizes_s = now_s + SIZE_INTERVAL_S

    def on_ready(self, worker: PoolWorker, now_s: float) -> None:
        """*worker* serves from now on."""
        config, pid = worker.config, worker.process.pid
        worker.pulse = Pulse(config.timeout_worker_healthcheck, lambda: self._cpu_s(pid), now_s)
        if config.worker_max_lifetime is not None:
            lifetime_s = config.worker_max_lifetime * (1 - LIFETIME_JITTER * self._draw())
            worker.expires_s = now_s + lifetime_s

    def on_beat(self, worker: PoolWorker, now_s: float) -> None:
        """The event loop of *worker* has turned."""
        pulse = worker.pulse
        if pulse is None:
            return
        if pulse.is_late:
            logger.warning(
                "%s goes on after having stood still for %.1f s", worker, pulse.silence_s(now_s)
            )
        pulse.beat(now_s)

    def forgive(self, workers: Iterable[PoolWorker], seconds: float, now_s: float) -> None:
        """Hold nothing against *workers* that happened while nobody looked."""
        for worker in workers:
            worker.kill_s += seconds
            if worker.pulse is not None:
                worker.pulse.forgive(seconds, now_s)

    def check(self, workers: Iterable[PoolWorker], now_s: float) -> None:
        """Look at those of *workers* that serve."""
        has_to_weigh = now_s >= self._next_sizes_s
        if has_to_weigh:
            self._next_sizes_s = now_s + SIZE_INTERVAL_S
        for worker in workers:
            if worker.state is State.STARTING:
                self._check_start(worker, now_s)
            if worker.state is not State.READY:
                continue
            self._check_pulse(worker, now_s)
            if now_s >= worker.expires_s:
                retire(worker, f"worker_max_lifetime of {worker.config.worker_max_lifetime:g} s")
            if has_to_weigh:
                self._check_size(worker)

    def _check_start(self, worker: PoolWorker, now_s: float) -> None:
        """Say once that a start takes long; how long it may take is the application's to know."""
        duration_s = now_s - worker.process.started_s
        if worker.has_begun and duration_s >= worker.config.timeout_worker_healthcheck:
            worker.has_begun = False
            logger.warning("%s has been starting for %.0f s", worker, duration_s)
            self._witness.explain(worker)

    def _check_pulse(self, worker: PoolWorker, now_s: float) -> None:
        pulse = worker.pulse
        verdict = Verdict.SAME if pulse is None else pulse.check(now_s)
        if pulse is None or verdict is Verdict.SAME:
            return
        silence_s = pulse.silence_s(now_s)
        if verdict is Verdict.LATE:
            logger.warning(
                "%s is late: its event loop has stood still for %.1f s", worker, silence_s
            )
            self._witness.explain(worker)
            return
        logger.error(
            "%s is stuck: its event loop has stood still for %.1f s, and it %s; replacing it",
            worker,
            silence_s,
            "computes" if pulse.is_busy(now_s) else "uses no CPU time",
        )
        worker.reason = Reason.STUCK

    def _check_size(self, worker: PoolWorker) -> None:
        limit_bytes = worker.config.worker_max_rss
        if limit_bytes is None:
            return
        stats = self._witness.read_stats(worker.process.pid)
        if stats is not None and stats.resident_bytes > limit_bytes:
            retire(worker, f"its {stats.resident_bytes >> 20} MiB are above worker_max_rss")

    def _cpu_s(self, pid: int) -> float | None:
        stats = self._witness.read_stats(pid)
        return None if stats is None else stats.cpu_s


def retire(worker: PoolWorker, why: str) -> None:
    """Note that *worker* has served its time, unless it shall be replaced already."""
    if worker.state is State.READY and worker.reason is None:
        logger.info("Replacing %s: %s", worker, why)
        worker.reason = Reason.RETIRED
