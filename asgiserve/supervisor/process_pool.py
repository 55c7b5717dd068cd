"""The workers of a supervisor, and every decision about them; nothing here waits or does I/O.

Who starts processes and reads messages is the host; it tells the pool what happened, then calls
``tick``, in which the pool acts on what it knows.
"""

from __future__ import annotations

import logging
import math
import random
import signal
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from asgiserve.errors import FAILURE, STARTUP_FAILURE, USAGE_ERROR, AsgiserveError
from asgiserve.supervisor.health import HealthCheck, Witness, retire
from asgiserve.supervisor.pool_worker import (
    EXIT_MARGIN_S,
    PoolWorker,
    Process,
    Reason,
    State,
    describe_end,
    force_time_s,
    stop_time_s,
)
from asgiserve.supervisor.respawn_delay import SOON_S, RespawnDelay

if TYPE_CHECKING:
    from asgiserve.config.config import Config

__all__ = ["Host", "ProcessPool"]

logger = logging.getLogger("asgiserve.error")

# A worker that is dead to all appearances gets so long to stop, once its successor serves.
STUCK_GRACE_S = 2.0
# Ticks that are further apart mean that this process, or the machine, has not run meanwhile.
MAX_TICK_GAP_S = 1.0


class Host(Witness, Protocol):
    """What the pool has done outside of it."""

    def start_process(self, config: Config, slot: int, place: int) -> Process | None:
        """Start a worker; None: that is not possible yet, but will be soon.

        Raises:
            OSError: the system does not let us.
            AsgiserveError: *config* does not let us.
        """

    def on_complete(self) -> None:
        """The first round is over: all workers are ready."""

    def on_restarted(self) -> None:
        """A restart has ended, well or not."""


