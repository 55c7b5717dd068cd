"""Charts are drawn from what the load program wrote."""

import json
import subprocess
import sys
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from benchmarks.load.charts import Bar, Chart, draw, make_charts, write_charts
from benchmarks.load.counts import Latency
from benchmarks.load.footprint import Footprint
from benchmarks.load.report import format_document
from benchmarks.load.rounds import Measured, Plan

PLAN = Plan(rounds=1, round_s=1, warm_up_s=1, server_core=0, load_core=1)
KEPT = Latency(5000.0, 1.0, 100.0, 250.0, 1234.0, 2000.0)
LATE = replace(KEPT, share_answered=0.5)
FAILED = Measured(failure="no start")


def chart_of(scenario, row):
    (chart,) = make_charts(format_document({scenario: row}, {}, PLAN, {}))
    return chart


def read_svg(chart):
    """Return the bars' widths and all texts, in their order."""
    root = ElementTree.fromstring(draw(chart))
    tag = "{http://www.w3.org/2000/svg}%s"
    widths = [float(bar.get("width")) for bar in root.iter(tag % "rect")]
    return widths, [text.text for text in root.iter(tag % "text")]


def test_cpu_chart_has_the_cheapest_server_first():
    row = {"uvicorn": Measured([30.0, 50.0], [1.0, 1.0]), "asgiserve": Measured([10.0], [1.0])}
    chart = chart_of("http1-get-13b-c64", row)
    assert chart.name == "cpu-http1-get-13b-c64"
    assert "per request" in chart.subtitle
    assert chart.groups == (
        ("asgiserve", (Bar(10.0, "10.0"),)),
        ("uvicorn", (Bar(40.0, "40.0"),)),
    )


def test_chart_of_websockets_counts_messages():
    chart = chart_of("ws-echo-32b-c64", {"asgiserve": Measured([10.0], [1.0])})
    assert "per message echoed" in chart.subtitle


def test_chart_names_a_server_that_fails():
    chart = chart_of("s", {"uvicorn": FAILED, "asgiserve": Measured([10.0], [1.0])})
    assert chart.groups[-1] == ("uvicorn", "fails")


def test_each_figure_of_a_footprint_has_a_chart():
    footprints = {
        "uvicorn": Footprint([0.25], [0.2], [2**20 * 20], [8192.0]),
        "asgiserve": Footprint([0.2], [0.2], [2**20 * 18], [4096.0]),
        "daphne": Footprint(failure="no start"),
    }
    start, resident, idle = make_charts(format_document({}, footprints, PLAN, {}))
    assert start.name == "footprint-start-s"
    assert start.groups == (
        ("asgiserve", (Bar(200.0, "200.0"),)),
        ("uvicorn", (Bar(250.0, "250.0"),)),
        ("daphne", "fails"),
    )
    assert resident.groups[0] == ("asgiserve", (Bar(18.0, "18.0"),))
    assert idle.groups[1] == ("uvicorn", (Bar(8.0, "8.0"),))


def test_scenario_in_which_all_fail_has_no_chart():
    assert make_charts(format_document({"s": {"uvicorn": FAILED}}, {}, PLAN, {})) == []


def test_latency_chart_has_percentiles_of_who_keeps_the_rate_alone():
    row = {
        "slow": Measured([1.0], [1.0], [LATE]),
        "second": Measured([1.0], [1.0], [replace(KEPT, p99_us=300.0)]),
        "first": Measured([1.0], [1.0], [KEPT]),
    }
    chart = chart_of("rate", row)
    assert chart.name == "latency-rate"
    assert "at 5,000 requests a second" in chart.subtitle
    assert [server for server, _ in chart.groups] == ["first", "second", "slow"]
    assert chart.groups[0][1] == (Bar(100.0, "100"), Bar(250.0, "250"), Bar(1234.0, "1,234"))
    assert chart.groups[2][1] == "does not keep the rate: 50% answered"


def test_bars_are_as_long_as_their_figures_say():
    bars = (("a", (Bar(10.0, "10.0"),)), ("b", (Bar(40.0, "40.0"),)), ("c", "fails"))
    widths, texts = read_svg(Chart("n", "title", "subtitle", ("one",), bars))
    assert widths[1] == pytest.approx(4 * widths[0])
    assert texts == ["title", "subtitle", "a", "10.0", "b", "40.0", "c", "fails"]


def test_several_bars_a_server_have_a_legend():
    group = ("a", (Bar(1.0, "1"), Bar(2.0, "2")))
    widths, texts = read_svg(Chart("n", "title", "subtitle", ("p50", "p99"), (group,)))
    assert len(widths) == 2 * 2 + 2
    assert texts == ["title", "subtitle", "p50", "p99", "a", "1", "2"]


def test_chart_without_a_bar_is_drawn():
    widths, texts = read_svg(Chart("n", "title", "subtitle", ("one",), (("a", "fails"),)))
    assert (widths, texts[-1]) == ([], "fails")


def test_names_are_escaped():
    bars = (("<a>&", (Bar(1.0, "1"),)),)
    _, texts = read_svg(Chart("n", 'a "title" & <more>', "", ("one",), bars))
    assert texts[0] == 'a "title" & <more>'
    assert texts[2] == "<a>&"


def test_own_bars_stand_out_on_light_and_dark_pages():
    svg = draw(chart_of("s", {"asgiserve-pure": Measured([1.0], [1.0])}))
    assert 'class="own-bar-0"' in svg
    light, _, dark = svg.partition("prefers-color-scheme: dark")
    assert ".own-bar-0 {" in light
    assert ".own-bar-0 {" in dark


def test_command_writes_a_file_a_scenario(tmp_path):
    row = {"asgiserve": Measured([1.0], [1.0])}
    document = format_document({"a": row, "b": row}, {}, PLAN, {})
    (tmp_path / "results.json").write_text(json.dumps(document))
    command = [sys.executable, "-m", "benchmarks.load.charts", "results.json", "charts/new"]
    environment = {"PYTHONPATH": ":".join(sys.path)}
    printed = subprocess.check_output(command, cwd=tmp_path, env=environment, text=True)
    assert printed.splitlines() == ["charts/new/cpu-a.svg", "charts/new/cpu-b.svg"]
    written = tmp_path / "charts" / "new" / "cpu-a.svg"
    assert written.read_text() == draw(chart_of("a", row))


def test_charts_are_written_over_older_ones(tmp_path):
    document = format_document({"a": {"asgiserve": Measured([1.0], [1.0])}}, {}, PLAN, {})
    assert write_charts(document, tmp_path) == write_charts(document, tmp_path)
