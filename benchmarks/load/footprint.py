"""What a server takes before any load: its start, its memory, and that of idle connections."""

from __future__ import annotations

import socket
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.client import read_answer
from benchmarks.contenders import Contender
from benchmarks.load.rounds import note_failure, show_progress
from benchmarks.memory.measure import REQUEST, SETTLE_S, measure_idle_connection, raise_file_limit
from benchmarks.server_process import ServerProcess, find_free_port

__all__ = ["FOOTPRINT", "IDLE_CONNECTIONS", "Footprint", "measure_footprints"]

# What --scenario calls it.
FOOTPRINT = "start-and-memory"
IDLE_CONNECTIONS = 1000
APP = "benchmarks.apps.raw:hello"


@dataclass
class Footprint:
    """The rounds of one server; in each it was started anew.

    Attributes:
        start_s: from the command to the first response.
        start_cpu_s: CPU time of all its processes until then.
        resident_bytes: anonymous resident memory of all its processes then.
        bytes_per_idle: what an idle connection adds.
        failure: why there are no figures.
    """

    start_s: list[float] = field(default_factory=list)
    start_cpu_s: list[float] = field(default_factory=list)
    resident_bytes: list[int] = field(default_factory=list)
    bytes_per_idle: list[float] = field(default_factory=list)
    failure: str | None = None

    def median(self, name: str) -> float:
        """Median of the rounds of one of the figures."""
        return statistics.median(getattr(self, name))


def measure_footprints(contenders: Sequence[Contender], rounds: int) -> dict[str, Footprint]:
    """Start every server in turn, round by round; one that fails has no further rounds."""
    raise_file_limit(IDLE_CONNECTIONS)
    results = {contender.name: Footprint() for contender in contenders}
    for number in range(1, rounds + 1):
        for contender in contenders:
            footprint = results[contender.name]
            if footprint.failure is None:
                with note_failure(footprint):
                    measure_start(contender, footprint)
                    idle_bytes = measure_idle_connection(contender, IDLE_CONNECTIONS)
                    footprint.bytes_per_idle.append(idle_bytes)
                show_progress(f"{FOOTPRINT} {number}/{rounds} {contender.name}")
    return results


def measure_start(contender: Contender, footprint: Footprint) -> None:
    """Start a server once, have one request answered, and note what that took."""
    port = find_free_port()
    started_s = time.perf_counter()
    command = contender.command(app=APP, port=port)
    with ServerProcess(command, port, environment=contender.environment) as server:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
            client.sendall(REQUEST)
            read_answer(client)
        footprint.start_s.append(time.perf_counter() - started_s)
        footprint.start_cpu_s.append(server.read_cpu_time_s())
        time.sleep(SETTLE_S)
        footprint.resident_bytes.append(server.read_resident_bytes())
