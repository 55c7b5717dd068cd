"""Print the memory of an idle connection or WebSocket, and what a million requests leave behind."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from benchmarks.contenders import CONTENDERS, Contender
from benchmarks.machine import describe_machine, format_header
from benchmarks.memory.measure import (
    Idle,
    measure_growth,
    measure_idle_connection,
    raise_file_limit,
)
from benchmarks.server_process import ServerError

DEFAULT = ("asgiserve", "asgiserve-pure", "uvicorn")


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__)
    parser.add_argument(
        "--server", action="append", choices=CONTENDERS, help="repeatable; default: three"
    )
    parser.add_argument("--connections", type=int, default=5000, help="0 leaves them out")
    parser.add_argument(
        "--websocket",
        action="store_true",
        help="idle WebSockets: plain ones, and such that offered compression; no requests",
    )
    parser.add_argument("--requests", type=int, default=1_000_000, help="0 leaves them out")
    parser.add_argument("--load-core", type=int, default=1)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to a file too")
    return parser.parse_args()


def measure(contender: Contender, arguments: argparse.Namespace) -> dict[str, Any]:
    """Return one server's figures, in bytes; what failed says why."""
    figures: dict[str, Any] = {}
    try:
        if arguments.connections:
            for idle in kinds_of_idle(arguments):
                show_progress(f"{contender.name}: {arguments.connections:,} x idle {idle.value}")
                per_connection = measure_idle_connection(contender, arguments.connections, idle)
                figures.setdefault("bytes_per_idle", {})[idle.value] = per_connection
        if arguments.requests and not arguments.websocket:
            show_progress(f"{contender.name}: {arguments.requests:,} requests")
            figures["resident_bytes"] = measure_growth(
                contender, arguments.requests, load_core=arguments.load_core
            )
    except (ServerError, OSError) as error:
        figures["failure"] = str(error)
    return figures


def kinds_of_idle(arguments: argparse.Namespace) -> tuple[Idle, ...]:
    """Say what is measured, a column each."""
    return (Idle.WEBSOCKET, Idle.DEFLATED_WEBSOCKET) if arguments.websocket else (Idle.HTTP,)


def main() -> int:
    """Measure, print a Markdown table, fail when a figure is missing."""
    arguments = parse_arguments()
    raise_file_limit(arguments.connections)
    names = arguments.server or DEFAULT
    machine = describe_machine({"uvloop", *(CONTENDERS[name].package for name in names)})
    results = {name: measure(CONTENDERS[name], arguments) for name in names}
    print(f"{format_header(machine)}.\n")
    columns = [f"idle {idle.value}" for idle in kinds_of_idle(arguments)]
    if arguments.websocket:
        print("Anonymous resident memory in KiB of an idle WebSocket.\n")
    else:
        print("Anonymous resident memory in KiB: an idle connection's; the server's after its")
        print("warm-up and so many requests more.\n")
        # The warm-up's end, then each quarter of the requests.
        columns += [f"+{arguments.requests * n // 4:,}" for n in range(5)]
    print(f"| server | {' | '.join(columns)} |")
    print(f"|---|{'---:|' * len(columns)}")
    for name, figures in results.items():
        print(format_row(name, figures, len(columns)))
    if arguments.json:
        document = {"machine": machine, "unit": "bytes", "servers": results}
        arguments.json.write_text(json.dumps(document, indent=2) + "\n")
    return int(any("failure" in figures for figures in results.values()))


def format_row(name: str, figures: dict[str, Any], columns: int) -> str:
    """Write one server's row; a missing figure is a dash, a failure stands at the end."""
    cells = [f"{size / 1024:.1f}" for size in figures.get("bytes_per_idle", {}).values()] or ["-"]
    cells += [f"{size / 1024:,.0f}" for size in figures.get("resident_bytes", [])]
    cells += ["-"] * (columns - len(cells))
    return f"| {name} | {' | '.join(cells)} | {figures.get('failure', '')}".rstrip()


def show_progress(text: str) -> None:
    """Say what is measured now."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
