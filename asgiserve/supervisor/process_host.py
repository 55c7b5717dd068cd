"""The processes of a pool: started, listened to, waited for, and asked what they are doing."""

from __future__ import annotations

import logging
import selectors
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from asgiserve.net.spread import Spread
from asgiserve.process.stack_file import StackFile
from asgiserve.process.stats import ProcessStats, read_stats
from asgiserve.supervisor.pool_worker import PoolWorker, State
from asgiserve.supervisor.process_pool import ProcessPool
from asgiserve.supervisor.standby import Mate, Spare
from asgiserve.supervisor.worker_process import WorkerProcess
from asgiserve.worker.spec import WorkerOrder, list_fds

if TYPE_CHECKING:
    from asgiserve.config.config import Config
    from asgiserve.supervisor.listener_sets import ListenerSets

__all__ = ["Crew"]

logger = logging.getLogger("asgiserve.error")

MAX_BEAT_INTERVAL_S = 1.0
# How many beats make the time after which a worker counts as stuck.
BEATS_PER_TIMEOUT = 10
# What a stuck worker gets to tell requests and stacks: it asks its event loop first, for 0.25 s.
ANSWER_S = 1.0
# And to have its main thread's stack written by a signal, when it could not.
SIGNAL_ANSWER_S = 0.2
# Room for successors beside all workers, and for more workers by SIGTTIN.
SPARE_SLOTS = 32
TICK_S = 0.5
# While something changes.
SHORT_TICK_S = 0.1
# While workers wait for a process that is to fork them: it is ready in some tenths of a second.
IMPORT_TICK_S = 0.01


@dataclass
class Question:
    """What *worker* was asked to tell, which will be logged at *due_s*, or when it has told."""

    worker: PoolWorker
    due_s: float
    requests: list[str] | None = None
    was_signalled: bool = False


