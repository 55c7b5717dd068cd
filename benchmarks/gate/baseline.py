"""The figures that were accepted last, in a file of the repository."""

from __future__ import annotations

import datetime
import json
from dataclasses import asdict, dataclass
from pathlib import Path

__all__ = ["BASELINE_FILE", "Baseline", "read_baseline", "write_baseline"]

BASELINE_FILE = Path(__file__).resolve().parent.parent / "baseline.json"


@dataclass(frozen=True)
class Baseline:
    """Accepted figures.

    Attributes:
        reason: why they were accepted.
        date: when they were measured.
        versions: what they were measured with.
        instructions: by the figure's name, user-space instructions per request or message.
    """

    reason: str
    date: str
    versions: dict[str, str]
    instructions: dict[str, int]


def read_baseline(path: Path) -> Baseline:
    """Read what ``write_baseline`` wrote."""
    return Baseline(**json.loads(path.read_text()))


def write_baseline(
    path: Path, reason: str, versions: dict[str, str], counts: dict[str, float]
) -> None:
    """Replace the baseline by *counts*, measured today."""
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    instructions = {name: round(count) for name, count in counts.items()}
    baseline = Baseline(reason, today, versions, instructions)
    path.write_text(json.dumps(asdict(baseline), indent=2) + "\n")
