"""The benchmark of the spread opens connections, and tells who had them."""

import asyncio
import sys

import pytest

from benchmarks.server_process import ServerProcess, find_free_port
from benchmarks.spread import (
    Figures,
    Opened,
    Short,
    command_of,
    format_rows,
    open_at_once,
    open_beside_stopped,
    open_in_turn,
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def test_imbalance_is_the_largest_count_over_the_mean():
    assert Opened([100, 100, 100, 100], []).imbalance == 1.0
    assert Opened([300, 100, 0, 0], []).imbalance == 3.0


def test_every_connection_is_counted_for_its_worker():
    port = find_free_port()
    with ServerProcess(command_of(("--balance",), port, 2), port):
        for open_some in (open_at_once, open_in_turn, open_beside_stopped):
            opened = asyncio.run(open_some(port, 20, 2))
            assert sum(opened.counts) == len(opened.waits_ms) == 20
            assert len(opened.counts) == 2


def test_rows_show_the_round_in_the_middle():
    rounds = [Opened([30, 10], [1.0]), Opened([20, 20], [2.0]), Opened([25, 15], [3.0])]
    figures = {"a way": Figures(rounds, rounds, rounds, [Short(1000.0, 50.0, 2.0)])}
    lines = format_rows(figures, 40)
    assert "| a way | 25 15 | 1.25 | 2.0 | 3.0 |" in lines
