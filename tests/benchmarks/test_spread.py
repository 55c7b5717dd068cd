"""The benchmark of the spread opens connections, and tells who had them."""

import asyncio
import sys

import pytest

from benchmarks.server_process import ServerProcess, find_free_port
from benchmarks.spread import (
    Opened,
    command_of,
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
