"""The instruction counts that are gated; as a program, count them and write JSON.

Run as ``python -m benchmarks.gate.instructions FILE NAME...``, for the tree that it stands in.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.contenders import CONTENDERS
from benchmarks.server_process import ServerError
from benchmarks.wire.measure import Subject, count_harness, count_per_request

__all__ = ["FAST", "FIGURES", "UNIT", "Figure", "count_figures"]

UNIT = "instructions"


@dataclass(frozen=True)
class Figure:
    """What is counted: a server, a form of benchmarks.wire, and a request."""

    server: str
    form: str
    request: str

    @property
    def name(self) -> str:
        """What it is called in the baseline: a changed workload gets a new name."""
        return f"{self.server}-{self.form}-{self.request}"


# The least to see parser, cycle and both protocols by: starting Python takes most of the time.
FAST = (
    Figure("asgiserve", "connection", "wrk"),
    Figure("asgiserve", "connection", "ws-text-32b"),
)
# One connection at a time: with several, what is written together depends on the time it took.
FIGURES = (
    FAST[0],
    Figure("asgiserve", "connection", "browser"),
    FAST[1],
    Figure("asgiserve", "server", "wrk"),
    Figure("asgiserve", "server", "browser"),
    Figure("asgiserve", "server-close", "wrk"),
    Figure("asgiserve-pure", "connection", "wrk"),
    Figure("asgiserve-pure", "connection", "ws-text-32b"),
)


def count_figures(figures: Iterable[Figure]) -> dict[str, float]:
    """Count each figure, by its name; one that fails is left out, and that is said."""
    counts: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        # The harness takes no notice of what the request is.
        harness_count = count_harness("wrk", Path(folder, "harness"))
        for figure in figures:
            print(f"counting {figure.name}", file=sys.stderr, flush=True)
            try:
                count = count_figure(figure, Path(folder, figure.name))
            except (ServerError, ValueError, OSError) as error:
                print(f"  failed: {error}", file=sys.stderr)
                continue
            counts[figure.name] = count - (harness_count if figure.form == "connection" else 0)
    return counts


def count_figure(figure: Figure, folder: Path) -> float:
    """Count one figure, with what the harness costs."""
    subject = Subject(CONTENDERS[figure.server], figure.request)
    return count_per_request(figure.form, subject, folder)


if __name__ == "__main__":
    file_name, *figure_names = sys.argv[1:]
    chosen = [figure for figure in FIGURES if figure.name in figure_names]
    Path(file_name).write_text(json.dumps(count_figures(chosen)))
