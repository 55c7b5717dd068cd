"""What can be done to a server: the cases, each with its long and its short form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.faults.contenders import FaultContender
from benchmarks.faults.kills import run_kills
from benchmarks.faults.restarts import run_restarts
from benchmarks.faults.slow import ATTACKS, run_slow
from benchmarks.faults.stop import run_stop
from benchmarks.faults.stuck import run_stuck

__all__ = ["CASES", "LONG", "SHORT", "Extent"]


@dataclass(frozen=True)
class Extent:
    """How much is done."""

    workers: int = 4
    restarts: int = 10
    takeovers: int = 2
    kills: int = 30
    in_flight: int = 100
    churned: int = 10_000
    slow_connections: int = 4000


LONG = Extent()
SHORT = Extent(restarts=2, takeovers=1, kills=5, in_flight=20, churned=500, slow_connections=400)

Run = Callable[[FaultContender, Extent], Any]


def restart_case(keep_alive: bool) -> Run:
    """Restarts with one kind of connections."""
    return lambda contender, extent: run_restarts(
        contender,
        workers=extent.workers,
        keep_alive=keep_alive,
        restarts=extent.restarts,
        takeovers=extent.takeovers,
    )


def kill_case(keep_alive: bool) -> Run:
    """Kills with one kind of connections."""
    return lambda contender, extent: run_kills(
        contender,
        workers=extent.workers,
        keep_alive=keep_alive,
        kills=extent.kills,
        interval_s=1.0,
    )


def stuck_case(way: str) -> Run:
    """A worker that is blocked in one way."""
    return lambda contender, extent: run_stuck(contender, workers=extent.workers, way=way)


def stop_case(contender: FaultContender, extent: Extent) -> Any:
    """SIGTERM."""
    return run_stop(
        contender,
        workers=extent.workers,
        requests=extent.in_flight,
        websockets=extent.in_flight,
        churned=extent.churned,
    )


def slow_case(attack: str) -> Run:
    """One attack."""
    return lambda contender, extent: run_slow(
        contender,
        workers=extent.workers,
        attack=attack,
        connections=extent.slow_connections,
    )


CASES: dict[str, Run] = {
    "restart-keep-alive": restart_case(keep_alive=True),
    "restart-close": restart_case(keep_alive=False),
    "kill-keep-alive": kill_case(keep_alive=True),
    "kill-close": kill_case(keep_alive=False),
    "stuck-sleep": stuck_case("sleep"),
    "stuck-spin": stuck_case("spin"),
    "stop": stop_case,
    **{f"slow-{attack}": slow_case(attack) for attack in ATTACKS},
}
