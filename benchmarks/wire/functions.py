"""In which functions instructions go: callgrind_annotate's lists, the long run less the short."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from pathlib import Path

from benchmarks.wire.measure import DIFFERENCE

__all__ = ["list_functions", "parse_annotation"]

# A count, a share, source file, function, recursion mark, library: as in
# "12,345 ( 1.20%)  ./Objects/call.c:PyObject_Call'2 [/usr/lib/libpython3.13.so.1.0]".
LINE = re.compile(r"^\s*([\d,]+) \(\s*[\d.]+%\)\s+\S*?:(\S.*?)(?: \[[^\]]*\])?$")


def list_functions(
    folder: Path, harness_folder: Path | None, *, is_inclusive: bool
) -> list[tuple[float, str]]:
    """List instructions per request and function, the dearest first.

    Args:
        folder: what ``count_per_request`` filled.
        harness_folder: what ``count_harness`` filled, to be taken off; None for nothing.
        is_inclusive: count what a function calls as its own; recursion then counts more than once.
    """
    costs = annotate(folder / "long", is_inclusive)
    costs.subtract(annotate(folder / "short", is_inclusive))
    if harness_folder is not None:
        costs.subtract(annotate(harness_folder / "long", is_inclusive))
        costs.update(annotate(harness_folder / "short", is_inclusive))
    return [(count / DIFFERENCE, function) for function, count in costs.most_common()]


def annotate(folder: Path, is_inclusive: bool) -> Counter[str]:
    """Sum the lists of the processes of one run."""
    costs: Counter[str] = Counter()
    for path in folder.glob("callgrind.out.*"):
        inclusive = f"--inclusive={'yes' if is_inclusive else 'no'}"
        finished = subprocess.run(
            ["callgrind_annotate", "--threshold=100", "--auto=no", inclusive, str(path)],
            capture_output=True,
            text=True,
            check=True,
        )
        costs.update(parse_annotation(finished.stdout))
    return costs


def parse_annotation(text: str) -> Counter[str]:
    """Read one list; the parts of a function that were inlined from several files are added up."""
    costs: Counter[str] = Counter()
    for line in text.splitlines():
        if found := LINE.match(line):
            count, function = found.groups()
            costs[function] += int(count.replace(",", ""))
    return costs
