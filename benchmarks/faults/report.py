"""Write what the cases have shown as one table, in Markdown."""

from __future__ import annotations

from functools import singledispatch
from typing import Any

from benchmarks.faults.kills import Kills
from benchmarks.faults.restarts import Restarts
from benchmarks.faults.slow import Slow
from benchmarks.faults.stop import Stop
from benchmarks.faults.stuck import Stuck

__all__ = ["Results", "describe", "format_table"]

# By case, then by server; a text says why there is no result.
Results = dict[str, dict[str, Any]]

TITLES = {
    "restart-keep-alive": "restarts, keep-alive: failed of requests",
    "restart-close": "restarts, `Connection: close`: failed of requests",
    "kill-keep-alive": "`kill -9`, keep-alive: failed requests / killed workers' connections",
    "kill-close": "`kill -9`, `Connection: close`: the same",
    "stuck-sleep": "blocked in `time.sleep()`: replaced after, stacks",
    "stuck-spin": "blocked in a busy loop: the same",
    "stop": "SIGTERM: requests, WebSockets, shutdowns, status",
    "slow-headers": "slow headers: p99 over quiet p99, all closed after",
    "slow-body": "slow bodies: the same",
    "slow-read": "slow reading: the same",
}


def format_table(results: Results, servers: list[str]) -> str:
    """Write a case a row and a server a column."""
    lines = [f"| case | {' | '.join(servers)} |", f"|---|{'---|' * len(servers)}"]
    for case, row in results.items():
        cells = [describe(row[server]) for server in servers]
        lines.append(f"| {TITLES[case]} | {' | '.join(cells)} |")
    return "\n".join(lines)


@singledispatch
def describe(result: Any) -> str:
    """One cell of the table."""
    return str(result)


@describe.register
def describe_restarts(result: Restarts) -> str:
    total = result.requests + result.wrk_requests
    steps = ", ".join(f"{count} {name}" for name, count in result.steps.items())
    failed = f"**{result.failed}**" if result.failed else "0"
    undone = f"; not done: {', '.join(result.undone)}" if result.undone else ""
    return f"{failed} of {total:,} ({steps}{undone})"


@describe.register
def describe_kills(result: Kills) -> str:
    failed = result.failed - result.failed_elsewhere
    elsewhere = f", **{result.failed_elsewhere} elsewhere**" if result.failed_elsewhere else ""
    missing = f", **{result.unrecovered} not replaced**" if result.unrecovered else ""
    times = f"back after {result.median_s:.1f} s, at most {result.longest_s:.1f}"
    if not result.recoveries_s:
        times = "never back"
    return f"{failed} / {result.lost_connections}{elsewhere}; {times}{missing}"


@describe.register
def describe_stuck(result: Stuck) -> str:
    if result.replaced_s is None:
        return "not found"
    stacks = "stacks" if result.has_stacks else "no stacks"
    return f"{result.replaced_s:.1f} s, {stacks}"


@describe.register
def describe_stop(result: Stop) -> str:
    codes = ", ".join(f"{count} x {code}" for code, count in result.close_codes.items())
    files = result.files[1] - result.files[0]
    grown_mib = (result.resident_bytes[1] - result.resident_bytes[0]) / 2**20
    status = "did not stop" if result.exit_status is None else f"status {result.exit_status}"
    return (
        f"{result.answered} of {result.requests} answered; closed: {codes}; "
        f"{result.shut_down} of {result.workers} shut down; {status}; "
        f"after {result.churned:,} connections {files:+d} files, {grown_mib:+.1f} MiB"
    )


@describe.register
def describe_slow(result: Slow) -> str:
    ratio = result.beside_p99_ms / result.quiet_p99_ms
    closed = "not closed" if result.closed_s is None else f"{result.closed_s:.0f} s"
    failed = f", **{len(result.failures)} failed**" if result.failures else ""
    return (
        f"{ratio:.1f} ({result.quiet_p99_ms:.1f} to {result.beside_p99_ms:.1f} ms){failed}; "
        f"{closed} ({result.most:,} at once)"
    )
