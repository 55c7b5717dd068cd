"""Run servers side by side under load and print what a request or message costs each of them."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from benchmarks.c_program import build_program
from benchmarks.contenders import (
    CONTENDERS,
    DEFAULT_CONTENDERS,
    TLS_CONTENDERS,
    WEBSOCKET_CONTENDERS,
)
from benchmarks.load.report import Results, format_document, format_markdown
from benchmarks.load.rounds import Plan, measure_scenario
from benchmarks.load.scenarios import ECHO_SCENARIOS, SCENARIOS
from benchmarks.load.ws_load import SOURCE
from benchmarks.machine import describe_machine


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description=__doc__)
    parser.add_argument(
        "--server", action="append", choices=CONTENDERS, help="repeatable; default: a fair few"
    )
    parser.add_argument(
        "--scenario", action="append", choices=SCENARIOS, help="repeatable; default: all"
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--round-s", type=int, default=2, help="seconds of one round")
    parser.add_argument("--warm-up-s", type=int, default=1)
    parser.add_argument("--server-core", type=int, default=0)
    parser.add_argument("--load-core", type=int, default=1)
    parser.add_argument("--baseline", default="uvicorn", help="what ratios are taken to")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every round's figures")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the tables too")
    return parser.parse_args()


def choose_contenders(scenario: str) -> tuple[str, ...]:
    """Name the servers that a scenario is for."""
    if SCENARIOS[scenario].is_tls:
        return TLS_CONTENDERS
    return WEBSOCKET_CONTENDERS if scenario in ECHO_SCENARIOS else DEFAULT_CONTENDERS


def main() -> int:
    """Measure, print the tables, fail when a cell has no figure."""
    arguments = parse_arguments()
    plan = Plan(
        rounds=arguments.rounds,
        round_s=arguments.round_s,
        warm_up_s=arguments.warm_up_s,
        server_core=arguments.server_core,
        load_core=arguments.load_core,
    )
    servers = {
        scenario: arguments.server or choose_contenders(scenario)
        for scenario in arguments.scenario or SCENARIOS
    }
    packages = {CONTENDERS[name].package for names in servers.values() for name in names}
    if ECHO_SCENARIOS.keys() & servers:
        # Now, not after minutes of other scenarios, is the time to hear that there is no compiler.
        build_program(SOURCE)
    machine = describe_machine({"aiofastnet", "uvloop", *packages})
    results: Results = {
        scenario: measure_scenario(SCENARIOS[scenario], [CONTENDERS[name] for name in names], plan)
        for scenario, names in servers.items()
    }
    tables = format_markdown(results, plan, machine, arguments.baseline)
    print(tables)
    if arguments.markdown:
        arguments.markdown.write_text(tables + "\n")
    if arguments.json:
        document = format_document(results, plan, machine)
        arguments.json.write_text(json.dumps(document, indent=2) + "\n")
    return int(any(cell.failure for row in results.values() for cell in row.values()))


if __name__ == "__main__":
    sys.exit(main())
