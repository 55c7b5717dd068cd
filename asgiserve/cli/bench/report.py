"""What ``asgiserve bench`` prints: a `Measurement` as text or as JSON, and hints that are sure."""

from __future__ import annotations

import json
import sys
from importlib.util import find_spec
from typing import Any

from asgiserve._twins import COLUMN, module_of
from asgiserve.cli.bench.measure import Measurement, Plan
from asgiserve.config.config import Config
from asgiserve.version import __version__

__all__ = ["describe_failure", "find_hints", "format_json", "format_text", "tell_figures"]

# A client that has no time left does not show what the server could do.
BUSY_CLIENT = 0.95
# Of the time, what a thread may wait for a CPU before it is told.
LONG_QUEUE = 0.1


def tell_figures(measurement: Measurement, plan: Plan) -> dict[str, Any]:
    """The figures by name, units in the names; this is what JSON has."""
    load, passed = measurement.load, measurement.passed
    figures: dict[str, Any] = {
        "asgiserve": __version__,
        "stack": measurement.stack,
        "method": plan.request.method,
        "target": plan.request.target,
        "connections": load.open_connections,
        "warm_up_s": plan.warm_up_s,
        "duration_s": round(load.duration_s, 3),
        "requests": load.answers,
        "requests_per_s": round(load.answers / load.duration_s, 1) if load.duration_s else 0.0,
        "latency_us": load.latency_us,
        "statuses": {str(status): count for status, count in load.statuses.items()},
        "failures": load.failures,
        "client_busy": ratio_of(load.client_cpu_s, load.duration_s),
        "process_busy": ratio_of(passed.process_ns, passed.wall_ns),
        "cpu_us_per_request": None,
    }
    if passed.calls:
        total_us = passed.process_ns / 1000 / passed.calls
        cpu = {"total": round(total_us, 1)}
        if measurement.shares is not None:
            app, threads = measurement.shares
            cpu["application"] = round(total_us * app, 1)
            cpu["application_threads"] = round(total_us * threads, 1)
            cpu["server"] = round(total_us * (1 - app), 1)
            figures["application_share"] = round(app, 3)
        figures["cpu_us_per_request"] = cpu
    return figures


def ratio_of(part: float, whole: float) -> float:
    """*part* as a part of the time that has passed; of CPU time, 1.0 is one core."""
    return round(part / whole, 3) if whole else 0.0


def format_json(measurement: Measurement, plan: Plan, hints: list[str]) -> str:
    """The figures as one JSON object."""
    return json.dumps({**tell_figures(measurement, plan), "hints": hints}, indent=2)


def format_text(measurement: Measurement, plan: Plan, hints: list[str]) -> str:
    """The figures for people."""
    figures = tell_figures(measurement, plan)
    latency = figures["latency_us"]
    lines = [
        f"asgiserve {__version__} ({measurement.stack})",
        f"{plan.request.method} {plan.request.target}: {show_connections(measurement, plan)}, "
        f"{figures['duration_s']:.2f} s after {plan.warm_up_s:g} s of warm-up",
        "",
        f"requests      {figures['requests']:,}, {figures['requests_per_s']:,.0f} per second",
        f"latency       p50 {show_us(latency['p50'])}, p90 {show_us(latency['p90'])}, "
        f"p99 {show_us(latency['p99'])}, maximum {show_us(latency['max'])}",
        f"answers       {show_counts(figures['statuses'])}",
        f"no answer     {show_counts(figures['failures'])}",
        f"busy          server and application {figures['process_busy']:.0%} of a core, "
        f"client {figures['client_busy']:.0%} of another",
    ]
    cpu = figures["cpu_us_per_request"]
    if cpu is not None:
        lines += ["", "CPU time of a request, server and application"]
        lines.append(f"  all            {show_us(cpu['total'])}")
        if "application" in cpu:
            share = figures["application_share"]
            lines += [
                f"  application    {show_us(cpu['application'])}, {share:.0%}"
                + show_threads(cpu["application_threads"]),
                f"  server, loop   {show_us(cpu['server'])}, {1 - share:.0%}",
                "  (how it is shared is approximate)",
            ]
    if hints:
        lines += ["", *(f"hint: {hint}" for hint in hints)]
    return "\n".join(lines)


def show_connections(measurement: Measurement, plan: Plan) -> str:
    """How many connections were used, and how many were wanted if that is another number."""
    count = measurement.load.open_connections
    wanted = "" if count == plan.connections else f"{count} of "
    return f"{wanted}{plan.connections} connection{'s' if plan.connections > 1 else ''}"


def show_us(us: float) -> str:
    """A duration in its natural unit."""
    if us >= 1_000_000:
        return f"{us / 1_000_000:.2f} s"
    if us >= 1000:
        return f"{us / 1000:.2f} ms"
    return f"{us:.1f} µs" if us < 100 and us != int(us) else f"{us:.0f} µs"


def show_counts(counts: dict[str, int]) -> str:
    """How often there was what; a word for never."""
    return ", ".join(f"{name}: {count:,}" for name, count in counts.items()) or "none"


def show_threads(threads_us: float) -> str:
    """What threads had, if it is enough to be told."""
    return f" (threads {show_us(threads_us)})" if threads_us >= 1 else ""


def describe_failure(measurement: Measurement) -> str:
    """Why there is no successful request, in one line."""
    load = measurement.load
    reasons = [f"status {status}: {count:,}" for status, count in load.statuses.items()]
    reasons += [f"{reason}: {count:,}" for reason, count in load.failures.items()]
    if not reasons:
        reasons = [f"nothing was answered within {load.duration_s:.2f} s"]
    return f"no request succeeded; {', '.join(reasons)}"


def find_hints(measurement: Measurement, config: Config) -> list[str]:
    """What would surely give other figures."""
    hints = []
    is_cpython = sys.implementation.name == "cpython"
    if COLUMN == "pure" and is_cpython:
        is_built = find_spec(module_of("compiled", "http1_parser")) is not None
        hints.append(
            "this is the pure column although the compiled one is there: unset ASGISERVE_SPEEDUPS"
            if is_built
            else "the compiled column was not built for this Python, and the pure one is slower"
        )
    if (
        config.loop == "auto"
        and is_cpython
        and sys.platform not in ("win32", "cygwin")
        and "uvloop" not in measurement.stack
    ):
        hints.append("uvloop is not installed, and asyncio's own loop is slower")
    load, passed = measurement.load, measurement.passed
    queued = ratio_of(passed.queued_ns, passed.wall_ns)
    if queued >= LONG_QUEUE:
        hints.append(
            f"for {queued:.0%} of the time no CPU was free for the server: others had them, or the "
            "client"
        )
    if load.duration_s and load.client_cpu_s / load.duration_s >= BUSY_CLIENT:
        hints.append(
            "the client had no time left: the server could answer more requests than it sends"
        )
    return hints
