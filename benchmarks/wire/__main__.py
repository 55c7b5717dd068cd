"""Print the user-space instructions of one GET, or of one WebSocket message."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from benchmarks.contenders import CONTENDERS
from benchmarks.machine import describe_machine, format_header
from benchmarks.samples import REQUESTS
from benchmarks.server_process import ServerError
from benchmarks.wire.exchanges import EXCHANGES
from benchmarks.wire.functions import list_functions
from benchmarks.wire.measure import FORMS, Subject, count_harness, count_per_request
from benchmarks.wire.one_connection import PROTOCOLS
from benchmarks.wire.stages import STAGES, split_run

# Instructions by server and form.
Figures = dict[tuple[str, str], float]

# The constant answer over a fake transport, which is taken off the connections' figures.
HARNESS = "harness"

DEFAULT_FORMS = ("connection", "server")
DEFAULT = ("constant", "asgiserve", "asgiserve-pure", "uvicorn")
DEFAULT_STAGED = ("asgiserve",)
# The default for what is no GET, and all servers whose fake transport it works with.
DEFAULT_MESSAGE = ("asgiserve", "asgiserve-pure")


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.wire", description=__doc__)
    parser.add_argument(
        "servers",
        nargs="*",
        metavar="SERVER",
        help=f"default: {' '.join(DEFAULT)}; with --stages {' '.join(DEFAULT_STAGED)}, "
        f"for WebSocket messages {' '.join(DEFAULT_MESSAGE)}",
    )
    parser.add_argument("--form", choices=FORMS, help="measure only this form")
    parser.add_argument(
        "--request",
        choices=EXCHANGES,
        default="wrk",
        help="whose GET is sent, or which message: that in the form 'connection' only",
    )
    parser.add_argument(
        "--stages", action="store_true", help="split GETs by stage too; the compiled column only"
    )
    parser.add_argument(
        "--functions", type=int, metavar="N", help="list the N dearest functions too"
    )
    parser.add_argument(
        "--inclusive", action="store_true", help="functions with what they call, not by themselves"
    )
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep callgrind's files there")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to a file too")
    arguments = parser.parse_args()
    complete_arguments(parser, arguments)
    return arguments


def complete_arguments(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> None:
    """Fill in the servers and forms; what cannot be counted is an error."""
    is_get = arguments.request in REQUESTS
    if is_get:
        servers = DEFAULT_STAGED if arguments.stages else DEFAULT
        forms = DEFAULT_FORMS
    elif arguments.form not in (None, "connection") or arguments.stages:
        parser.error(f"{arguments.request} has neither stages nor a form but 'connection'")
    else:
        servers, forms = DEFAULT_MESSAGE, ("connection",)
    for name in arguments.servers:
        if name not in CONTENDERS:
            parser.error(f"unknown server {name!r}; there are {', '.join(CONTENDERS)}")
        if arguments.stages and not is_compiled(name):
            parser.error(f"{name} has no stages that callgrind can see")
        if not is_get and name not in DEFAULT_MESSAGE:
            parser.error(f"{name} has no WebSocket on a fake transport")
    arguments.servers = arguments.servers or servers
    arguments.forms = [arguments.form] if arguments.form else list(forms)


def is_compiled(name: str) -> bool:
    """Tell whether the server is asgiserve's compiled column."""
    return CONTENDERS[name].environment.get("ASGISERVE_SPEEDUPS") == "require"


def can_count(form: str, name: str) -> bool:
    """Tell whether the server has this form; a constant alone is the harness itself."""
    return form != "connection" or (name in PROTOCOLS and name != "constant")


def count_figure(form: str, subject: Subject, folder: Path) -> float | None:
    """Measure one cell of the table; None when it fails, which is said."""
    try:
        return count_per_request(form, subject, folder)
    except (ServerError, ValueError, OSError) as error:
        print(f"  failed: {error}", file=sys.stderr)
        return None


