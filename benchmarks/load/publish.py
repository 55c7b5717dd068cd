"""Put what ``python -m benchmarks.load --json FILE`` wrote into docs/performance.md.

What is between the page's marks is rewritten, and docs/charts/ with it. The README quotes some of
these figures; tests/docs/test_readme.py says which.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.load.charts import draw, make_charts
from benchmarks.load.counts import Latency
from benchmarks.load.footprint import Footprint
from benchmarks.load.report import (
    Footprints,
    Results,
    format_markdown,
    tabulate_footprints,
)
from benchmarks.load.rounds import Measured, Plan

__all__ = ["BEGIN", "END", "publish", "read_document"]

ROOT = Path(__file__).parent.parent.parent
BEGIN = "<!-- load: begin. Written by python -m benchmarks.load.publish -->"
END = "<!-- load: end -->"
BASELINE = "uvicorn"
SUMMARY_HEAD = (
    "CPU time of the server, user and system, per request in microseconds, and the ratio to "
    "uvicorn in the same\nrounds. "
    "One worker, 64 connections, server and load generator on a core each."
)

# What the scenarios are called for those who do not know their names.
TITLES = {
    "http1-get-13b-c64": "bare ASGI, 13 bytes",
    "http1-get-13b-c64-log": "the same, access log on",
    "http1-get-browser-13b-c64": "a browser's 20 fields",
    "http1-fastapi-json-c64": "FastAPI, JSON",
    "http1-post-1k-c64": "POST 1 KiB",
    "http1-post-64k-c64": "POST 64 KiB",
    "http1-get-64k-c64": "response of 64 KiB",
    "http1-get-1m-c64": "response of 1 MiB",
    "http1-stream-50-c64": "stream of 50 chunks",
    "http1-close-13b-c64": "connection per request",
    "http1-pipelined-16-c64": "16 requests at once on a connection",
    "http1-get-13b-c64-w2": "two workers, 13 bytes",
    "http1-get-13b-c64-rate": "bare ASGI, 13 bytes, at a fixed rate",
    "http1-tls-get-13b-c64": "TLS, 13 bytes",
    "http1-tls-get-64k-c64": "TLS, response of 64 KiB",
    "http1-tls-close-13b-c64": "TLS, connection per request",
    "ws-echo-32b-c64": "echo of 32 bytes of text, 64 connections",
    "ws-echo-64k-c8": "echo of 64 KiB, 8 connections",
    "ws-echo-json-1k-deflate-c64": "echo of 1 KiB of JSON, compressed",
}
# The headings of charts, by what their names begin with.
SECTIONS = {
    "cpu-http1-tls-": "TLS",
    "cpu-http1-": "HTTP",
    "cpu-ws-": "WebSocket",
    "latency-": "Latency",
    "footprint-": "Start and memory",
}

# The summary above the charts has some of both.
SUMMARY_HTTP = (
    "http1-get-13b-c64",
    "http1-get-13b-c64-log",
    "http1-get-browser-13b-c64",
    "http1-fastapi-json-c64",
    "http1-post-1k-c64",
    "http1-post-64k-c64",
    "http1-get-64k-c64",
    "http1-stream-50-c64",
    "http1-close-13b-c64",
)
SUMMARY_WEBSOCKET = ("ws-echo-32b-c64", "ws-echo-64k-c8", "ws-echo-json-1k-deflate-c64")
SUMMARY_SERVERS = {
    "asgiserve": "asgiserve",
    "asgiserve-pure": "asgiserve pure",
    "asgiserve-pure-asyncio": "asgiserve pure, asyncio",
    "uvicorn": "uvicorn",
    "uvicorn-h11-asyncio": "uvicorn h11, asyncio",
    "granian": "granian",
    "h2corn": "h2corn",
}


def publish(document: dict[str, Any], root: Path) -> list[Path]:
    """Write charts and page below *root*, and return the files.

    Raises:
        ValueError: the page has no place for them.
    """
    page, charts = root / "docs/performance.md", root / "docs/charts"
    texts = {page: put_between_marks(page, format_page(document))}
    charts.mkdir(exist_ok=True)
    for file in charts.glob("*.svg"):
        file.unlink()
    for chart in make_charts(document):
        texts[charts / f"{chart.name}.svg"] = draw(replace(chart, title=title_of(chart.title)))
    for file, text in texts.items():
        file.write_text(text, encoding="utf-8")
    return list(texts)


def read_document(
    document: dict[str, Any],
) -> tuple[Results, Footprints, Plan, dict[str, str]]:
    """Read what `report.format_document` wrote."""
    results = {
        scenario: {
            server: Measured(
                **{**cell, "latencies": [Latency(**each) for each in cell["latencies"]]}
            )
            for server, cell in row.items()
        }
        for scenario, row in document["scenarios"].items()
    }
    footprints = {server: Footprint(**cell) for server, cell in document["footprints"].items()}
    return results, footprints, Plan(**document["plan"]), document["machine"]


def put_between_marks(file: Path, text: str) -> str:
    """The content of *file* with *text* between its marks."""
    before, begin, rest = file.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{file} has no {BEGIN!r} before a {END!r}")
    return f"{before}{begin}\n{text.strip()}\n{end}{after}"


def title_of(scenario: str) -> str:
    """A scenario in words, or its name."""
    return TITLES.get(scenario, scenario)


def format_page(document: dict[str, Any]) -> str:
    """Write the summary, the charts, section by section, and all figures below them."""
    results, footprints, plan, machine = read_document(document)
    sections: dict[str, list[str]] = {}
    for chart in make_charts(document):
        heading = next(SECTIONS[each] for each in SECTIONS if chart.name.startswith(each))
        image = f"![{title_of(chart.title)}](charts/{chart.name}.svg)"
        sections.setdefault(heading, []).append(image)
    parts = [f"## {heading}\n\n" + "\n\n".join(images) for heading, images in sections.items()]
    tables = format_markdown(results, footprints, plan, machine, BASELINE)
    summary = format_summary(results, footprints, plan, machine)
    return "\n\n".join(["## Summary", summary, *parts, "## All figures", tables])


def format_summary(
    results: Results, footprints: Footprints, plan: Plan, machine: Mapping[str, str]
) -> str:
    """Write the figures that most readers look for, and what they were made with."""
    servers = {server for row in results.values() for server in row}
    versions = ", ".join(
        f"{name} {machine[name]}"
        for name in ("uvicorn", "granian", "h2corn", "uvloop")
        if name in machine
    )
    made = (
        f"Measured {machine.get('date', 'on an unknown day')} with `python -m benchmarks.load` "
        f"({plan.rounds} rounds of {plan.round_s} s) on {machine.get('cpu')}, with "
        f"{machine.get('python')}, {versions}. Machines drift; compare only the ratios."
    )
    tables = [
        format_table("workload", SUMMARY_HTTP, results, servers - {"asgiserve-pure"}),
        format_table(
            "WebSocket message",
            SUMMARY_WEBSOCKET,
            results,
            servers - {"asgiserve-pure-asyncio", "uvicorn-h11-asyncio"},
        ),
        "\n".join(tabulate_footprints(footprints)) if footprints else "",
    ]
    return "\n\n".join([SUMMARY_HEAD, *filter(None, tables), made])


def format_table(
    heading: str, scenarios: tuple[str, ...], results: Results, servers: set[str]
) -> str:
    """Write a scenario a row, the cheapest server in bold; nothing where none was measured."""
    measured = [scenario for scenario in scenarios if scenario in results]
    columns = [name for name in SUMMARY_SERVERS if name in servers]
    if not measured:
        return ""
    lines = [
        f"| {heading} | {' | '.join(SUMMARY_SERVERS[name] for name in columns)} |",
        f"|---|{'---:|' * len(columns)}",
    ]
    for scenario in measured:
        row = results[scenario]
        comparable = [name for name in columns if name in row and not has_note(row[name])]
        best = min(comparable, key=lambda name: row[name].cpu_us, default=None)
        cells = [show_cell(row, name, is_best=name == best) for name in columns]
        lines.append(f"| {title_of(scenario)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def has_note(measured: Measured) -> bool:
    """Whether words stand in a figure's place: it failed, or did something else."""
    return bool(measured.failure or measured.remark)


def show_cell(row: Mapping[str, Measured], server: str, *, is_best: bool) -> str:
    """Write the CPU time of one server, and its ratio to the baseline."""
    if server not in row:
        return "-"
    measured = row[server]
    if has_note(measured):
        return "fails" if measured.failure else f"{measured.remark}"
    text = f"{measured.cpu_us:.1f}"
    if is_best:
        text = f"**{text}**"
    baseline = row.get(BASELINE)
    if server != BASELINE and baseline is not None and not baseline.failure:
        text += f" ({measured.ratio_to(baseline):.2f})"
    return text


def main() -> None:
    """Publish one document and name the files."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load.publish", description=__doc__)
    parser.add_argument("document", type=Path, help="what --json wrote")
    parser.add_argument("--root", type=Path, default=ROOT, help="default: this checkout")
    arguments = parser.parse_args()
    for file in publish(json.loads(arguments.document.read_text()), arguments.root):
        print(file)


if __name__ == "__main__":
    main()
