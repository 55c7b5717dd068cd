"""Callgrind's files are read for their totals."""

import pytest

from benchmarks.wire import callgrind


def test_read_instructions_sums_the_processes_of_a_run(tmp_path):
    (tmp_path / "callgrind.out.10").write_text("events: Ir\nsummary: 90\n\ntotals: 100\n")
    (tmp_path / "callgrind.out.11").write_text("events: Ir\n\ntotals: 23\n")
    assert callgrind.read_instructions(tmp_path) == 123


def test_read_instructions_refuses_a_process_that_was_killed(tmp_path):
    (tmp_path / "callgrind.out.10").write_text("")
    with pytest.raises(ValueError, match=r"callgrind\.out\.10"):
        callgrind.read_instructions(tmp_path)


def test_read_instructions_refuses_a_run_that_left_nothing(tmp_path):
    with pytest.raises(ValueError, match="no callgrind output"):
        callgrind.read_instructions(tmp_path)
