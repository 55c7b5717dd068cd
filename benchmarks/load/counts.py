"""What one run of a load generator counted."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Load"]


@dataclass(frozen=True)
class Load:
    """One run.

    Attributes:
        exchanges: requests that were answered, or messages that were echoed.
        failure: what went wrong; None when all went well.
    """

    exchanges: int
    duration_s: float
    failure: str | None
