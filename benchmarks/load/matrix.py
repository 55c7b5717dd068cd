"""Which servers run which scenario, and what must be there for them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.apps import floor_server
from benchmarks.contenders import (
    CONTENDERS,
    DEFAULT_CONTENDERS,
    TLS_CONTENDERS,
    WEBSOCKET_CONTENDERS,
    Contender,
)
from benchmarks.load import rate_load, ws_load
from benchmarks.load.scenarios import (
    ECHO_SCENARIOS,
    HTTP_SCENARIOS,
    SCENARIOS,
    EchoScenario,
    Scenario,
)

__all__ = [
    "Matrix",
    "can_run",
    "choose_contenders",
    "choose_footprints",
    "find_sources",
    "make_matrix",
]

# Scenarios in their order, and the names of the servers that run each.
Matrix = dict[str, tuple[str, ...]]


def make_matrix(scenarios: Sequence[str], servers: Sequence[str] | None) -> Matrix:
    """Give each scenario those of *servers* that can run it, or its own choice for None.

    A scenario that none of them can run is left out.
    """
    matrix = {}
    for name in scenarios:
        wanted = choose_contenders(name) if servers is None else servers
        able = tuple(server for server in wanted if can_run(CONTENDERS[server], SCENARIOS[name]))
        if able:
            matrix[name] = able
    return matrix


def choose_contenders(scenario: str) -> tuple[str, ...]:
    """Name the servers that a scenario is for, whether or not each can run it."""
    if SCENARIOS[scenario].is_tls:
        return TLS_CONTENDERS
    return WEBSOCKET_CONTENDERS if scenario in ECHO_SCENARIOS else DEFAULT_CONTENDERS


def choose_footprints(servers: Sequence[str] | None) -> tuple[str, ...]:
    """Name those of *servers*, by default of the usual ones, that run an application."""
    wanted = DEFAULT_CONTENDERS if servers is None else servers
    return tuple(server for server in wanted if CONTENDERS[server].scenarios is None)


def can_run(contender: Contender, scenario: Scenario | EchoScenario) -> bool:
    """Tell whether a server has what a scenario asks for, as far as its options are known."""
    if contender.scenarios is not None and scenario.name not in contender.scenarios:
        return False
    if scenario.access_log and not contender.has_access_log:
        return False
    if scenario.workers > 1 and not contender.workers:
        return False
    return bool(contender.tls) or not scenario.is_tls


def find_sources(matrix: Matrix) -> list[Path]:
    """Name the C programs that will be needed, so that a missing compiler is noticed at once."""
    sources = []
    if any("floor" in servers for servers in matrix.values()):
        sources.append(floor_server.SOURCE)
    if any(name in matrix for name, scenario in HTTP_SCENARIOS.items() if scenario.rate_per_s):
        sources.append(rate_load.SOURCE)
    if ECHO_SCENARIOS.keys() & matrix:
        sources.append(ws_load.SOURCE)
    return sources
