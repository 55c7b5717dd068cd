"""Interleaved rounds: A, B, C, A, B, C ..., so that a drift of the machine meets every server."""

from __future__ import annotations

import http.client
import statistics
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from benchmarks.certificate import make_certificate
from benchmarks.contenders import Contender
from benchmarks.load import rate_load
from benchmarks.load.answers import check_answer
from benchmarks.load.counts import Latency, Load
from benchmarks.load.scenarios import EchoScenario, Scenario
from benchmarks.load.wrk import run_wrk
from benchmarks.load.ws_load import EchoClient
from benchmarks.server_process import ServerError, ServerProcess, find_free_port

__all__ = ["KEPT_SHARE", "Measured", "Plan", "measure_scenario", "note_failure", "show_progress"]


# The last requests of a round may come too late for it.
KEPT_SHARE = 0.99


@dataclass(frozen=True)
class Plan:
    """How long and where a run measures."""

    rounds: int
    round_s: int
    warm_up_s: int
    server_core: int | None
    load_core: int | None

    def choose_server_cores(self, workers: int) -> list[int] | None:
        """Give one worker a core of its own; several get the load's core too."""
        if self.server_core is None:
            return None
        if workers == 1 or self.load_core is None:
            return [self.server_core]
        return [self.server_core, self.load_core]

    def remark_on(self, workers: int) -> str | None:
        """Say where several workers run."""
        if workers == 1:
            return None
        cores = self.choose_server_cores(workers)
        if cores is None:
            return f"{workers} workers"
        listed = " and ".join(map(str, cores))
        return f"{workers} workers on cores {listed}, the load on core {self.load_core}"


@dataclass
class Measured:
    """The rounds of one server in one scenario.

    An exchange is a request and its answer, or a WebSocket message and its echo.

    Attributes:
        latencies: for scenarios with a fixed rate alone.
        failure: why the figures do not count: no start, a wrong answer, errors under load.
        remark: what to know beside the figures.
    """

    cpu_us_per_exchange: list[float] = field(default_factory=list)
    exchanges_per_s: list[float] = field(default_factory=list)
    latencies: list[Latency] = field(default_factory=list)
    failure: str | None = None
    remark: str | None = None

    @property
    def cpu_us(self) -> float:
        """Median CPU time of an exchange in microseconds."""
        return statistics.median(self.cpu_us_per_exchange)

    @property
    def keeps_rate(self) -> bool:
        """Whether the requests of a fixed rate were answered, but for a hundredth."""
        return statistics.median(each.share_answered for each in self.latencies) >= KEPT_SHARE

    @property
    def spread(self) -> float:
        """Half the range of the rounds, as a share of the median."""
        values = self.cpu_us_per_exchange
        return (max(values) - min(values)) / 2 / self.cpu_us

    def ratio_to(self, baseline: Measured) -> float:
        """Median over the rounds of this server's CPU time by the baseline's in the same round."""
        pairs = zip(self.cpu_us_per_exchange, baseline.cpu_us_per_exchange, strict=True)
        return statistics.median(own / other for own, other in pairs)


def measure_scenario(
    scenario: Scenario | EchoScenario, contenders: Sequence[Contender], plan: Plan
) -> dict[str, Measured]:
    """Run every server once through the scenario's rounds; a server that fails is left out."""
    results = {contender.name: Measured() for contender in contenders}
    with ExitStack() as stack:
        servers: dict[str, ServerProcess] = {}
        for contender in contenders:
            with note_failure(results[contender.name]):
                server = stack.enter_context(start(contender, scenario, plan))
                remarks = [check_answer(scenario, server.port), plan.remark_on(scenario.workers)]
                results[contender.name].remark = "; ".join(filter(None, remarks)) or None
                with open_load(scenario, server.port, plan.load_core) as run_load:
                    run_load(plan.warm_up_s)
                servers[contender.name] = server
        for round_number in range(1, plan.rounds + 1):
            for name, server in servers.items():
                if results[name].failure is None:
                    with note_failure(results[name]):
                        measure_round(scenario, server, plan, results[name])
                    show_progress(f"{scenario.name} {round_number}/{plan.rounds} {name}")
        for name, server in servers.items():
            if results[name].failure is None:
                with note_failure(results[name]):
                    check_answer(scenario, server.port)
    return results


class Fallible(Protocol):
    """A result that may be a failure."""

    failure: str | None


@contextmanager
def note_failure(result: Fallible) -> Iterator[None]:
    """Turn what a server does wrong into a result: the others are still measured."""
    try:
        yield
    except (ServerError, OSError, http.client.HTTPException) as error:
        result.failure = str(error) or type(error).__name__


def start(contender: Contender, scenario: Scenario | EchoScenario, plan: Plan) -> ServerProcess:
    """Start a server for a scenario."""
    port = find_free_port()
    return ServerProcess(
        contender.command(
            app=scenario.app,
            port=port,
            access_log=scenario.access_log,
            workers=scenario.workers,
            key_files=make_certificate() if scenario.is_tls else None,
        ),
        port,
        environment=contender.environment,
        cores=plan.choose_server_cores(scenario.workers),
        discard_output=scenario.access_log,
    )


@contextmanager
def open_load(
    scenario: Scenario | EchoScenario, port: int, core: int | None
) -> Iterator[Callable[[int], Load]]:
    """Get what makes load on a server for a number of seconds."""
    if isinstance(scenario, EchoScenario):
        with EchoClient(scenario, port, core=core) as client:
            yield client.run
    elif scenario.rate_per_s is not None:
        with rate_load.open_connections(scenario, port) as sockets:
            yield lambda duration_s: rate_load.run_program(
                sockets, scenario, duration_s=duration_s, core=core
            )
    else:
        yield lambda duration_s: run_wrk(scenario, port, duration_s=duration_s, core=core)


def measure_round(
    scenario: Scenario | EchoScenario, server: ServerProcess, plan: Plan, measured: Measured
) -> None:
    """Put load on one server and note its CPU time.

    Raises:
        ServerError: an exchange failed, so the round says nothing.
    """
    with open_load(scenario, server.port, plan.load_core) as run_load:
        cpu_before_s = server.read_cpu_time_s()
        load = run_load(plan.round_s)
        cpu_s = server.read_cpu_time_s() - cpu_before_s
    if load.failure:
        raise ServerError(load.failure)
    measured.cpu_us_per_exchange.append(cpu_s / load.exchanges * 1e6)
    measured.exchanges_per_s.append(load.exchanges / load.duration_s)
    if load.latency is not None:
        measured.latencies.append(load.latency)


def show_progress(text: str) -> None:
    """Say what was just done, on one line that is written over."""
    if sys.stderr.isatty():
        print(f"\r{text:<70}", end="", file=sys.stderr, flush=True)
    else:
        print(text, file=sys.stderr, flush=True)
