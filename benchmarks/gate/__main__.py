"""Fail when this checkout has become dearer: over 5 % on any gated figure.

The exit status is 0 when none is, 1 when one is or is missing, 2 when nothing could be compared.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from benchmarks.gate import instructions, times
from benchmarks.gate.baseline import BASELINE_FILE, read_baseline, write_baseline
from benchmarks.gate.comparison import LIMIT, Comparison, compare
from benchmarks.gate.instructions import FAST, FIGURES, Figure, count_figures
from benchmarks.gate.sides import (
    Side,
    build_side,
    copy_checkout,
    extract_revision,
    find_revision,
)
from benchmarks.gate.versions import BuildError, check_built, list_differences, read_versions
from benchmarks.server_process import REPOSITORY

PASSED, FAILED, NOTHING_COMPARED = 0, 1, 2


def parse_arguments(words: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gate", description=__doc__)
    parser.add_argument(
        "--fast",
        action="store_true",
        help="only the cheapest figures; with other versions than the baseline's, pass",
    )
    parser.add_argument(
        "--against",
        metavar="REV|VERSION",
        help="build that too, and compare with it, not with the stored baseline",
    )
    parser.add_argument(
        "--accept", metavar="WHY", help="measure, and make that the stored baseline"
    )
    arguments = parser.parse_args(words)
    if arguments.accept is not None and (arguments.fast or arguments.against):
        parser.error("--accept takes all figures of this checkout: no --fast, no --against")
    if arguments.accept is not None and not arguments.accept.strip():
        parser.error("--accept wants a reason")
    return arguments


def main(words: list[str] | None = None) -> int:
    """Do what the command line says; return the exit status."""
    arguments = parse_arguments(words)
    if shutil.which("valgrind") is None:
        print("nothing compared: valgrind is not installed")
        return NOTHING_COMPARED
    figures = FAST if arguments.fast else FIGURES
    try:
        if arguments.against:
            return gate_against(arguments.against, figures, is_fast=arguments.fast)
        check_built(REPOSITORY)
        if arguments.accept:
            return accept(arguments.accept)
        return gate_stored(figures, is_fast=arguments.fast)
    except BuildError as error:
        print(f"nothing compared: {error}")
        return NOTHING_COMPARED
    except times.BenchmarkError as error:
        print(f"FAIL  benchmarks/micro:\n{error}")
        return FAILED


def accept(reason: str) -> int:
    """Measure all figures and store them."""
    counts = count_figures(FIGURES)
    missing = [figure.name for figure in FIGURES if figure.name not in counts]
    if missing:
        print(f"not accepted: {', '.join(missing)} could not be counted")
        return FAILED
    write_baseline(BASELINE_FILE, reason, read_versions(REPOSITORY), counts)
    print(f"accepted {len(counts)} figures: {reason}")
    return PASSED


def gate_stored(figures: Iterable[Figure], *, is_fast: bool) -> int:
    """Compare this checkout, as it is built, with the stored baseline."""
    if not BASELINE_FILE.is_file():
        print("nothing to compare with: no baseline is stored")
        return NOTHING_COMPARED
    baseline = read_baseline(BASELINE_FILE)
    differences = list_differences(baseline.versions, read_versions(REPOSITORY))
    if differences:
        print(f"nothing to compare with: the baseline has {'; '.join(differences)}")
        return PASSED if is_fast else NOTHING_COMPARED
    print(f"Baseline of {baseline.date}: {baseline.reason}")
    names = [figure.name for figure in figures]
    counts = count_figures(figures)
    comparisons = compare(names, instructions.UNIT, baseline.instructions, counts)
    return conclude(comparisons, needs_baseline=True)


def gate_against(revision: str, figures: Iterable[Figure], *, is_fast: bool) -> int:
    """Build the revision and this checkout, measure both, and compare; *is_fast*: no times."""
    commit = find_revision(revision)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        extract_revision(commit, folder / "baseline-tree")
        copy_checkout(folder / "candidate-tree")
        baseline = build_side(folder / "baseline-tree", folder / "baseline")
        candidate = build_side(folder / "candidate-tree", folder / "candidate")
        print(f"Baseline: {revision}, commit {commit[:12]}, {describe(baseline)}")
        print(f"Now: this checkout, {describe(candidate)}")
        names = [figure.name for figure in figures]
        counts = [count_side(side, names) for side in (baseline, candidate)]
        comparisons = compare(names, instructions.UNIT, *counts)
        if not is_fast:
            before, now = times.time_sides(baseline, candidate)
            comparisons += compare(sorted({*before, *now}), times.UNIT, before, now)
        return conclude(comparisons, needs_baseline=False)


def describe(side: Side) -> str:
    """Name the versions of one side in a line."""
    return ", ".join(f"{name} {value}" for name, value in read_versions(side.folder).items())


def count_side(side: Side, names: list[str]) -> dict[str, float]:
    """Count the figures of one side in a process of its own."""
    results = side.folder / "instructions.json"
    side.run("-m", "benchmarks.gate.instructions", str(results), *names)
    counts: dict[str, float] = json.loads(results.read_text()) if results.is_file() else {}
    return counts


def conclude(comparisons: list[Comparison], *, needs_baseline: bool) -> int:
    """Print a line for each figure and return the exit status.

    Args:
        comparisons: all figures.
        needs_baseline: a figure that the baseline lacks fails; else it is only named, since an
            older tree may not have what it measures.
    """
    failed = 0
    for comparison in comparisons:
        is_bad = comparison.is_worse or comparison.now is None
        is_bad = is_bad or (comparison.baseline is None and needs_baseline)
        failed += is_bad
        mark = "FAIL" if is_bad else "ok" if comparison.ratio is not None else "new"
        print(comparison.describe(mark))
    if all(comparison.baseline is None for comparison in comparisons):
        print("nothing compared: the baseline has none of the figures")
        return NOTHING_COMPARED
    if failed:
        print(f"{failed} of {len(comparisons)} figures failed; the limit is a ratio of {LIMIT}")
        return FAILED
    print(f"no figure is worse than the limit, a ratio of {LIMIT}")
    return PASSED


if __name__ == "__main__":
    sys.exit(main())
