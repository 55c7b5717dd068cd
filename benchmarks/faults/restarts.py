"""Restarts, take-overs and changes of the number of workers under load: no request may fail."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from benchmarks.faults.client import Load
from benchmarks.faults.contenders import FaultContender
from benchmarks.faults.site import Site, is_alive, wait_until
from benchmarks.faults.wrk import Wrk

__all__ = ["Restarts", "run_restarts"]

# How long one restart of all workers may take.
STEP_TIMEOUT_S = 60.0
# Between two steps, so that load is on when nothing happens as well.
PAUSE_S = 0.3


@dataclass
class Restarts:
    """What clients have seen.

    Attributes:
        steps: what was done, and how often.
        undone: the steps that did not come about.
        longest_s: the longest restart of all workers.
    """

    keep_alive: bool
    steps: dict[str, int] = field(default_factory=dict)
    undone: list[str] = field(default_factory=list)
    longest_s: float = 0.0
    requests: int = 0
    failures: dict[str, int] = field(default_factory=dict)
    details: list[str] = field(default_factory=list)
    wrk_requests: int = 0
    wrk_errors: dict[str, int] = field(default_factory=dict)

    @property
    def failed(self) -> int:
        """How many requests failed, of both clients."""
        return sum(self.failures.values()) + sum(self.wrk_errors.values())


def run_restarts(
    contender: FaultContender, *, workers: int, keep_alive: bool, restarts: int, takeovers: int
) -> Restarts:
    """Restart *restarts* times, resize, and take over *takeovers* times, under load."""
    result = Restarts(keep_alive)
    with (
        Site(contender, workers) as site,
        Load(site.port, keep_alive) as load,
        Wrk(site.port, keep_alive) as wrk,
    ):
        for _ in range(restarts):
            do_step(result, "HUP", lambda: restart(site))
        if contender.resizes:
            do_step(result, "TTIN", lambda: resize(site, signal.SIGTTIN, workers + 1))
            do_step(result, "TTOU", lambda: resize(site, signal.SIGTTOU, workers))
        if contender.takes_over:
            for _ in range(takeovers):
                do_step(result, "USR2", lambda: take_over(site))
    result.requests, result.failures = load.total, load.counts()
    result.details = [str(failure) for failure in load.failures[:20]]
    result.wrk_requests, result.wrk_errors = wrk.total, wrk.errors
    return result


def do_step(result: Restarts, name: str, step: Callable[[], bool]) -> None:
    """Do one step, and note it."""
    begin_s = time.monotonic()
    result.steps[name] = result.steps.get(name, 0) + 1
    if not step():
        result.undone.append(name)
    elif name == "HUP":
        result.longest_s = max(result.longest_s, time.monotonic() - begin_s)
    time.sleep(PAUSE_S)


def restart(site: Site) -> bool:
    """Have all workers replaced."""
    old = set(site.live())
    os.kill(site.pid, signal.SIGHUP)
    return site.wait_for_others(old, STEP_TIMEOUT_S)


def resize(site: Site, number: signal.Signals, workers: int) -> bool:
    """Have one worker more or fewer."""
    os.kill(site.pid, number)
    return site.wait_for_workers(workers, STEP_TIMEOUT_S)


def take_over(site: Site) -> bool:
    """Have a new supervisor take over, with workers of its own."""
    supervisor, old = site.pid, set(site.live())
    os.kill(supervisor, signal.SIGUSR2)
    if site.contender.keeps_old:
        both = 2 * site.workers
        if not site.wait_for_workers(both, STEP_TIMEOUT_S):
            return False
        os.kill(supervisor, signal.SIGTERM)
    return (
        site.wait_for_others(old, STEP_TIMEOUT_S)
        and wait_until(lambda: not is_alive(supervisor), STEP_TIMEOUT_S)
        and wait_until(lambda: site.pid != supervisor, STEP_TIMEOUT_S)
    )
