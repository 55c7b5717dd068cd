"""Restart, kill, block, stop and attack servers under load, and print what clients see of it."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.faults.cases import CASES, LONG, SHORT, Extent
from benchmarks.faults.contenders import DEFAULT_CONTENDERS, FAULT_CONTENDERS
from benchmarks.faults.report import Results, describe, format_table
from benchmarks.machine import describe_machine, format_header
from benchmarks.memory.measure import raise_file_limit
from benchmarks.server_process import ServerError


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faults", description=__doc__)
    parser.add_argument(
        "--server", action="append", choices=FAULT_CONTENDERS, help="repeatable; default: a few"
    )
    parser.add_argument("--case", action="append", choices=CASES, help="repeatable; default: all")
    parser.add_argument("--short", action="store_true", help="a few seconds a case")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every result in full")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table too")
    return parser.parse_args()


def run_case(case: str, server: str, extent: Extent) -> Any:
    """Run one case, and show its result; a text says why there is none."""
    try:
        result = CASES[case](FAULT_CONTENDERS[server], extent)
    except (ServerError, RuntimeError) as error:
        result = f"fails: {str(error)[:200]}"
    print(f"{case}, {server}: {describe(result)}", file=sys.stderr, flush=True)
    return result


def main() -> int:
    """Run the cases, and print the table."""
    arguments = parse_arguments()
    servers = arguments.server or list(DEFAULT_CONTENDERS)
    extent = SHORT if arguments.short else LONG
    raise_file_limit(2 * extent.slow_connections)
    packages = {FAULT_CONTENDERS[name].server.package for name in servers}
    machine = describe_machine({"uvloop", *packages})
    results: Results = {
        case: {server: run_case(case, server, extent) for server in servers}
        for case in arguments.case or CASES
    }
    text = f"{format_header(machine)}.\n\n{format_table(results, servers)}\n"
    print(text)
    if arguments.markdown:
        arguments.markdown.write_text(text)
    if arguments.json:
        document = {"machine": machine, "extent": asdict(extent), "cases": plain(results)}
        arguments.json.write_text(json.dumps(document, indent=2) + "\n")
    return 0


def plain(results: Results) -> dict[str, dict[str, Any]]:
    """What JSON can hold."""
    return {
        case: {
            server: result if isinstance(result, str) else asdict(result)
            for server, result in row.items()
        }
        for case, row in results.items()
    }


if __name__ == "__main__":
    sys.exit(main())
