"""Write measured scenarios as JSON, for machines, and as Markdown, for people."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from benchmarks.load.rounds import Measured, Plan
from benchmarks.machine import format_header

__all__ = ["Results", "format_document", "format_markdown"]

Results = dict[str, dict[str, Measured]]


def format_document(results: Results, plan: Plan, machine: dict[str, str]) -> dict[str, Any]:
    """Return every round's figures, ready for json.dump."""
    return {
        "machine": machine,
        "plan": asdict(plan),
        "scenarios": {
            scenario: {server: asdict(measured) for server, measured in row.items()}
            for scenario, row in results.items()
        },
    }


def format_markdown(results: Results, plan: Plan, machine: dict[str, str], baseline: str) -> str:
    """Return two tables, CPU time and requests per second, under the machine's header."""

    def show_cpu(row: dict[str, Measured], measured: Measured) -> str:
        text = f"{measured.cpu_us:.1f} ±{measured.spread:.0%}"
        if baseline in row and row[baseline].failure is None:
            text += f" ({measured.ratio_to(row[baseline]):.2f})"
        return text

    def show_rate(_row: dict[str, Measured], measured: Measured) -> str:
        return f"{statistics.median(measured.requests_per_s):,.0f}"

    pinned = f"server on core {plan.server_core}, wrk on core {plan.load_core}"
    return "\n".join(
        [
            f"{format_header(machine)}; {pinned}; {plan.rounds} interleaved rounds of "
            f"{plan.round_s} s.",
            "",
            "CPU time of the server (user and system, all its processes) per request in "
            "microseconds: median, half",
            f"the range of the rounds, and in brackets the ratio to {baseline} in the same rounds.",
            "",
            *format_table(results, show_cpu),
            "",
            "Requests per second, median.",
            "",
            *format_table(results, show_rate),
            "",
            *list_failures(results),
        ]
    )


def format_table(
    results: Results, show: Callable[[dict[str, Measured], Measured], str]
) -> list[str]:
    """Write one table, a scenario a row and a server a column."""
    servers = list(next(iter(results.values())))
    lines = [f"| scenario | {' | '.join(servers)} |", f"|---|{'---:|' * len(servers)}"]
    for scenario, row in results.items():
        cells = ["fails" if cell.failure else show(row, cell) for cell in row.values()]
        lines.append(f"| `{scenario}` | {' | '.join(cells)} |")
    return lines


def list_failures(results: Results) -> list[str]:
    """Say why a cell has no figure."""
    return [
        f"- {server} in `{scenario}`: {measured.failure}"
        for scenario, row in results.items()
        for server, measured in row.items()
        if measured.failure
    ]
