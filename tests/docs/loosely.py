"""Whether a program printed what a page shows, but for what is another each time."""

from __future__ import annotations

import re

__all__ = ["has_lines", "is_same"]

# Times, versions, process ids, measured figures. The order counts.
VARIABLE = (
    (r"\x1b\[[\d;]*m", ""),
    # The column and what it stands on.
    (r"\((?:compiled|pure) column[^)]*\)", "(COLUMN)"),
    (r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d", "TIME"),
    (r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", "TIME"),
    (r"(?<![\d.])\d+\.\d+\.\d+(?![\d.])", "VERSION"),
    (r"\b(pid|process|Worker) \d+", r"\1 N"),
    # The port of a client.
    (r"(127\.0\.0\.1|localhost):\d{5}\b", r"\1:PORT"),
    (r"\b\d[\d,]*, \d[\d,]* per second", "N, N per second"),
    (r"\b(\d{3}): [\d,]+$", r"\1: N"),
    (r"\b\d{1,3}(,\d{3})+\b|\b\d{4,}\b", "N"),
    (r"\b\d+(\.\d+)?( ?(ms|µs|us|s)\b|%)", "N"),
    (r"[ \t]+", " "),
)
ANYTHING = "..."


def is_same(printed: str, shown: list[str]) -> bool:
    """Compare all that was printed with the lines *shown*; ``...`` stands for anything."""
    pattern = "".join(
        r"(.*\n)*?" if line.strip() == ANYTHING else f"{line_pattern(line)}\n" for line in shown
    )
    lines = [make_constant(line) for line in printed.strip().splitlines()]
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in lines)) is not None


def has_lines(printed: str, shown: list[str]) -> bool:
    """Tell whether the lines *shown* are among those printed, in this order."""
    remaining = iter([make_constant(line) for line in printed.splitlines()])
    return all(
        any(re.fullmatch(line_pattern(line), other) for other in remaining)
        for line in shown
        if line.strip() != ANYTHING
    )


def make_constant(line: str) -> str:
    """*line* with a word in the place of each variable part."""
    for pattern, word in VARIABLE:
        line = re.sub(pattern, word, line)
    return line.strip()


def line_pattern(shown: str) -> str:
    return re.escape(make_constant(shown)).replace(re.escape(ANYTHING), ".*")
