"""What callgrind wrote down of one run: instructions by function, alone and with what it calls."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["CallGraph", "parse_call_graph", "read_call_graph"]

# A name in full with a number, later the number alone (Callgrind Format Specification, "Name
# Compression").
NAME = re.compile(r"\((\d+)\)(?: (.*))?$")
# A line of costs begins with its place in the source: absolute, relative or the same as before.
COST_STARTS = frozenset("0123456789+-*")


@dataclass
class CallGraph:
    """Instructions by function; a function that calls itself counts more than once in *inclusive*.

    Attributes:
        own: what a function executed itself.
        inclusive: with what it called.
    """

    own: Counter[str] = field(default_factory=Counter)
    inclusive: Counter[str] = field(default_factory=Counter)

    def add(self, other: CallGraph) -> None:
        """Add another process or run."""
        self.own.update(other.own)
        self.inclusive.update(other.inclusive)

    def subtract(self, other: CallGraph) -> None:
        """Take another run off."""
        self.own.subtract(other.own)
        self.inclusive.subtract(other.inclusive)

    def count(self) -> int:
        """Sum all instructions."""
        return self.own.total()


def read_call_graph(folder: Path) -> CallGraph:
    """Add up the processes of one run."""
    graph = CallGraph()
    for path in folder.glob("callgrind.out.*"):
        with path.open(errors="replace") as lines:
            graph.add(parse_call_graph(lines))
    return graph


def parse_call_graph(lines: Iterable[str]) -> CallGraph:
    """Read one file of callgrind's."""
    graph = CallGraph()
    names: dict[str, str] = {}
    function = ""
    is_call = False
    for line in lines:
        if line[0] in COST_STARTS:
            cost = int(line.split()[-1])
            graph.inclusive[function] += cost
            if not is_call:
                graph.own[function] += cost
            is_call = False
        elif line.startswith("calls="):
            # The next line has what the call cost in all.
            is_call = True
        elif line.startswith("fn="):
            function = expand_name(line[len("fn=") :], names)
        elif line.startswith("cfn="):
            expand_name(line[len("cfn=") :], names)
    return graph


def expand_name(text: str, names: dict[str, str]) -> str:
    """Look a function up, or note it in *names* where it is spelt for the first time."""
    found = NAME.match(text.rstrip("\n"))
    if found is None:
        raise ValueError(f"not a function of callgrind's: {text[:200]!r}")
    number, name = found.groups()
    if name is not None:
        names[number] = name
    return names[number]
