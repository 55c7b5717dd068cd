"""Write measured scenarios as JSON, for machines, and as Markdown, for people."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import asdict
from itertools import groupby
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
    """Return tables of CPU time and of requests per second under the machine's header."""

    def show_cpu(row: dict[str, Measured], measured: Measured) -> str:
        text = f"{measured.cpu_us:.1f} ±{measured.spread:.0%}"
        if baseline in row and row[baseline].failure is None:
            text += f" ({measured.ratio_to(row[baseline]):.2f})"
        return text

    def show_rate(_row: dict[str, Measured], measured: Measured) -> str:
        return f"{statistics.median(measured.exchanges_per_s):,.0f}"

    pinned = f"server on core {plan.server_core}, load on core {plan.load_core}"
    return "\n".join(
        [
            f"{format_header(machine)}; {pinned}; {plan.rounds} interleaved rounds of "
            f"{plan.round_s} s.",
            "",
            "CPU time of the server (user and system, all its processes) per request (`ws-`: per "
            "message echoed) in",
            "microseconds: median, half the range of the rounds, and in brackets the ratio to "
            f"{baseline} in the same rounds.",
            "",
            *format_tables(results, show_cpu),
            "Requests (`ws-`: messages echoed) per second, median.",
            "",
            *format_tables(results, show_rate),
            *list_remarks(results),
        ]
    )


def format_tables(
    results: Results, show: Callable[[dict[str, Measured], Measured], str]
) -> list[str]:
    """Write a scenario a row and a server a column; a table for scenarios with the same servers."""
    lines = []
    for servers, rows in groupby(results.items(), key=lambda item: tuple(item[1])):
        lines += [f"| scenario | {' | '.join(servers)} |", f"|---|{'---:|' * len(servers)}"]
        for scenario, row in rows:
            cells = ["fails" if cell.failure else show(row, cell) for cell in row.values()]
            lines.append(f"| `{scenario}` | {' | '.join(cells)} |")
        lines.append("")
    return lines


def list_remarks(results: Results) -> list[str]:
    """Say why a cell has no figure, or one that is not like the others."""
    return [
        f"- {server} in `{scenario}`: {measured.failure or measured.remark}"
        for scenario, row in results.items()
        for server, measured in row.items()
        if measured.failure or measured.remark
    ]
