"""CPU time and resident size: of this process, and as ps writes them."""

import os
import shutil
import time

import pytest

from asgiserve.process import stats as process_stats
from asgiserve.process.stats import ProcessStats, ask_ps, parse_proc_stat, parse_ps

NO_PID = 2**22 + 1  # above the largest that Linux gives


@pytest.mark.skipif(
    process_stats.read_stats(os.getpid()) is None, reason="neither /proc nor ps is here"
)
def test_stats_of_this_process_grow_as_it_computes():
    before = process_stats.read_stats(os.getpid())
    assert before is not None
    end = time.process_time() + 0.05
    while time.process_time() < end:
        pass
    after = process_stats.read_stats(os.getpid())
    assert after.cpu_s > before.cpu_s
    assert 2**20 < after.resident_bytes < 2**36


def test_process_that_is_gone_has_none():
    assert process_stats.read_stats(NO_PID) is None


def test_command_with_parentheses_and_spaces_is_skipped():
    fields = [b"S", *[b"0"] * 10, b"250", b"150", *[b"0"] * 8, b"3"]
    stats = parse_proc_stat(b"42 (a) b (c) " + b" ".join(fields) + b" 0 0\n")
    tick_s, page_bytes = 1 / os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
    assert stats == ProcessStats(400 * tick_s, 3 * page_bytes)


@pytest.mark.parametrize(
    ("text", "cpu_s"),
    [
        (" 1024   0:01.50\n", 1.5),  # macOS
        ("1024 00:01:02", 62),  # procps
        ("1024 2-03:00:01", 2 * 86400 + 3 * 3600 + 1),
    ],
)
def test_times_of_ps_are_read(text, cpu_s):
    assert parse_ps(text) == ProcessStats(cpu_s, 1024 * 1024)


@pytest.mark.skipif(shutil.which("ps") is None, reason="there is no ps")
def test_ps_tells_what_proc_tells():
    stats = ask_ps(os.getpid())
    assert stats is not None
    assert stats.resident_bytes > 2**20
    assert ask_ps(NO_PID) is None
