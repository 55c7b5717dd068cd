"""How long answers took: counts by microsecond, and what can be told from them."""

from __future__ import annotations

import math
from collections.abc import Mapping

__all__ = ["PERCENTILES", "percentile", "summarize"]

PERCENTILES = (50, 90, 99)


def percentile(counts: Mapping[int, int], percent: float) -> int:
    """The value that *percent* of all values do not exceed (the nearest rank), 0 if there is none.

    Args:
        counts: how often each value was seen.
        percent: above 0, up to 100.
    """
    rank = math.ceil(sum(counts.values()) * percent / 100)
    for value in sorted(counts):
        rank -= counts[value]
        if rank <= 0:
            return value
    return 0


def summarize(counts: Mapping[int, int]) -> dict[str, int]:
    """The percentiles of what *counts* counts, and its maximum."""
    summary = {f"p{percent}": percentile(counts, percent) for percent in PERCENTILES}
    return {**summary, "max": max(counts, default=0)}
