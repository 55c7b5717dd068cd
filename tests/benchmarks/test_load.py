"""What the load program computes and writes, without load."""

from dataclasses import replace

import pytest

from benchmarks.load.counts import Latency, Load
from benchmarks.load.footprint import Footprint
from benchmarks.load.report import format_markdown
from benchmarks.load.rounds import Measured, Plan
from benchmarks.load.wrk import read_counts

PLAN = Plan(rounds=3, round_s=2, warm_up_s=1, server_core=0, load_core=1)
UVICORN = Measured([30.0, 40.0, 50.0], [20_000.0, 15_000.0, 12_000.0])
ASGISERVE = Measured([12.0, 12.0, 25.0], [50_000.0, 51_000.0, 30_000.0])


def test_counts_of_wrk_without_an_error_are_read():
    output = 'Running 2s test\n{"requests": 90, "duration_us": 2000000, "read errors": 0}\n'
    assert read_counts(output) == Load(90, 2.0, None)


def test_counts_of_wrk_name_the_errors_that_were_met():
    output = '{"requests": 9, "duration_us": 1000000, "read errors": 3, "status errors": 0}'
    assert read_counts(output).failure == "3 read errors, 9 requests answered"


def test_counts_of_wrk_without_a_request_are_a_failure():
    output = '{"requests": 0, "duration_us": 1000000, "read errors": 0}'
    assert read_counts(output).failure == "0 requests answered"


def test_figures_are_median_and_half_the_range():
    assert UVICORN.cpu_us == 40.0
    assert UVICORN.spread == 0.25


def test_ratio_is_taken_round_by_round():
    assert ASGISERVE.ratio_to(UVICORN) == pytest.approx(0.4)


def test_markdown_shows_cost_spread_and_ratio():
    results = {"s": {"uvicorn": UVICORN, "asgiserve": ASGISERVE}}
    tables = format_markdown(results, {}, PLAN, {"cpu": "a cpu"}, "uvicorn")
    assert "| `s` | 40.0 ±25% (1.00) | 12.0 ±54% (0.40) |" in tables
    assert "| `s` | 15,000 | 50,000 |" in tables


def test_markdown_shows_latencies_in_a_table_of_their_own():
    kept = Latency(5000.0, 1.0, 100.0, 250.0, 1000.0, 2000.0)
    slow = Latency(5000.0, 0.995, 120.0, 260.0, 1100.0, 3456.0)
    timed = Measured([20.0, 21.0], [5000.0, 4990.0], [kept, slow])
    late = Measured([200.0], [2500.0], [replace(kept, share_answered=0.5)])
    failed = Measured(failure="an answer of status 503")
    row = {"asgiserve": timed, "hypercorn": late, "uvicorn": failed}
    tables = format_markdown({"s": row}, {}, PLAN, {}, "uvicorn")
    assert "latency at 5,000 requests a second in microseconds" in tables
    assert "| asgiserve | yes | 110 | 255 | 1,050 | 3,456 | 20.5 |" in tables
    assert "| hypercorn | no, 50% | 100 | 250 | 1,000 | 2,000 | 200.0 |" in tables
    assert "| uvicorn | fails |" in tables
    assert "- uvicorn in `s`: an answer of status 503" in tables
    assert "| scenario |" not in tables


def test_two_workers_take_the_core_of_the_load_too_and_the_report_says_so():
    assert PLAN.choose_server_cores(1) == [0]
    assert PLAN.choose_server_cores(2) == [0, 1]
    assert PLAN.remark_on(1) is None
    assert PLAN.remark_on(2) == "2 workers on cores 0 and 1, the load on core 1"


def test_markdown_shows_starts_and_memory_in_a_table_of_their_own():
    footprint = Footprint([0.2, 0.3, 0.25], [0.2, 0.2, 0.1], [2**20 * 18] * 3, [3072.0] * 3)
    footprints = {"asgiserve": footprint, "daphne": Footprint(failure="no start")}
    tables = format_markdown({}, footprints, PLAN, {}, "uvicorn")
    assert "1,000 idle connections adds" in tables
    assert "| asgiserve | 250 | 200 | 18.0 | 3.0 |" in tables
    assert "| daphne | fails | - | - | - |" in tables
    assert tables.endswith("- daphne in `start-and-memory`: no start")
