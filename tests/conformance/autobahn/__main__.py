"""Make the environment of Autobahn|Testsuite, or run its fuzzing client against a server."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import tempfile
import time
from pathlib import Path

from .environment import InstallError, find_wstest, install
from .fuzzing import FAST_CASES, FULL_CASES, SERVERS, FuzzingError, Outcome, run_cases
from .report import CaseResult, find_failures, format_table

# The fast cases take half a minute, the full set a quarter of an hour; a slow machine much more.
FAST_LIMIT_S = 600
FULL_LIMIT_S = 4 * 3600
EXCERPT_CHARACTERS = 2000
MAX_EXPLAINED = 20


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.conformance.autobahn", description=__doc__
    )
    parser.add_argument(
        "--install", type=Path, metavar="FOLDER", help="make the environment there, and end"
    )
    parser.add_argument(
        "--environment",
        type=Path,
        metavar="FOLDER",
        default=os.environ.get("ASGISERVE_TEST_AUTOBAHN"),
        help="where it was made; default: $ASGISERVE_TEST_AUTOBAHN",
    )
    parser.add_argument("--server", choices=SERVERS, default="asgiserve")
    parser.add_argument("--column", choices=["pure", "compiled"], default="compiled")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--full", action="store_true", help="all cases, not the fast ones only")
    which.add_argument("--cases", nargs="+", metavar="PATTERN", help="such as '6.*' or 7.1.1")
    parser.add_argument("--report", type=Path, metavar="FOLDER", help="keep the client's report")
    arguments = parser.parse_args()
    if not arguments.install and not arguments.environment:
        parser.error("--install or --environment is needed")
    return arguments


def main() -> int:
    """Install or run; 1 if a case or the server's log is not as it should be."""
    arguments = parse_arguments()
    try:
        if arguments.install:
            install(arguments.install.absolute())
            return 0
        wstest = find_wstest(Path(arguments.environment).absolute())
        with tempfile.TemporaryDirectory() as folder:
            report_folder = (arguments.report or Path(folder)).absolute()
            outcome = run(arguments, wstest, report_folder)
            return show(outcome, report_folder)
    except (InstallError, FuzzingError) as error:
        print(error, file=sys.stderr)
        return 1


def run(arguments: argparse.Namespace, wstest: Path, report_folder: Path) -> Outcome:
    """Run the cases that were asked for, and say against what and how long."""
    cases = arguments.cases or (FULL_CASES if arguments.full else FAST_CASES)
    start_s = time.monotonic()
    outcome = run_cases(
        wstest,
        cases,
        report_folder,
        server=arguments.server,
        column=arguments.column,
        time_limit_s=FAST_LIMIT_S if cases is FAST_CASES else FULL_LIMIT_S,
    )
    column = f", {arguments.column} column" if arguments.server == "asgiserve" else ""
    duration_s = time.monotonic() - start_s
    print(f"{arguments.server}{column}: {len(outcome.results)} cases in {duration_s:.0f} s\n")
    return outcome


def show(outcome: Outcome, report_folder: Path) -> int:
    """Print the table and what is wrong; 1 if anything is."""
    print(format_table(outcome.results))
    failures = find_failures(outcome.results)
    for failure in failures[:MAX_EXPLAINED]:
        print(f"\n{explain(failure, report_folder)}")
    if failures[MAX_EXPLAINED:]:
        print(f"\nAnd {len(failures) - MAX_EXPLAINED} more: {list_names(failures[MAX_EXPLAINED:])}")
    if outcome.complaints:
        print(f"\n{len(outcome.complaints)} tracebacks or warnings in the server's log; the first:")
        first = outcome.log.index(outcome.complaints[0])
        print(outcome.log[first : first + EXCERPT_CHARACTERS])
    return int(bool(failures or outcome.complaints))


def list_names(failures: list[CaseResult]) -> str:
    """Name cases in one line."""
    return " ".join(failure.name for failure in failures)


def explain(failure: CaseResult, report_folder: Path) -> str:
    """Say what the client wanted and got, from the report's details."""
    details = json.loads((report_folder / failure.report_file).read_text())
    for name in ("description", "expectation"):
        # They are written as HTML.
        details[name] = " ".join(re.sub("<.*?>", " ", details[name]).split())
    return (
        f"{failure.name}: {failure.behavior}, close {failure.behavior_close}\n"
        f"  {details['description']}\n  expected: {details['expectation']}\n"
        f"  {details['result']} {details['resultClose']}"
    )


if __name__ == "__main__":
    sys.exit(main())