def main() -> int:
    """Measure, print a Markdown table; fail when a figure is missing."""
    arguments = parse_arguments()
    with tempfile.TemporaryDirectory() as folder:
        return run(arguments, arguments.keep or Path(folder))


def run(arguments: argparse.Namespace, folder: Path) -> int:
    """Measure into *folder* what the command line says; return the exit status."""
    cells = [(n, form) for n in arguments.servers for form in arguments.forms if can_count(form, n)]
    machine = describe_machine({"uvloop", *(CONTENDERS[n].package for n in arguments.servers)})
    figures = measure(cells, arguments.request, folder)
    print(f"{format_header(machine)}.\n")
    what = "GET, request as of" if arguments.request in REQUESTS else "message,"
    print(f"User-space instructions per {what} {arguments.request}.\n")
    print(format_table(arguments.forms, figures))
    if arguments.stages:
        print(f"\nThe same by stage.\n\n{format_stages(figures, folder)}")
    if arguments.functions:
        for name, form in figures:
            print_functions(name, form, folder, arguments)
    if arguments.json:
        rows = [{"server": n, "form": form, "count": c} for (n, form), c in figures.items()]
        document = {
            "unit": "instructions_per_request",
            "request": arguments.request,
            "machine": machine,
            "figures": rows,
        }
        arguments.json.write_text(json.dumps(document, indent=2) + "\n")
    return 0 if len(figures) == len(cells) else 1


def measure(cells: list[tuple[str, str]], request: str, folder: Path) -> Figures:
    """Count each server and form; what fails is left out."""
    figures: Figures = {}
    harness_count = 0.0
    if any(form == "connection" for _, form in cells):
        harness_count = count_harness(request, folder / HARNESS)
    for number, (name, form) in enumerate(cells, start=1):
        print(f"[{number}/{len(cells)}] {name}, {form}", file=sys.stderr, flush=True)
        subject = Subject(CONTENDERS[name], request)
        count = count_figure(form, subject, folder / f"{name}-{form}")
        if count is not None:
            figures[name, form] = count - harness_count if form == "connection" else count
    return figures


def print_functions(name: str, form: str, folder: Path, arguments: argparse.Namespace) -> None:
    """Print the dearest functions of one figure."""
    run_folder, harness = folder / f"{name}-{form}", find_harness(form, folder)
    costs = list_functions(run_folder, harness, is_inclusive=arguments.inclusive)
    print(f"\n{name}, {form}, by function:")
    for cost, function in costs[: arguments.functions]:
        print(f"{cost:>10,.0f}  {function}")


def format_table(forms: list[str], figures: Figures) -> str:
    """Write the figures as a Markdown table, a server a row."""
    lines = [f"| server | {' | '.join(forms)} |", f"|---|{'---:|' * len(forms)}"]
    for name in dict.fromkeys(name for name, _ in figures):
        counts = (figures.get((name, form)) for form in forms)
        lines.append(f"| {name} | {' | '.join(map(format_count, counts))} |")
    return "\n".join(lines)


def format_stages(figures: Figures, folder: Path) -> str:
    """Write what callgrind left of each figure as a Markdown table, a stage a row."""
    columns = [
        split_run(folder / f"{name}-{form}", find_harness(form, folder)) for name, form in figures
    ]
    titles = [f"{name}, {form}" for name, form in figures]
    lines = [f"| stage | {' | '.join(titles)} |", f"|---|{'---:|' * len(titles)}"]
    for stage in STAGES:
        counts = (format_count(column[stage]) for column in columns)
        lines.append(f"| {stage} | {' | '.join(counts)} |")
    totals = (format_count(sum(column.values())) for column in columns)
    lines.append(f"| all | {' | '.join(totals)} |")
    return "\n".join(lines)


def find_harness(form: str, folder: Path) -> Path | None:
    """Say where the files are that are taken off this form's."""
    return folder / HARNESS if form == "connection" else None


def format_count(count: float | None) -> str:
    """Write a count in whole instructions."""
    return "-" if count is None else f"{count:,.0f}"


if __name__ == "__main__":
    sys.exit(main())
