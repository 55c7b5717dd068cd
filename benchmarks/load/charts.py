"""Draw what ``python -m benchmarks.load --json FILE`` wrote: an SVG file a scenario.

The files read well on light and dark pages and need no font but the reader's own.
"""

from __future__ import annotations

import argparse
import json
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from benchmarks.load.rounds import KEPT_SHARE

__all__ = ["Bar", "Chart", "draw", "make_charts", "write_charts"]

PERCENTILES = {"p50": "p50_us", "p99": "p99_us", "p99.9": "p99_9_us"}
# The figures of a footprint: title, unit, and what turns a figure into it.
FOOTPRINTS = {
    "start_s": ("From the command to the first response", "Milliseconds", 1000),
    "resident_bytes": (
        "Memory of one worker, all its processes, without load",
        "MiB of anonymous resident memory",
        2**-20,
    ),
    "bytes_per_idle": ("Memory of an idle connection", "KiB of resident memory", 2**-10),
}
# Its bars, in either column, stand out from the others'.
OWN = "asgiserve"

# In pixels, when shown in its own size.
WIDTH = 720
NAMES_WIDTH = 236
# Behind the longest bar.
FIGURES_WIDTH = 80
TITLE_HEIGHT = 56
LEGEND_HEIGHT = 24
LEGEND_STEP = 90
BAR_HEIGHT = 16
BAR_STEP = 18
GROUP_GAP = 10
# From a bar's top to the line on which its text stands.
BASELINE = 13

STYLE = """
    text { font: 13px system-ui, sans-serif; fill: #1f2328; }
    .title { font-size: 15px; font-weight: 600; }
    .muted { fill: #59636e; }
    .own { font-weight: 600; }
    .bar-0 { fill: #8c959f; }
    .bar-1 { fill: #afb8c1; }
    .bar-2 { fill: #d1d9e0; }
    .own-bar-0 { fill: #0550ae; }
    .own-bar-1 { fill: #218bff; }
    .own-bar-2 { fill: #80ccff; }
    line { stroke: #d1d9e0; }
    @media (prefers-color-scheme: dark) {
      text { fill: #f0f6fc; }
      .muted { fill: #9198a1; }
      .bar-0 { fill: #9198a1; }
      .bar-1 { fill: #656c76; }
      .bar-2 { fill: #454c54; }
      .own-bar-0 { fill: #79c0ff; }
      .own-bar-1 { fill: #388bfd; }
      .own-bar-2 { fill: #1f5fbf; }
      line { stroke: #3d444d; }
    }
"""


@dataclass(frozen=True)
class Bar:
    """One figure; *label* says what is written behind it."""

    value: float
    label: str


# A server, and its bars or the note that stands in their place.
Group = tuple[str, tuple[Bar, ...] | str]


@dataclass(frozen=True)
class Chart:
    """Groups of bars, one group a server.

    Attributes:
        name: of the file, without its suffix.
        series: what the bars of a group are, from the first on; one alone has no legend.
    """

    name: str
    title: str
    subtitle: str
    series: tuple[str, ...]
    groups: tuple[Group, ...]


def make_charts(document: dict[str, Any]) -> list[Chart]:
    """Make the charts of a document; a scenario in which all servers failed has none."""
    charts = []
    for scenario, row in document["scenarios"].items():
        measured = {server: cell for server, cell in row.items() if cell["failure"] is None}
        failed = tuple((server, "fails") for server in row if server not in measured)
        if any(cell["latencies"] for cell in measured.values()):
            charts.append(chart_latencies(scenario, measured, failed))
        elif measured:
            charts.append(chart_cpu_times(scenario, measured, failed))
    return charts + chart_footprints(document["footprints"])


def chart_cpu_times(scenario: str, row: dict[str, Any], failed: tuple[Group, ...]) -> Chart:
    """Chart the CPU time of an exchange, the cheapest server first."""
    exchange = "message echoed" if scenario.startswith("ws-") else "request"
    times_us = {
        server: statistics.median(cell["cpu_us_per_exchange"]) for server, cell in row.items()
    }
    groups = tuple(
        (server, (Bar(time_us, f"{time_us:,.1f}"),))
        for server, time_us in sorted(times_us.items(), key=lambda item: item[1])
    )
    subtitle = f"CPU time of the server per {exchange} in microseconds; less is better"
    return Chart(f"cpu-{scenario}", scenario, subtitle, ("CPU time",), (*groups, *failed))


def chart_latencies(scenario: str, row: dict[str, Any], failed: tuple[Group, ...]) -> Chart:
    """Chart percentiles, the lowest p99 first; where the rate is not kept they say nothing."""
    rate = next(iter(row.values()))["latencies"][0]["due_per_s"]
    kept, late = [], []
    for server, cell in row.items():
        rounds = cell["latencies"]
        share = statistics.median(each["share_answered"] for each in rounds)
        if share < KEPT_SHARE:
            late.append((server, f"does not keep the rate: {share:.0%} answered"))
            continue
        values = [statistics.median(each[name] for each in rounds) for name in PERCENTILES.values()]
        kept.append((server, tuple(Bar(value, f"{value:,.0f}") for value in values)))
    kept.sort(key=lambda group: group[1][1].value)
    subtitle = f"Latency at {rate:,.0f} requests a second in microseconds; less is better"
    groups = (*kept, *late, *failed)
    return Chart(f"latency-{scenario}", scenario, subtitle, tuple(PERCENTILES), groups)


