"""Times of benchmarks/micro on two sides: the least of rounds in which they take turns.

The least time is that of a call that nothing disturbed. A machine that is busy otherwise needs
more rounds for one, so what looks worse is timed again before it counts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from pathlib import Path

from benchmarks.gate.comparison import LIMIT
from benchmarks.gate.sides import Side

__all__ = ["UNIT", "BenchmarkError", "merge_least", "name_worse", "read_times", "time_sides"]

UNIT = "ns"
ROUNDS = 3
MORE_ROUNDS = 8
# Of each call and round: so many rounds of pytest-benchmark's own are in it, and no fewer than
# that for calls of milliseconds, which are rarely left alone.
MAX_TIME_S = 0.15
MIN_CALLS = 30
# asgiserve's columns, not what stands beside them; the same as pytest's -k takes it.
OWN = re.compile(r"\[(?:compiled|pure)\b")
OWN_WORDS = "compiled or pure"
MICRO = "benchmarks/micro"

Times = dict[str, float]


class BenchmarkError(Exception):
    """The calls to be timed fail; the message is the end of what pytest printed."""


def time_sides(baseline: Side, candidate: Side) -> tuple[Times, Times]:
    """Time every call on both sides; what the baseline cannot run is missing there.

    Raises:
        BenchmarkError: the candidate cannot run one.
    """
    times: tuple[Times, Times] = ({}, {})
    names: Collection[str] = ()
    for number in range(ROUNDS + MORE_ROUNDS):
        if number >= ROUNDS:
            names = name_worse(*times)
            if not names:
                break
        for side, known in zip((baseline, candidate), times, strict=True):
            merge_least(known, time_side(side, names, must_pass=side is candidate))
    return times


def time_side(side: Side, names: Collection[str], *, must_pass: bool) -> Times:
    """Time the calls *names*, all if there are none, once."""
    results = side.folder / "times.json"
    results.unlink(missing_ok=True)
    chosen = [f"{MICRO}/{name}" for name in names] or [MICRO, "-k", OWN_WORDS]
    finished = side.run(
        *("-m", "pytest", "-p", "no:cacheprovider", "--quiet"),
        f"--benchmark-max-time={MAX_TIME_S}",
        f"--benchmark-min-rounds={MIN_CALLS}",
        f"--benchmark-json={results}",
        *chosen,
    )
    if must_pass and finished.returncode:
        raise BenchmarkError(finished.stdout.strip()[-2000:])
    return read_times(results) if results.is_file() else {}


def read_times(path: Path) -> Times:
    """Read the least time of each call from pytest-benchmark's file, in nanoseconds."""
    benchmarks = json.loads(path.read_text())["benchmarks"]
    return {
        each["fullname"].removeprefix(f"{MICRO}/"): each["stats"]["min"] * 1e9
        for each in benchmarks
        if OWN.search(each["name"])
    }


def merge_least(known: Times, new: Mapping[str, float]) -> None:
    """Keep the lesser of two times."""
    for name, time_ns in new.items():
        known[name] = min(time_ns, known.get(name, time_ns))


def name_worse(baseline: Mapping[str, float], now: Mapping[str, float]) -> list[str]:
    """Name the calls that are over the limit."""
    return [name for name, time_ns in now.items() if time_ns > LIMIT * baseline.get(name, time_ns)]
