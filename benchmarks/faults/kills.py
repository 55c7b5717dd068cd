"""Workers that are killed under load: only their own connections may fail."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass, field

from benchmarks.faults.client import Load
from benchmarks.faults.contenders import FaultContender
from benchmarks.faults.site import Site, is_alive, wait_until
from benchmarks.faults.wrk import Wrk

__all__ = ["Kills", "run_kills"]

# A server that has not replaced a worker by then does not do it.
RECOVERY_TIMEOUT_S = 15.0
# A client has seen its connection's end by then.
FAILURE_TIMEOUT_S = 5.0


@dataclass
class Kills:
    """What clients have seen.

    Attributes:
        recoveries_s: how long it took after each kill until all workers served again.
        lost_connections: those that the killed workers had.
        failed_there: requests of theirs that failed.
        failed_elsewhere: requests of connections that no killed worker had.
    """

    keep_alive: bool
    kills: int = 0
    unrecovered: int = 0
    recoveries_s: list[float] = field(default_factory=list)
    lost_connections: int = 0
    requests: int = 0
    failed_there: int = 0
    failed_elsewhere: int = 0
    details: list[str] = field(default_factory=list)
    wrk_requests: int = 0
    wrk_errors: dict[str, int] = field(default_factory=dict)

    @property
    def failed(self) -> int:
        """How many requests failed, of both clients."""
        return self.failed_there + self.failed_elsewhere + sum(self.wrk_errors.values())

    @property
    def median_s(self) -> float:
        """The recovery in the middle."""
        return statistics.median(self.recoveries_s) if self.recoveries_s else float("inf")

    @property
    def longest_s(self) -> float:
        """The longest recovery."""
        return max(self.recoveries_s, default=float("inf"))


def run_kills(
    contender: FaultContender, *, workers: int, keep_alive: bool, kills: int, interval_s: float
) -> Kills:
    """Kill the oldest worker every *interval_s* seconds, *kills* times."""
    result = Kills(keep_alive)
    # By the client's port and when it was the killed worker's: ports are used again.
    killed: list[tuple[set[int], float]] = []
    with (
        Site(contender, workers) as site,
        Load(site.port, keep_alive) as load,
        Wrk(site.port, keep_alive) as wrk,
    ):
        for _ in range(kills):
            next_s = time.monotonic() + interval_s
            kill_one(site, result, killed)
            time.sleep(max(next_s - time.monotonic(), 0.0))
        site.wait_for_workers(workers, RECOVERY_TIMEOUT_S)
    result.requests = load.total
    for failure in load.failures:
        if any(
            failure.port in ports and 0 <= failure.at_s - at_s < FAILURE_TIMEOUT_S
            for ports, at_s in killed
        ):
            result.failed_there += 1
        else:
            result.failed_elsewhere += 1
            result.details.append(str(failure))
    result.wrk_requests, result.wrk_errors = wrk.total, wrk.errors
    return result


def kill_one(site: Site, result: Kills, killed: list[tuple[set[int], float]]) -> None:
    """Kill the oldest worker, and wait until all serve again."""
    live = site.live()
    if not live:
        result.unrecovered += 1
        return
    victim = live[0]
    ports, begin_s = site.kill(victim)
    killed.append((ports, begin_s))
    result.kills += 1
    result.lost_connections += len(ports)

    def are_back() -> bool:
        return len(site.live()) >= site.workers and not is_alive(victim)

    if wait_until(are_back, RECOVERY_TIMEOUT_S):
        result.recoveries_s.append(max(site.started().values()) - begin_s)
    else:
        result.unrecovered += 1