class Crew:
    """The host of a `ProcessPool`.

    Args:
        listeners: where the workers accept.
        selector: waits for the channels too; the data of a channel is a function to call.
        can_fork: orphans become our children.
        on_complete: called when all workers of the first round are ready.
        on_restarted: called when a restart has ended.

    Attributes:
        pool: decides.
        app: for workers that are forked: the application, loaded.
    """

    def __init__(
        self,
        config: Config,
        listeners: ListenerSets,
        selector: selectors.BaseSelector,
        *,
        can_fork: bool,
        on_complete: Callable[[], None],
        on_restarted: Callable[[], None],
    ) -> None:
        self.app: Any = None
        self.on_complete = on_complete
        self.on_restarted = on_restarted
        self._listeners = listeners
        self._selector = selector
        self._mates: dict[int, Mate] = {}
        self._questions: list[Question] = []
        self._spread: Spread | None = None
        self._spare = Spare(can_fork=can_fork)
        self._next_reap_s = 0.0
        self.pool = ProcessPool(config, self)

    @property
    def pids(self) -> set[int]:
        """The process ids of all that has been started and not been waited for."""
        return self._mates.keys() | self._spare.pids

    @property
    def tick_s(self) -> float:
        """How soon ``tick`` is to be called again, unless something happens before."""
        if self._spare.is_importing:
            return IMPORT_TICK_S
        if self._questions or not self.pool.is_calm:
            return SHORT_TICK_S
        return min(TICK_S, self.pool.config.timeout_worker_healthcheck / BEATS_PER_TIMEOUT)

    # --- what the supervisor calls ----------------------------------------------------------------

    def reap(self) -> None:
        """See which processes have ended."""
        self._next_reap_s = time.monotonic() + TICK_S
        for worker in list(self.pool.workers):
            process = self._mates[worker.process.pid].process
            status = process.poll()
            if status is None:
                process.channel.flush()
                continue
            # What it said last.
            self._read(process)
            self.pool.on_exit(worker, status)
            self._discard(process)

    def tick(self) -> None:
        """Have the pool decide, and log what workers have told."""
        now_s = time.monotonic()
        if now_s >= self._next_reap_s:
            self.reap()
        for question in list(self._questions):
            if question.requests is None and now_s < question.due_s:
                continue
            if question.requests is None and not question.was_signalled:
                # Something holds its interpreter, so only a signal reaches it.
                question.was_signalled = True
                question.due_s = now_s + SIGNAL_ANSWER_S
                question.worker.process.kill(signal.SIGUSR2)
                continue
            self._questions.remove(question)
            self._log_answer(question)
        self._tend_spare()
        self.pool.tick()
        if self.pool.config.reuse_port and not self.pool.is_stopping:
            self._listeners.keep(self.pool.places)

    def send(self, order: str) -> None:
        """Give *order* to all workers."""
        for worker in self.pool.workers:
            worker.process.send(order)

    def renew(self) -> None:
        """Have workers to come import all anew."""
        self._spare.discard()

    def close(self) -> None:
        """Let go of the workers; those that still live stop by themselves."""
        self._spare.discard()
        for mate in list(self._mates.values()):
            self._discard(mate.process)
        if self._spread is not None:
            self._spread.close()

    # --- what the pool calls ----------------------------------------------------------------------

    def start_process(self, config: Config, slot: int, place: int) -> WorkerProcess | None:
        """As `Host.start_process`."""
        timeout_s = config.timeout_worker_healthcheck
        listeners = self._listeners.order_for(place)
        spread_fd = self._find_spread_fd(config, slot)
        make_order = partial(
            WorkerOrder,
            config=config,
            listeners=listeners,
            slot=slot,
            beat_interval_s=min(timeout_s / BEATS_PER_TIMEOUT, MAX_BEAT_INTERVAL_S),
            spread_fd=spread_fd,
        )
        mate: Mate | None
        if config.preload:
            mate = self._fork(make_order, place)
        else:
            mate = self._spawn(make_order, list_fds(listeners, spread_fd))
        if mate is None:
            return None
        process = mate.process
        self._mates[process.pid] = mate
        self._selector.register(process.channel, selectors.EVENT_READ, partial(self._read, process))
        return process

    def read_stats(self, pid: int) -> ProcessStats | None:
        """As `Witness.read_stats`."""
        return read_stats(pid)

    def explain(self, worker: PoolWorker) -> None:
        """As `Witness.explain`: ask for requests and stacks, and log them a little later."""
        mate = self._mates[worker.process.pid]
        mate.stacks.clear()
        mate.process.send("report")
        self._questions.append(Question(worker, time.monotonic() + ANSWER_S))

    # --- messages ---------------------------------------------------------------------------------

    def _read(self, process: WorkerProcess) -> None:
        """Pass on what *process* has sent."""
        worker = next((each for each in self.pool.workers if each.process is process), None)
        messages = process.channel.receive()
        if messages is None:
            self._unregister(process)
            if worker is not None:
                self.pool.on_end(worker)
            return
        for message in messages:
            if worker is None:
                continue
            if message.get("kind") == "report":
                self._note_report(worker, message)
            else:
                self.pool.on_message(worker, message)

    def _note_report(self, worker: PoolWorker, message: dict[str, Any]) -> None:
        for question in self._questions:
            if question.worker is worker:
                requests = message.get("requests")
                question.requests = requests if isinstance(requests, list) else []

    def _log_answer(self, question: Question) -> None:
        worker = question.worker
        if worker.state is State.GONE:
            return
        if worker.state is State.STARTING:
            requests = "its start"
        elif question.requests is None:
            requests = "what it does not tell, so something holds the interpreter"
        else:
            requests = "; ".join(question.requests) or "no request"
        stacks = self._mates[worker.process.pid].stacks.read() or "(not told)"
        logger.warning("%s has in flight: %s\nIts threads:\n%s", worker, requests, stacks)

    # --- processes --------------------------------------------------------------------------------

    def _fork(self, make_order: Callable[..., WorkerOrder], place: int) -> Mate:
        stacks = StackFile()
        try:
            order = make_order(stacks_fd=stacks.fd)
            leave = partial(self._leave, place)
            return Mate(WorkerProcess.fork(order, self.app, leave=leave), stacks)
        except BaseException:
            stacks.close()
            raise

    def _spawn(self, make_order: Callable[..., WorkerOrder], fds: list[int]) -> Mate | None:
        mate = self._spare.take(fds)
        if mate is None:
            if self._spare.is_importing:
                return None
            mate = Mate.prepare(fds)
        try:
            mate.process.begin(make_order(stacks_fd=mate.stacks.fd))
        except BaseException:
            mate.close()
            raise
        return mate

    def _tend_spare(self) -> None:
        """Have a process wait to take the place of a worker that dies, or to fork all workers.

        If it takes a place itself, the next one starts beside it: under load it needs long.
        """
        config = self.pool.config
        # Where places have sockets of their own, nobody knows which one it will be.
        if not config.spare_worker or config.preload or config.reuse_port or self.pool.is_stopping:
            self._spare.discard()
        elif self._spare.can_fork or self.pool.is_manned:
            listeners = self._listeners.order_for(0)
            self._spare.prepare(list_fds(listeners, self._find_spread_fd(config, 0)))

    def _find_spread_fd(self, config: Config, slot: int) -> int | None:
        """The shared counts for the worker of *slot*; None for one that accepts as it likes."""
        if not config.balance or config.reuse_port or self.pool.size == 1:
            return None
        if self._spread is None:
            self._spread = Spread.create(2 * self.pool.size + SPARE_SLOTS)
        has_room = slot < len(self._spread.counts())
        return self._spread.fd if has_room else None

    def _discard(self, process: WorkerProcess) -> None:
        self._unregister(process)
        process.close()
        self._mates.pop(process.pid).stacks.close()
        if self._spread is not None and process.slot < len(self._spread.counts()):
            self._spread.clear(process.slot)

    def _unregister(self, process: WorkerProcess) -> None:
        try:
            self._selector.unregister(process.channel)
        except (KeyError, ValueError):
            # Its end was seen before.
            pass

    def _leave(self, place: int) -> None:
        """In a forked worker at *place*: close what is other workers', or the supervisor's."""
        # Or they would not see the supervisor's end.
        for mate in self._mates.values():
            mate.process.channel.close()
        self._listeners.keep_for_worker(place)
        self._selector.close()
