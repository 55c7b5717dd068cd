"""Run servers side by side under wrk and print what a request costs each of them."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from benchmarks.contenders import CONTENDERS, DEFAULT_CONTENDERS
from benchmarks.load.report import Results, format_document, format_markdown
from benchmarks.load.rounds import Plan, measure_scenario
from benchmarks.load.scenarios import SCENARIOS
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
    contenders = [CONTENDERS[name] for name in arguments.server or DEFAULT_CONTENDERS]
    machine = describe_machine({"uvloop", *(contender.package for contender in contenders)})
    results: Results = {
        name: measure_scenario(SCENARIOS[name], contenders, plan)
        for name in arguments.scenario or SCENARIOS
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
