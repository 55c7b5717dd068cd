"""What one run of a load generator counted."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Latency", "Load"]


@dataclass(frozen=True)
class Latency:
    """How long requests waited for their answers, from when each was due by a fixed rate.

    Attributes:
        due_per_s: the rate.
        share_answered: how many of the requests that were due were also sent and answered.
    """

    due_per_s: float
    share_answered: float
    p50_us: float
    p99_us: float
    p99_9_us: float
    max_us: float


@dataclass(frozen=True)
class Load:
    """One run.

    Attributes:
        exchanges: requests that were answered, or messages that were echoed.
        failure: what went wrong; None when all went well.
        latency: None where requests are sent as fast as the server answers.
    """

    exchanges: int
    duration_s: float
    failure: str | None
    latency: Latency | None = None
