"""Percentiles by the nearest rank."""

from __future__ import annotations

import pytest

from asgiserve.cli.bench.latencies import percentile, summarize


@pytest.mark.parametrize(
    ("percent", "value"), [(1, 1), (50, 50), (90, 90), (99, 99), (99.1, 100), (100, 100)]
)
def test_percentile_of_1_to_100_is_its_number(percent, value):
    assert percentile(dict.fromkeys(range(100, 0, -1), 1), percent) == value


def test_percentile_counts_what_was_seen_often():
    counts = {10: 98, 500: 1, 9000: 1}
    assert [percentile(counts, percent) for percent in (50, 98, 99, 100)] == [10, 10, 500, 9000]


def test_summary_has_percentiles_and_maximum():
    assert summarize({7: 1}) == {"p50": 7, "p90": 7, "p99": 7, "max": 7}
    assert summarize({}) == {"p50": 0, "p90": 0, "p99": 0, "max": 0}
