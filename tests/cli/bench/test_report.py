"""What is printed of a measurement."""

from __future__ import annotations

import json

import pytest

from asgiserve.cli.bench import report
from asgiserve.cli.bench.load import LoadResult
from asgiserve.cli.bench.measure import Measurement, Plan
from asgiserve.cli.bench.request import Request
from asgiserve.cli.bench.timing import CpuReading, Shares
from asgiserve.config.config import Config
from asgiserve.version import __version__

PLAN = Plan(Request(target="/x"), 16, 5, 1)
LOAD = LoadResult(
    duration_s=5.0,
    client_cpu_s=2.0,
    statuses={200: 9_900, 503: 100},
    failures={"connection closed before the answer was whole": 3},
    latency_us={"p50": 7_900, "p90": 9_000, "p99": 12_345, "max": 1_500_000},
    open_connections=16,
)
# Two requests were under way at the end.
PASSED = CpuReading(5_001_000_000, 0, 4_000_800_000, 0, 0, 0, 10_002, 0)
MEASUREMENT = Measurement("pure column, asyncio", LOAD, PASSED, Shares(0.75, 0.25))
NOTHING_PASSED = CpuReading(0, 0, 0, 0, 0, 0, 0, 0)


def without_answers(**fields):
    return Measurement("stack", LoadResult(duration_s=5.0, **fields), NOTHING_PASSED, None)


def test_text_tells_requests_latencies_errors_and_shares():
    lines = report.format_text(MEASUREMENT, PLAN, ["a hint"]).splitlines()
    assert lines == [
        f"asgiserve {__version__} (pure column, asyncio)",
        "GET /x: 16 connections, 5.00 s after 1 s of warm-up",
        "",
        "requests      10,000, 2,000 per second",
        "latency       p50 7.90 ms, p90 9.00 ms, p99 12.35 ms, maximum 1.50 s",
        "answers       200: 9,900, 503: 100",
        "no answer     connection closed before the answer was whole: 3",
        "busy          server and application 80% of a core, client 40% of another",
        "",
        "CPU time of a request, server and application",
        "  all            400 µs",
        "  application    300 µs, 75% (threads 100 µs)",
        "  server, loop   100 µs, 25%",
        "  (how it is shared is approximate)",
        "",
        "hint: a hint",
    ]


def test_json_has_the_same_figures_with_their_units():
    figures = json.loads(report.format_json(MEASUREMENT, PLAN, ["a hint"]))
    assert figures == {
        "asgiserve": __version__,
        "stack": "pure column, asyncio",
        "method": "GET",
        "target": "/x",
        "connections": 16,
        "warm_up_s": 1,
        "duration_s": 5.0,
        "requests": 10_000,
        "requests_per_s": 2000.0,
        "latency_us": {"p50": 7_900, "p90": 9_000, "p99": 12_345, "max": 1_500_000},
        "statuses": {"200": 9_900, "503": 100},
        "failures": {"connection closed before the answer was whole": 3},
        "client_busy": 0.4,
        "process_busy": 0.8,
        "cpu_us_per_request": {
            "total": 400.0,
            "application": 300.0,
            "application_threads": 100.0,
            "server": 100.0,
        },
        "application_share": 0.75,
        "hints": ["a hint"],
    }


def test_share_that_is_not_known_is_left_out():
    measurement = Measurement("stack", LOAD, PASSED, None)
    text = report.format_text(measurement, PLAN, [])
    assert "  all            400 µs" in text
    assert "approximate" not in text
    figures = report.tell_figures(measurement, PLAN)
    assert figures["cpu_us_per_request"] == {"total": 400.0}
    assert "application_share" not in figures


def test_connections_that_could_not_be_opened_are_told():
    load = LoadResult(duration_s=1, statuses={200: 1}, latency_us=LOAD.latency_us)
    text = report.format_text(Measurement("stack", load, PASSED, None), PLAN, [])
    assert "0 of 16 connections" in text


@pytest.mark.parametrize(
    ("us", "text"),
    [(0, "0 µs"), (9.64, "9.6 µs"), (12, "12 µs"), (999, "999 µs"), (1000, "1.00 ms")],
)
def test_durations_have_their_natural_unit(us, text):
    assert report.show_us(us) == text


@pytest.mark.parametrize(
    ("measurement", "line"),
    [
        (without_answers(statuses={500: 1234}), "no request succeeded; status 500: 1,234"),
        (
            without_answers(failures={"cannot connect: Connection refused": 16}),
            "no request succeeded; cannot connect: Connection refused: 16",
        ),
        (without_answers(), "no request succeeded; nothing was answered within 5.00 s"),
    ],
)
def test_failure_is_explained_in_one_line(measurement, line):
    assert report.describe_failure(measurement) == line


# Hints ------------------------------------------------------------------------------------------


@pytest.fixture
def platform(monkeypatch):
    """A CPython on Linux that has all."""
    monkeypatch.setattr(report.sys, "platform", "linux")
    monkeypatch.setattr(report.sys.implementation, "name", "cpython")
    monkeypatch.setattr(report, "COLUMN", "compiled")
    monkeypatch.setattr(report, "find_spec", lambda name: object())
    return monkeypatch


def hints_of(
    stack="compiled column, uvloop 1", loop="auto", client_cpu_s=1.0, passed=NOTHING_PASSED
):
    load = LoadResult(duration_s=5.0, client_cpu_s=client_cpu_s)
    return report.find_hints(Measurement(stack, load, passed, None), Config("main:app", loop=loop))


def test_there_is_no_hint_where_all_is_well(platform):
    assert hints_of() == []


def test_hint_tells_of_the_compiled_column_that_does_not_run(platform):
    platform.setattr(report, "COLUMN", "pure")
    (hint,) = hints_of()
    assert "unset ASGISERVE_SPEEDUPS" in hint
    platform.setattr(report, "find_spec", lambda name: None)
    (hint,) = hints_of()
    assert "was not built" in hint


def test_pure_column_and_asyncio_are_right_on_pypy(platform):
    platform.setattr(report.sys.implementation, "name", "pypy")
    platform.setattr(report, "COLUMN", "pure")
    assert hints_of("pure column, asyncio") == []


def test_hint_tells_of_a_missing_uvloop_unless_asyncio_was_chosen(platform):
    (hint,) = hints_of("compiled column, asyncio")
    assert "uvloop" in hint
    assert hints_of("compiled column, asyncio", loop="asyncio") == []


def test_hint_tells_of_a_client_without_time(platform):
    (hint,) = hints_of(client_cpu_s=4.9)
    assert "client" in hint


def test_hint_tells_of_other_programs_that_had_the_cpu(platform):
    (hint,) = hints_of(passed=PASSED._replace(wall_ns=1000, queued_ns=250))
    assert hint.startswith("for 25% of the time")
    assert hints_of(passed=PASSED._replace(wall_ns=1000, queued_ns=50)) == []
