"""Two builds are found, copied and timed in turns."""

import json
import shutil

import pytest

from benchmarks.gate import times

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")

# Two calls, the second of them worse, and one that stands beside them.
CALLS = {"bench_a.py::bench_a[compiled]": 100.0, "bench_a.py::bench_b[pure-text]": 200.0}


def test_times_are_the_least_of_own_calls_in_nanoseconds(tmp_path):
    write_times(tmp_path / "times.json", {**CALLS, "bench_a.py::bench_a[h11]": 900.0})
    known = times.read_times(tmp_path / "times.json")
    assert known == pytest.approx(CALLS)
    times.merge_least(known, {"bench_a.py::bench_a[compiled]": 90.0, "bench_c": 1.0})
    assert known == pytest.approx({**CALLS, "bench_a.py::bench_a[compiled]": 90.0, "bench_c": 1.0})


def test_sides_take_turns_and_what_looks_worse_is_timed_again(monkeypatch):
    runs = []

    def time_side(side, names, *, must_pass):
        runs.append((side, list(names), must_pass))
        # The machine was busy until the fourth round of the candidate.
        slowness = 1.2 if side == "candidate" and len(runs) < 8 else 1
        return {name: CALLS[name] * slowness for name in names or CALLS}

    monkeypatch.setattr(times, "time_side", time_side)
    before, now = times.time_sides("baseline", "candidate")
    assert before == now == CALLS
    in_turns = [("baseline", [], False), ("candidate", [], True)] * times.ROUNDS
    again = [("baseline", list(CALLS), False), ("candidate", list(CALLS), True)]
    assert runs == in_turns + again


def test_call_that_stays_worse_is_timed_again_alone_and_keeps_its_time(monkeypatch):
    runs = []

    def time_side(side, names, *, must_pass):
        runs.append(list(names))
        worse = {"bench_a.py::bench_b[pure-text]": 220.0} if side == "candidate" else {}
        return {name: {**CALLS, **worse}[name] for name in names or CALLS}

    monkeypatch.setattr(times, "time_side", time_side)
    before, now = times.time_sides("baseline", "candidate")
    assert times.name_worse(before, now) == ["bench_a.py::bench_b[pure-text]"]
    assert runs[-1] == ["bench_a.py::bench_b[pure-text]"]
    assert len(runs) == 2 * (times.ROUNDS + times.MORE_ROUNDS)


def write_times(path, calls):
    """Write what pytest-benchmark writes of calls, of their times in nanoseconds."""
    benchmarks = [
        {"name": name.partition("::")[2], "fullname": name, "stats": {"min": time_ns / 1e9}}
        for name, time_ns in calls.items()
    ]
    path.write_text(json.dumps({"benchmarks": benchmarks}))
