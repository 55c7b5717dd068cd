"""Write measured scenarios as JSON, for machines, and as Markdown, for people."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from benchmarks.load.footprint import FOOTPRINT, IDLE_CONNECTIONS, Footprint
from benchmarks.load.rounds import Measured, Plan
from benchmarks.machine import format_header

__all__ = ["Footprints", "Results", "format_document", "format_markdown", "tabulate_footprints"]

Results = dict[str, dict[str, Measured]]
Footprints = dict[str, Footprint]
Show = Callable[[dict[str, Measured], Measured], str]


def format_document(
    results: Results, footprints: Footprints, plan: Plan, machine: dict[str, str]
) -> dict[str, Any]:
    """Return every round's figures, ready for json.dump."""
    return {
        "machine": machine,
        "plan": asdict(plan),
        "scenarios": {
            scenario: {server: asdict(measured) for server, measured in row.items()}
            for scenario, row in results.items()
        },
        "footprints": {server: asdict(footprint) for server, footprint in footprints.items()},
    }


def format_markdown(
    results: Results,
    footprints: Footprints,
    plan: Plan,
    machine: dict[str, str],
    baseline: str,
) -> str:
    """Return the tables under the machine's header."""
    timed = {name: row for name, row in results.items() if is_timed(row)}
    untimed = {name: row for name, row in results.items() if name not in timed}
    pinned = f"server on core {plan.server_core}, load on core {plan.load_core}"
    return "\n".join(
        [
            f"{format_header(machine)}; {pinned}; {plan.rounds} interleaved rounds of "
            f"{plan.round_s} s.",
            "",
            *(format_costs(untimed, baseline) if untimed else []),
            *format_latencies(timed),
            *(format_footprints(footprints) if footprints else []),
            *list_remarks(results),
            *list_failures(footprints),
        ]
    )


def is_timed(row: dict[str, Measured]) -> bool:
    """Tell whether requests were sent at a fixed rate."""
    return any(measured.latencies for measured in row.values())


def format_costs(results: Results, baseline: str) -> list[str]:
    """Write tables of CPU time and of requests per second."""

    def show_cpu(row: dict[str, Measured], measured: Measured) -> str:
        text = f"{measured.cpu_us:.1f} ±{measured.spread:.0%}"
        if baseline in row and row[baseline].failure is None:
            text += f" ({measured.ratio_to(row[baseline]):.2f})"
        return text

    def show_rate(_row: dict[str, Measured], measured: Measured) -> str:
        return f"{statistics.median(measured.exchanges_per_s):,.0f}"

    return [
        "CPU time of the server (user and system, all its processes) per request (`ws-`: per "
        "message echoed) in",
        "microseconds: median, half the range of the rounds, and in brackets the ratio to "
        f"{baseline} in the same rounds.",
        "",
        *format_tables(results, show_cpu),
        "Requests (`ws-`: messages echoed) per second, median.",
        "",
        *format_tables(results, show_rate),
    ]


def format_tables(results: Results, show: Show) -> list[str]:
    """Write a scenario a row and a server a column; a dash stands for what was not asked of it."""
    lines = []
    for table in split_tables(results):
        servers = max(table.values(), key=len)
        lines += [f"| scenario | {' | '.join(servers)} |", f"|---|{'---:|' * len(servers)}"]
        for scenario, row in table.items():
            cells = [show_cell(row, server, show) for server in servers]
            lines.append(f"| `{scenario}` | {' | '.join(cells)} |")
        lines.append("")
    return lines


def split_tables(results: Results) -> list[Results]:
    """Put a scenario into the table before it when one of both has all the other's servers."""
    tables: list[Results] = []
    for scenario, row in results.items():
        widest = max(tables[-1].values(), key=len).keys() if tables else set()
        if tables and (row.keys() <= widest or widest <= row.keys()):
            tables[-1][scenario] = row
        else:
            tables.append({scenario: row})
    return tables


def show_cell(row: dict[str, Measured], server: str, show: Show) -> str:
    """Write what one server did in one scenario."""
    if server not in row:
        return "-"
    return "fails" if row[server].failure else show(row, row[server])


def format_latencies(results: Results) -> list[str]:
    """Write a table a scenario and a server a row: latencies at a rate, and whether it was kept."""
    lines = []
    for scenario, row in results.items():
        rate = next(cell.latencies[0].due_per_s for cell in row.values() if cell.latencies)
        lines += [
            f"`{scenario}`: latency at {rate:,.0f} requests a second in microseconds, from when "
            "each was due: median of",
            "the rounds, and the longest of all. Where the rate is not kept they grow with the "
            "length of a round.",
            "",
            "| server | rate kept | p50 | p99 | p99.9 | longest | CPU time per request |",
            f"|---|{'---:|' * 6}",
            *(format_latency_row(server, measured) for server, measured in row.items()),
            "",
        ]
    return lines


def format_latency_row(server: str, measured: Measured) -> str:
    """Write one server's row."""
    if measured.failure:
        return f"| {server} | fails | - | - | - | - | - |"
    rounds = measured.latencies
    kept = statistics.median(each.share_answered for each in rounds)
    cells = [
        "yes" if measured.keeps_rate else f"no, {kept:.0%}",
        f"{statistics.median(each.p50_us for each in rounds):,.0f}",
        f"{statistics.median(each.p99_us for each in rounds):,.0f}",
        f"{statistics.median(each.p99_9_us for each in rounds):,.0f}",
        f"{max(each.max_us for each in rounds):,.0f}",
        f"{measured.cpu_us:.1f}",
    ]
    return f"| {server} | {' | '.join(cells)} |"


def format_footprints(footprints: Footprints) -> list[str]:
    """Write a server a row: what its start and its memory came to."""
    return [
        f"`{FOOTPRINT}`, medians: time and CPU time from the command to the first response,",
        "anonymous resident memory then, and what each of "
        f"{IDLE_CONNECTIONS:,} idle connections adds.",
        "",
        *tabulate_footprints(footprints),
        "",
    ]


def tabulate_footprints(footprints: Footprints) -> list[str]:
    """Write the table alone."""
    lines = [
        "| server | first response, ms | CPU time, ms | memory, MiB | idle connection, KiB |",
        f"|---|{'---:|' * 4}",
    ]
    for server, footprint in footprints.items():
        cells = ["fails", "-", "-", "-"]
        if footprint.failure is None:
            cells = [
                f"{footprint.median('start_s') * 1000:,.0f}",
                f"{footprint.median('start_cpu_s') * 1000:,.0f}",
                f"{footprint.median('resident_bytes') / 2**20:,.1f}",
                f"{footprint.median('bytes_per_idle') / 1024:,.1f}",
            ]
        lines.append(f"| {server} | {' | '.join(cells)} |")
    return lines


def list_failures(footprints: Footprints) -> list[str]:
    """Say why a server has no row of figures."""
    return [
        f"- {server} in `{FOOTPRINT}`: {footprint.failure}"
        for server, footprint in footprints.items()
        if footprint.failure is not None
    ]


def list_remarks(results: Results) -> list[str]:
    """Say why a cell has no figure, or one that is not like the others."""
    lines = []
    for scenario, row in results.items():
        servers: dict[str, list[str]] = {}
        for server, measured in row.items():
            if remark := measured.failure or measured.remark:
                servers.setdefault(remark, []).append(server)
        lines += [
            f"- {', '.join(names)} in `{scenario}`: {text}" for text, names in servers.items()
        ]
    return lines
