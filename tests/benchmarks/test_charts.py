"""Charts are drawn from what the load program wrote."""

from dataclasses import replace
from xml.etree import ElementTree

import pytest

from benchmarks.load.charts import Bar, Chart, draw, make_charts
from benchmarks.load.counts import Latency
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
