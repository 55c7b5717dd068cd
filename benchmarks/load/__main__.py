"""Run servers side by side under load and print what a request or message costs each of them."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path

from benchmarks.apps.nginx_server import find_nginx
from benchmarks.c_program import build_program
from benchmarks.contenders import CONTENDERS
from benchmarks.load.footprint import FOOTPRINT, measure_footprints
from benchmarks.load.matrix import choose_footprints, find_sources, make_matrix
from benchmarks.load.report import Results, format_document, format_markdown
from benchmarks.load.rounds import Plan, measure_scenario
from benchmarks.load.scenarios import SCENARIOS
from benchmarks.machine import describe_machine


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description=__doc__)
    servers = parser.add_mutually_exclusive_group()
    servers.add_argument(
        "--server", action="append", choices=CONTENDERS, help="repeatable; default: a fair few"
    )
    servers.add_argument(
        "--all-servers",
        action="store_const",
        const=[*CONTENDERS],
        dest="server",
        help="every server that is known, in each scenario that it can run",
    )
    parser.add_argument(
        "--scenario",
        action="append",
        choices=[*SCENARIOS, FOOTPRINT],
        help="repeatable; default: all",
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


def describe(names: set[str]) -> dict[str, str]:
    """Describe the machine, and the versions of all that takes part."""
    programs = {"wrk": shutil.which("wrk")}
    if "nginx" in names:
        programs["nginx"] = find_nginx()
    packages = {CONTENDERS[name].package for name in names}
    return describe_machine({"aiofastnet", "uvloop", *packages}, programs)


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
    wanted = arguments.scenario or [*SCENARIOS, FOOTPRINT]
    matrix = make_matrix([name for name in wanted if name in SCENARIOS], arguments.server)
    started = choose_footprints(arguments.server) if FOOTPRINT in wanted else ()
    names = {*started, *(name for servers in matrix.values() for name in servers)}
    if not names:
        sys.exit("none of these servers can run one of these scenarios")
    # Now, not after minutes of other scenarios, is the time to hear that there is no compiler.
    for source in find_sources(matrix):
        build_program(source)
    machine = describe(names)
    results: Results = {
        scenario: measure_scenario(SCENARIOS[scenario], [CONTENDERS[name] for name in names], plan)
        for scenario, names in matrix.items()
    }
    footprints = measure_footprints([CONTENDERS[name] for name in started], plan.rounds)
    tables = format_markdown(results, footprints, plan, machine, arguments.baseline)
    print(tables)
    if arguments.markdown:
        arguments.markdown.write_text(tables + "\n")
    if arguments.json:
        document = format_document(results, footprints, plan, machine)
        arguments.json.write_text(json.dumps(document, indent=2) + "\n")
    cells = [*footprints.values(), *(cell for row in results.values() for cell in row.values())]
    return int(any(cell.failure for cell in cells))


if __name__ == "__main__":
    sys.exit(main())