def chart_footprints(footprints: dict[str, Any]) -> list[Chart]:
    """Chart the figures of starts and memory, the least first, each in a chart of its own."""
    measured = {server: cell for server, cell in footprints.items() if cell["failure"] is None}
    failed = tuple((server, "fails") for server in footprints if server not in measured)
    charts = []
    for name, (title, unit, factor) in FOOTPRINTS.items():
        values = {
            server: statistics.median(cell[name]) * factor for server, cell in measured.items()
        }
        groups = tuple(
            (server, (Bar(value, f"{value:,.1f}"),))
            for server, value in sorted(values.items(), key=lambda item: item[1])
        )
        subtitle = f"{unit}; less is better"
        if groups:
            name = f"footprint-{name.replace('_', '-')}"
            charts.append(Chart(name, title, subtitle, (title,), (*groups, *failed)))
    return charts


def draw(chart: Chart) -> str:
    """Write a chart as SVG."""
    has_legend = len(chart.series) > 1
    values = [bar.value for _, bars in chart.groups if not isinstance(bars, str) for bar in bars]
    scale = (WIDTH - NAMES_WIDTH - FIGURES_WIDTH) / max(values, default=1)
    top = y = TITLE_HEIGHT + (LEGEND_HEIGHT if has_legend else 0)
    groups = []
    for server, bars in chart.groups:
        groups += draw_group(server, bars, y, scale)
        y += BAR_STEP * (1 if isinstance(bars, str) else len(bars)) + GROUP_GAP
    axis = f'x1="{NAMES_WIDTH}" x2="{NAMES_WIDTH}" y1="{top - 4}" y2="{y - GROUP_GAP + 2}"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" width="{WIDTH}" '
            f'height="{y}" role="img" aria-label={quoteattr(f"{chart.title}: {chart.subtitle}")}>',
            f"<style>{STYLE}</style>",
            draw_text(0, 18, chart.title, "title"),
            draw_text(0, 40, chart.subtitle, "muted"),
            *(draw_legend(chart.series) if has_legend else []),
            *groups,
            f"<line {axis}/>",
            "</svg>\n",
        ]
    )


def draw_group(server: str, bars: tuple[Bar, ...] | str, y: int, scale: float) -> list[str]:
    """Draw one server's name and bars, or the note that it has instead, from *y* on."""
    is_own = server == OWN or server.startswith(f"{OWN}-")
    name = draw_text(0, y + BASELINE, server, "own" if is_own else "")
    if isinstance(bars, str):
        return [name, draw_text(NAMES_WIDTH + 6, y + BASELINE, bars, "muted")]
    parts = [name]
    for number, bar in enumerate(bars):
        bar_y, length = y + number * BAR_STEP, bar.value * scale
        parts.append(draw_bar(NAMES_WIDTH, bar_y, length, number, is_own=is_own))
        parts.append(draw_text(NAMES_WIDTH + length + 6, bar_y + BASELINE, bar.label))
    return parts


def draw_legend(series: tuple[str, ...]) -> list[str]:
    """Draw a pair of colours, own and others', before the name of each bar."""
    parts = []
    for number, name in enumerate(series):
        x, y = NAMES_WIDTH + number * LEGEND_STEP, TITLE_HEIGHT - 4
        parts.append(draw_bar(x, y, BAR_HEIGHT, number, is_own=True))
        parts.append(draw_bar(x + BAR_HEIGHT, y, BAR_HEIGHT, number, is_own=False))
        parts.append(draw_text(x + 2 * BAR_HEIGHT + 6, y + BASELINE, name))
    return parts


def draw_bar(x: float, y: float, length: float, number: int, *, is_own: bool) -> str:
    """Draw the bar of a group's series *number*."""
    kind = f"{'own-' if is_own else ''}bar-{number}"
    return f'<rect class="{kind}" x="{x}" y="{y}" width="{length:.1f}" height="{BAR_HEIGHT}"/>'


def draw_text(x: float, y: float, text: str, kind: str = "") -> str:
    """Write a line of text that begins at *x*."""
    return f'<text class="{kind}" x="{x:.1f}" y="{y}">{escape(text)}</text>'


def write_charts(document: dict[str, Any], folder: Path) -> list[Path]:
    """Write a document's charts, and return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for chart in make_charts(document):
        file = folder / f"{chart.name}.svg"
        file.write_text(draw(chart), encoding="utf-8")
        files.append(file)
    return files


def main() -> None:
    """Draw the charts of one document and name the files."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load.charts", description=__doc__)
    parser.add_argument("document", type=Path, help="what --json wrote")
    parser.add_argument("folder", type=Path, help="where the charts go")
    arguments = parser.parse_args()
    for file in write_charts(json.loads(arguments.document.read_text()), arguments.folder):
        print(file)


if __name__ == "__main__":
    main()
