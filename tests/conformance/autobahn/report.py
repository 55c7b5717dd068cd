"""What the fuzzing client found, as it stands in its index.json."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

__all__ = ["CaseResult", "find_failures", "format_table", "read_report"]

GROUPS = {
    1: "framing",
    2: "pings and pongs",
    3: "reserved bits",
    4: "opcodes",
    5: "fragmentation",
    6: "UTF-8",
    7: "close",
    9: "limits and performance",
    10: "auto-fragmentation",
    12: "compression: contents and sizes",
    13: "compression: parameters",
}
# No case takes a day.
MAX_DURATION_MS = 86_400_000
PASSES = ("OK", "INFORMATIONAL")
# An unclean or wrong close fails a case as well.
COLUMNS = (*PASSES, "NON-STRICT", "UNIMPLEMENTED", "FAILED")


@dataclass(frozen=True, order=True)
class CaseResult:
    """One case.

    Attributes:
        case: its number by parts, such as (6, 4, 2).
        behavior: the client's word for what was sent.
        behavior_close: its word for how the connection was closed.
        report_file: its details, in the report's folder.
    """

    case: tuple[int, ...]
    behavior: str
    behavior_close: str
    duration_ms: int
    report_file: str

    @property
    def verdict(self) -> str:
        """One of COLUMNS: the worse one of behaviour and close.

        What a case calls informational has no right answer, and so no right close.
        """
        if self.behavior == "INFORMATIONAL":
            return self.behavior
        if self.behavior not in COLUMNS or self.behavior_close not in PASSES:
            return "FAILED"
        return self.behavior

    @property
    def name(self) -> str:
        return ".".join(map(str, self.case))


def read_report(folder: Path, agent: str) -> list[CaseResult]:
    """Read the results of *agent*, in the order of cases."""
    results = json.loads((folder / "index.json").read_text())[agent]
    return sorted(
        CaseResult(
            tuple(int(part) for part in name.split(".")),
            result["behavior"],
            result["behaviorClose"],
            # Where the handshake failed, it is the time since 1970.
            result["duration"] if result["duration"] < MAX_DURATION_MS else 0,
            result["reportfile"],
        )
        for name, result in results.items()
    )


def find_failures(results: Iterable[CaseResult]) -> list[CaseResult]:
    """Return the cases that are neither right nor informational."""
    return [result for result in results if result.verdict not in PASSES]


def format_table(results: Iterable[CaseResult]) -> str:
    """Write a Markdown table with one row for each group of cases, and their sum."""
    lines = [f"| cases | of | {' | '.join(COLUMNS)} | s |", f"|---|---{'|---:' * 6}|"]
    results = list(results)
    for number, group in groupby(results, key=lambda result: result.case[0]):
        lines.append(format_row(f"{number}.*", GROUPS.get(number, ""), list(group)))
    lines.append(format_row("all", "", results))
    return "\n".join(lines)


def format_row(cases: str, subject: str, results: list[CaseResult]) -> str:
    """Count the verdicts; none is a blank, so that what is there is seen."""
    counts = Counter(result.verdict for result in results)
    cells = [str(counts[verdict] or "") for verdict in COLUMNS]
    duration_s = sum(result.duration_ms for result in results) / 1000
    return f"| `{cases}` | {subject} | {' | '.join(cells)} | {duration_s:.1f} |"