class ProcessPool:
    """Keeps a number of workers going.

    Args:
        config: of the workers to come.
        host: does what takes a system.
        clock: gives seconds.
        draw: gives a number from 0 to 1, by chance.

    Attributes:
        workers: those whose processes have not ended.
        size: how many shall serve.
        is_stopping: no worker is started any more.
        exit_status: what the supervisor's process ends with.
    """

    def __init__(
        self,
        config: Config,
        host: Host,
        *,
        clock: Callable[[], float] = time.monotonic,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self.config = config
        self.size = config.workers or 1
        self.workers: list[PoolWorker] = []
        self.is_stopping = False
        self.exit_status = 0
        self._host = host
        self._clock = clock
        self._health = HealthCheck(host, clock(), draw)
        self._delay = RespawnDelay()
        self._last_tick_s = clock()
        self._generation = 0
        self._is_first_round = True
        self._is_restarting = False
        # How often it was asked to stop, and until when the drain_delay lasts.
        self._urgency = 0
        self._delay_end_s = 0.0

    @property
    def is_over(self) -> bool:
        """All is stopped."""
        return self.is_stopping and not self.workers

    @property
    def is_manned(self) -> bool:
        """After the first round, each place has one worker, ready or on its way there."""
        return (
            not self._is_first_round
            and len(self.workers) == self.size
            and all(worker.is_standing and worker.reason is None for worker in self.workers)
        )

    @property
    def is_calm(self) -> bool:
        """No worker comes or goes, or should."""
        return self.is_manned and self._count_ready() == self.size

    @property
    def places(self) -> set[int]:
        """Where a worker accepts, or will again."""
        used = {worker.place for worker in self.workers if worker.state is not State.DRAINING}
        return used.union(range(self.size))

    # --- what happens -----------------------------------------------------------------------------

    def on_message(self, worker: PoolWorker, message: dict[str, Any]) -> None:
        """*worker* has sent *message*."""
        kind = message.get("kind")
        if kind == "started":
            worker.has_begun = True
        elif kind == "ready":
            worker.stack = message.get("stack", "")
            self._on_ready(worker)
        elif kind == "beat":
            worker.beat = message
            self._on_beat(worker)
        elif kind == "retire":
            retire(worker, str(message.get("reason")))
        elif kind == "failed":
            worker.failure = message

    def on_end(self, worker: PoolWorker) -> None:
        """The channel of *worker* has ended; its process should end now."""
        worker.kill_s = min(worker.kill_s, self._clock() + stop_time_s(worker.config))

    def on_exit(self, worker: PoolWorker, status: int) -> None:
        """The process of *worker* has ended; *status* is negative for a signal."""
        state, worker.state = worker.state, State.GONE
        self.workers.remove(worker)
        successor = self._successor_of(worker)
        if successor is not None:
            successor.replaces = None
        if state is State.DRAINING:
            self._on_stopped(worker, status)
        elif state is State.STARTING:
            reason = (worker.failure or {}).get("reason") or describe_end(status)
            logger.error("%s could not start: %s", worker, reason)
            self._on_failed_start(worker, status)
        else:
            logger.error("%s %s: starting another", worker, describe_end(status))
            if self._clock() - worker.ready_s < SOON_S:
                self._on_early_death(worker.start_round)
                if worker.generation == self._generation:
                    self._break_restart_off()

    def tick(self) -> None:
        """Act on what has changed, time included; to be called often."""
        now_s = self._clock()
        gap_s = now_s - self._last_tick_s
        self._last_tick_s = now_s
        if gap_s > MAX_TICK_GAP_S:
            self._health.forgive(self.workers, gap_s, now_s)
        for worker in self.workers:
            if now_s >= worker.kill_s:
                logger.error("Killing worker process %d: it did not stop", worker.process.pid)
                self._kill(worker)
        if self.is_stopping:
            return
        for worker in self.workers:
            if now_s - worker.ready_s >= SOON_S:
                self._delay.on_long_life(worker.start_round)
        self._health.check(self.workers, now_s)
        self._fill()
        self._replace()
        if self._is_restarting and all(
            worker.generation == self._generation for worker in self._standing()
        ):
            logger.info("Rolling restart complete (%d workers)", self.size)
            self._end_restart()

    # --- what the operator wants ------------------------------------------------------------------

    def restart(self, config: Config) -> None:
        """Replace all workers, one after the other, by new ones with *config*."""
        if config.workers != self.config.workers:
            self.size = config.workers or 1
        self.config = config
        self._generation += 1
        self._is_restarting = True
        self._delay.reset()
        for worker in self._standing():
            # One that is stuck is replaced anyway, and does not wait for its turn.
            if worker.reason is not Reason.STUCK:
                worker.reason = Reason.RESTART

    def resize(self, change: int) -> None:
        """Have *change* workers more, or fewer if it is negative, but one at least."""
        self.size = max(self.size + change, 1)
        logger.info("Workers wanted from now on: %d", self.size)

    def stop(self) -> None:
        """Stop in order; a second call does not wait for requests, a third kills.

        Where there is a drain_delay, another call while it lasts ends it.
        """
        self.is_stopping = True
        if self._clock() < self._delay_end_s:
            self._delay_end_s = 0.0
            for worker in self.workers:
                worker.process.send("hurry")
            return
        self._urgency += 1
        if self._urgency == 1:
            self._delay_end_s = self._clock() + self.config.drain_delay
        for worker in self.workers:
            if self._urgency == 1:
                self._dismiss(worker)
            elif self._urgency == 2:
                worker.process.send("force")
                limit_s = self._clock() + force_time_s(worker.config)
                worker.kill_s = min(worker.kill_s, limit_s)
            else:
                self._kill(worker)

    def step_down(self) -> None:
        """Stop, since others serve on at the same sockets."""
        self.is_stopping = True
        for worker in self.workers:
            self._dismiss(worker, is_replaced=True)

    # --- reactions --------------------------------------------------------------------------------

    def _on_ready(self, worker: PoolWorker) -> None:
        if worker.state is State.DRAINING and worker.ready_s == math.inf:
            # The order to stop came too late to spare it a start: it may have connections.
            worker.ready_s = self._clock()
            worker.kill_s = worker.ready_s + self._time_to_stop_s(worker)
        if worker.state is not State.STARTING:
            return
        worker.state = State.READY
        worker.ready_s = self._clock()
        self._health.on_ready(worker, worker.ready_s)
        if worker.generation != self._generation and self._is_restarting:
            worker.reason = Reason.RESTART
        old, worker.replaces = worker.replaces, None
        if old is not None:
            logger.info("%s replaces %s", worker, old)
            self._dismiss(old, is_replaced=True)
        if self._is_first_round and self._count_ready() >= self.size:
            self._is_first_round = False
            self._host.on_complete()

    def _on_beat(self, worker: PoolWorker) -> None:
        was_stuck = worker.is_stuck
        self._health.on_beat(worker, self._clock())
        if was_stuck and worker.state is State.DRAINING:
            # It was taken for dead; now it gets the time that any other gets.
            worker.kill_s = self._clock() + stop_time_s(worker.config)
        if worker.reason is Reason.STUCK:
            is_old = worker.generation != self._generation and self._is_restarting
            worker.reason = Reason.RESTART if is_old else None
            successor = self._successor_of(worker)
            if successor is not None and not is_old:
                successor.replaces = None

    def _on_stopped(self, worker: PoolWorker, status: int) -> None:
        if status == 0:
            logger.debug("%s has stopped", worker)
            return
        if not worker.was_killed:
            logger.warning("%s %s", worker, describe_end(status))
        # One that never was ready has no shutdown to fail.
        if self.is_stopping and worker.ready_s != math.inf:
            self.exit_status = self.exit_status or FAILURE

    def _on_failed_start(self, worker: PoolWorker, status: int) -> None:
        if worker.is_first:
            self._give_up(USAGE_ERROR if status == USAGE_ERROR else STARTUP_FAILURE)
            return
        self._on_early_death(worker.start_round)
        # If there was another restart meanwhile, its workers may do better.
        if worker.generation == self._generation:
            self._break_restart_off()

    def _give_up(self, status: int) -> None:
        if not self.is_stopping:
            self.exit_status = status
            self.stop()

    def _on_early_death(self, start_round: int) -> None:
        delay_s = self._delay.on_early_death(start_round, self._clock())
        if delay_s:
            logger.error("Workers die soon after their start: the next one in %g s", delay_s)

    def _break_restart_off(self) -> None:
        """New workers do not last: go on with those of before, if any are left, as they are."""
        old = [worker for worker in self.workers if worker.reason is Reason.RESTART]
        if not self._is_restarting or not old:
            return
        for worker in old:
            self.config = worker.config
            worker.reason = None
            successor = self._successor_of(worker)
            if successor is not None:
                self._dismiss(successor)
        logger.error("The restart is broken off: %d workers of before go on", len(old))
        self._end_restart()

    def _end_restart(self) -> None:
        self._is_restarting = False
        self._host.on_restarted()

    # --- decisions --------------------------------------------------------------------------------

    def _fill(self) -> None:
        """Start what is missing, and send away what is too much."""
        standing = self._standing()
        for _ in range(len(standing), self.size):
            taken = {worker.place for worker in self._standing()}
            place = next(place for place in range(self.size) if place not in taken)
            if not self._start(place):
                return
        # Nobody else takes what waits in a socket of the worker's own.
        is_replaced = not self.config.reuse_port
        for worker in sorted(standing, key=surplus_order)[self.size :]:
            self._dismiss(worker, is_replaced=is_replaced)

    def _replace(self) -> None:
        """Start successors: at once for stuck workers, for others one at a time."""
        is_rolling = any(
            worker.replaces is not None and worker.replaces.reason is not Reason.STUCK
            for worker in self.workers
            if worker.state is State.STARTING
        )
        for worker in self._standing():
            if worker.state is not State.READY or worker.reason is None:
                continue
            if self._successor_of(worker) is not None:
                continue
            is_urgent = worker.reason is Reason.STUCK
            if is_urgent or not is_rolling:
                self._start(worker.place, worker)
                is_rolling = is_rolling or not is_urgent

    def _start(self, place: int, replaces: PoolWorker | None = None) -> bool:
        now_s = self._clock()
        if self.is_stopping or not self._delay.is_over(now_s):
            return False
        taken = {worker.process.slot for worker in self.workers}
        slot = next(slot for slot in range(len(taken) + 1) if slot not in taken)
        try:
            process = self._host.start_process(self.config, slot, place)
        except (OSError, AsgiserveError) as error:
            logger.error("Cannot start a worker: %s", error)
            self._on_early_death(self._delay.round)
            if self._is_first_round:
                is_usage = not isinstance(error, OSError)
                self._give_up(USAGE_ERROR if is_usage else STARTUP_FAILURE)
            else:
                self._break_restart_off()
            return False
        if process is None:
            return False
        worker = PoolWorker(
            process,
            place,
            self.config,
            self._generation,
            start_round=self._delay.round,
            is_first=self._is_first_round,
            replaces=replaces,
        )
        self.workers.append(worker)
        return True

    def _dismiss(self, worker: PoolWorker, *, is_replaced: bool = False) -> None:
        """Tell *worker* to stop, and note when to kill it."""
        if worker.state not in (State.STARTING, State.READY):
            return
        pulse, now_s = worker.pulse, self._clock()
        is_dead = pulse is not None and pulse.is_stuck and not pulse.is_busy(now_s)
        worker.state = State.DRAINING
        worker.reason = None
        worker.kill_s = now_s + (STUCK_GRACE_S if is_dead else self._time_to_stop_s(worker))
        worker.process.send("leave" if is_replaced else "stop")

    def _time_to_stop_s(self, worker: PoolWorker) -> float:
        """The longest that *worker*, which was told to stop, may take for it."""
        if worker.ready_s == math.inf:
            # Its startup is cancelled, and there is nothing to finish.
            return EXIT_MARGIN_S
        return (stop_time_s if self._urgency < 2 else force_time_s)(worker.config)

    def _kill(self, worker: PoolWorker) -> None:
        worker.kill_s = math.inf
        worker.was_killed = True
        worker.process.kill(signal.SIGKILL)

    def _count_ready(self) -> int:
        return sum(worker.state is State.READY for worker in self.workers)

    def _standing(self) -> list[PoolWorker]:
        return [worker for worker in self.workers if worker.is_standing]

    def _successor_of(self, worker: PoolWorker) -> PoolWorker | None:
        return next((each for each in self.workers if each.replaces is worker), None)


def surplus_order(worker: PoolWorker) -> tuple[bool, bool, int, float]:
    """Sorts those that should stay before those that may go."""
    return (
        worker.state is State.STARTING,
        worker.reason is not None,
        worker.place,
        worker.process.started_s,
    )
