"""In which stage of a GET its instructions go: transport, parse, scope, task, application, framing.

A stage begins where one of its borders is called, and ends where the border of another stage is
called from below it. What a border costs with all that it calls, less the same of the borders next
below it, is its stage's, so that the stages add up to the total. Only the compiled column has
borders that callgrind can see.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.wire.call_graph import CallGraph, read_call_graph
from benchmarks.wire.measure import DIFFERENCE

__all__ = ["BORDERS", "STAGES", "Border", "split_by_stage", "split_run"]

# In the order of the table; the first is what surrounds all borders.
STAGES = ("transport", "parse", "scope", "task", "application", "framing", "rest")


@dataclass(frozen=True)
class Border:
    """A function in which a stage begins.

    Attributes:
        stage: whose instructions follow.
        function: class and method of the compiled column, or a name as callgrind has it.
        below: the border, by its function, from below which it is called; None for outside of all.
        is_def: Python calls it; else C does.
    """

    stage: str
    function: str
    below: str | None
    is_def: bool = False

    @property
    def pattern(self) -> re.Pattern[str]:
        """What callgrind calls it: Cython puts lengths, and numbers of methods, into names."""
        if "." not in self.function:
            return re.compile(re.escape(self.function) + "$")
        owner, _, method = self.function.partition(".")
        kind = "pw" if self.is_def else "f"
        return re.compile(rf"__pyx_{kind}_9asgiserve_.*_\d+{owner}_\d*{method}$")


# A GET whose application does not read the body, from the outside in.
BORDERS = (
    Border("rest", "Http1Connection.data_received", None, is_def=True),
    Border("parse", "RequestParser.feed", "Http1Connection.data_received"),
    Border("rest", "Http1Connection.on_head", "RequestParser.feed"),
    Border("scope", "ScopeFactory.http", "Http1Connection.on_head"),
    Border("framing", "ResponseFramer.begin", "Http1Connection.on_head"),
    Border("rest", "Http1Connection.on_end", "RequestParser.feed"),
    Border("task", "Cycle.start", "Http1Connection.on_end"),
    # Where a task lets its coroutine go on.
    Border("application", "PyIter_Send", "Cycle.start"),
    Border("rest", "Cycle.send", "PyIter_Send", is_def=True),
    # What it returned, once it is awaited.
    Border("rest", "PendingSend._has_sent", "PyIter_Send"),
    Border("framing", "ResponseFramer.hold_head", "PendingSend._has_sent"),
    Border("framing", "ResponseFramer.frame_body", "PendingSend._has_sent"),
    Border("transport", "WriteGate.write_end", "PendingSend._has_sent"),
    Border("rest", "Http1Connection.on_app_done", "Cycle.start"),
)


def split_run(folder: Path, harness_folder: Path | None) -> dict[str, float]:
    """Split what ``count_per_request`` left in *folder* by stage: instructions per request.

    Args:
        folder: what it filled.
        harness_folder: what ``count_harness`` filled, to be taken off the transport; None for none.
    """
    stages = split_by_stage(read_difference(folder))
    if harness_folder is not None:
        stages[STAGES[0]] -= read_difference(harness_folder).count()
    return {stage: count / DIFFERENCE for stage, count in stages.items()}


def read_difference(folder: Path) -> CallGraph:
    """Read the long run and take the short one off."""
    graph = read_call_graph(folder / "long")
    graph.subtract(read_call_graph(folder / "short"))
    return graph


def split_by_stage(graph: CallGraph, borders: Sequence[Border] = BORDERS) -> dict[str, int]:
    """Split all instructions of *graph* by stage.

    Raises:
        ValueError: a border is not called, or what is called below it costs more than itself: the
            code has changed, and BORDERS must.
    """
    inclusive = {border.function: count_border(border, graph.inclusive) for border in borders}
    left: dict[str | None, int] = {None: graph.count(), **inclusive}
    for border in borders:
        left[border.below] -= inclusive[border.function]
    stages = dict.fromkeys(STAGES, 0)
    stages[STAGES[0]] = left.pop(None)
    for border in borders:
        stages[border.stage] += left[border.function]
    for function, count in left.items():
        if count < 0:
            raise ValueError(f"less in {function} than in what is called below it: see BORDERS")
    return stages


def count_border(border: Border, inclusive: Mapping[str, int]) -> int:
    """Count what a border costs with all that it calls."""
    pattern = border.pattern
    count = sum(count for name, count in inclusive.items() if pattern.match(name))
    if count <= 0:
        raise ValueError(f"{border.function} is not called: see BORDERS")
    return count
