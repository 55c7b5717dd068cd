"""A candidate's figures beside a baseline's: which are worse, and by how much."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

__all__ = ["LIMIT", "Comparison", "compare"]

# So much worse may a figure be.
LIMIT = 1.05


@dataclass(frozen=True)
class Comparison:
    """One figure on both sides; None on a side that has none.

    Attributes:
        name: the figure.
        unit: of both numbers; less is better.
    """

    name: str
    unit: str
    baseline: float | None
    now: float | None

    @property
    def ratio(self) -> float | None:
        """How many times the baseline this is; None where one of the two is missing."""
        if self.baseline is None or self.now is None:
            return None
        return self.now / self.baseline

    @property
    def is_worse(self) -> bool:
        """Whether both are there, and the limit is passed."""
        return self.ratio is not None and self.ratio > LIMIT

    def describe(self, mark: str) -> str:
        """Write one line that begins with *mark*."""
        line = (
            f"{mark:4}  {self.name}: baseline {self.format(self.baseline)},"
            f" now {self.format(self.now)} {self.unit}"
        )
        return line if self.ratio is None else f"{line}, ratio {self.ratio:.3f}"

    def format(self, value: float | None) -> str:
        """Write one number of this unit."""
        return "missing" if value is None else f"{value:,.0f}"


def compare(
    names: Iterable[str], unit: str, baseline: Mapping[str, float], now: Mapping[str, float]
) -> list[Comparison]:
    """Put the figures *names* beside each other."""
    return [Comparison(name, unit, baseline.get(name), now.get(name)) for name in names]
