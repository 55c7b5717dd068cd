"""Interleaved rounds: A, B, C, A, B, C ..., so that a drift of the machine meets every server."""

from __future__ import annotations

import http.client
import statistics
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from benchmarks.contenders import Contender
from benchmarks.load.scenarios import Scenario
from benchmarks.load.wrk import run_wrk
from benchmarks.server_process import ServerError, ServerProcess, find_free_port

__all__ = ["Measured", "Plan", "measure_scenario"]


@dataclass(frozen=True)
class Plan:
    """How long and where a run measures."""

    rounds: int
    round_s: int
    warm_up_s: int
    server_core: int | None
    load_core: int | None


@dataclass
class Measured:
    """The rounds of one server in one scenario.

    Attributes:
        failure: why the figures do not count: no start, a wrong answer, errors under load.
    """

    cpu_us_per_request: list[float] = field(default_factory=list)
    requests_per_s: list[float] = field(default_factory=list)
    failure: str | None = None

    @property
    def cpu_us(self) -> float:
        """Median CPU time of a request in microseconds."""
        return statistics.median(self.cpu_us_per_request)

    @property
    def spread(self) -> float:
        """Half the range of the rounds, as a share of the median."""
        values = self.cpu_us_per_request
        return (max(values) - min(values)) / 2 / self.cpu_us

    def ratio_to(self, baseline: Measured) -> float:
        """Median over the rounds of this server's CPU time by the baseline's in the same round."""
        pairs = zip(self.cpu_us_per_request, baseline.cpu_us_per_request, strict=True)
        return statistics.median(own / other for own, other in pairs)


def measure_scenario(
    scenario: Scenario, contenders: Sequence[Contender], plan: Plan
) -> dict[str, Measured]:
    """Run every server once through the scenario's rounds; a server that fails is left out."""
    results = {contender.name: Measured() for contender in contenders}
    with ExitStack() as stack:
        servers: dict[str, ServerProcess] = {}
        for contender in contenders:
            with note_failure(results[contender.name]):
                server = stack.enter_context(start(contender, scenario, plan))
                check_answer(scenario, server.port)
                run_wrk(scenario, server.port, duration_s=plan.warm_up_s, core=plan.load_core)
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


@contextmanager
def note_failure(measured: Measured) -> Iterator[None]:
    """Turn what a server does wrong into a result: the others are still measured."""
    try:
        yield
    except (ServerError, OSError, http.client.HTTPException) as error:
        measured.failure = str(error) or type(error).__name__


def start(contender: Contender, scenario: Scenario, plan: Plan) -> ServerProcess:
    """Start a server for a scenario."""
    if scenario.access_log and not contender.has_access_log:
        raise ServerError("has no access log")
    port = find_free_port()
    return ServerProcess(
        contender.command(app=scenario.app, port=port, access_log=scenario.access_log),
        port,
        environment=contender.environment,
        core=plan.server_core,
        discard_output=scenario.access_log,
    )


def check_answer(scenario: Scenario, port: int) -> None:
    """Send the request once and compare the answer.

    Raises:
        ServerError: status or body is another one.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request(
            scenario.method, "/", b"x" * scenario.body_bytes or None, dict(scenario.fields)
        )
        answer = connection.getresponse()
        body = answer.read()
    finally:
        connection.close()
    if (answer.status, body) != (200, scenario.answer):
        raise ServerError(f"wrong answer: {answer.status}, {len(body)} bytes {body[:40]!r}")


def measure_round(
    scenario: Scenario, server: ServerProcess, plan: Plan, measured: Measured
) -> None:
    """Put load on one server and note its CPU time.

    Raises:
        ServerError: a request failed, so the round says nothing.
    """
    cpu_before_s = server.read_cpu_time_s()
    load = run_wrk(scenario, server.port, duration_s=plan.round_s, core=plan.load_core)
    cpu_s = server.read_cpu_time_s() - cpu_before_s
    if load.failure:
        raise ServerError(load.failure)
    measured.cpu_us_per_request.append(cpu_s / load.requests * 1e6)
    measured.requests_per_s.append(load.requests / load.duration_s)


def show_progress(text: str) -> None:
    """Say what was just done, on one line that is written over."""
    if sys.stderr.isatty():
        print(f"\r{text:<70}", end="", file=sys.stderr, flush=True)
    else:
        print(text, file=sys.stderr, flush=True)
