"""Print the user-space instructions of one keep-alive GET."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from benchmarks.contenders import CONTENDERS
from benchmarks.machine import describe_machine, format_header
from benchmarks.server_process import ServerError
from benchmarks.wire.functions import list_functions
from benchmarks.wire.measure import FORMS, count_harness, count_per_request
from benchmarks.wire.one_connection import PROTOCOLS

Figures = dict[str, dict[str, float | None]]

# The constant answer over a fake transport, which is taken off the connections' figures.
HARNESS = "harness"

DEFAULT_FORMS = ("connection", "server")
DEFAULT = ("constant", "asgiserve", "asgiserve-pure", "uvicorn")


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.wire", description=__doc__)
    parser.add_argument(
        "servers", nargs="*", metavar="SERVER", help=f"default: {' '.join(DEFAULT)}"
    )
    parser.add_argument("--form", choices=FORMS, help="measure only this form")
    parser.add_argument(
        "--functions", type=int, metavar="N", help="list the N dearest functions too"
    )
    parser.add_argument(
        "--inclusive", action="store_true", help="functions with what they call, not by themselves"
    )
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep callgrind's files there")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to a file too")
    arguments = parser.parse_args()
    arguments.servers = arguments.servers or DEFAULT
    for name in arguments.servers:
        if name not in CONTENDERS:
            parser.error(f"unknown server {name!r}; there are {', '.join(CONTENDERS)}")
    return arguments


def can_count(form: str, name: str) -> bool:
    """Tell whether the server has this form; a constant alone is the harness itself."""
    return form != "connection" or (name in PROTOCOLS and name != "constant")


def count_figure(form: str, name: str, folder: Path, harness_count: float) -> float | None:
    """Measure one cell of the table; None when it fails, which is said."""
    try:
        count = count_per_request(form, CONTENDERS[name], folder / f"{name}-{form}")
    except (ServerError, ValueError, OSError) as error:
        print(f"  failed: {error}", file=sys.stderr)
        return None
    return count - harness_count if form == "connection" else count


def main() -> int:
    """Measure, print a Markdown table; fail when a figure is missing."""
    arguments = parse_arguments()
    with tempfile.TemporaryDirectory() as folder:
        return run(arguments, arguments.keep or Path(folder))


def run(arguments: argparse.Namespace, folder: Path) -> int:
    """Measure into *folder* what the command line says; return the exit status."""
    forms = [arguments.form] if arguments.form else list(DEFAULT_FORMS)
    cells = [(n, form) for n in arguments.servers for form in forms if can_count(form, n)]
    figures: Figures = {name: dict.fromkeys(forms) for name in arguments.servers}
    harness = folder / HARNESS
    harness_count = count_harness(harness) if "connection" in forms else 0.0
    for number, (name, form) in enumerate(cells, start=1):
        print(f"[{number}/{len(cells)}] {name}, {form}", file=sys.stderr, flush=True)
        figures[name][form] = count_figure(form, name, folder, harness_count)
    machine = describe_machine({"uvloop", *(CONTENDERS[name].package for name in figures)})
    print(f"User-space instructions per keep-alive GET. {format_header(machine)}\n")
    print(format_table(forms, figures))
    for name, form in cells:
        if arguments.functions and figures[name][form]:
            print(f"\n{name}, {form}, by function:")
            costs = list_functions(
                folder / f"{name}-{form}",
                harness if form == "connection" else None,
                is_inclusive=arguments.inclusive,
            )
            for cost, function in costs[: arguments.functions]:
                print(f"{cost:>10,.0f}  {function}")
    if arguments.json:
        document = {"unit": "instructions_per_request", "machine": machine, "figures": figures}
        arguments.json.write_text(json.dumps(document, indent=2) + "\n")
    return 0 if all(figures[name][form] for name, form in cells) else 1


def format_table(forms: list[str], figures: Figures) -> str:
    """Write the figures as a Markdown table, a server a row."""
    lines = [f"| server | {' | '.join(forms)} |", f"|---|{'---:|' * len(forms)}"]
    for name, row in figures.items():
        lines.append(f"| {name} | {' | '.join(map(format_count, row.values()))} |")
    return "\n".join(lines)


def format_count(count: float | None) -> str:
    """Write a count in whole instructions."""
    return "-" if count is None else f"{count:,.0f}"


if __name__ == "__main__":
    sys.exit(main())
