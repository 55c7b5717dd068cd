"""What the doctor has found, and how it is told: in lines for people, or as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import Enum

from asgiserve.logs.formatters import BOLD, DIM, RESET

__all__ = ["Finding", "Level", "format_json", "format_text"]


class Level(Enum):
    """How much a finding matters; the value is what a line begins with."""

    OK = "ok"
    # Not installed, and not needed by the options.
    OPTIONAL = "optional"
    # Something would be faster or safer.
    ADVICE = "advice"
    # Something does not work.
    BROKEN = "broken"


COLORS = {
    Level.OK: "\x1b[32m",
    Level.OPTIONAL: DIM,
    Level.ADVICE: "\x1b[33m",
    Level.BROKEN: "\x1b[31m",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Args:
        subject: what it is, in a word.
        text: what there is, and why it matters if it does.
        command: what to type to mend it; "" where nothing is to be done.
    """

    subject: str
    level: Level
    text: str
    command: str = ""


def format_text(findings: Sequence[Finding], *, use_colors: bool) -> str:
    """*findings* in lines, and a last one that counts them."""
    width = max(len(each.subject) for each in findings)
    lines = []
    for each in findings:
        level = f"{each.level.value:<8}"
        if use_colors:
            level = f"{COLORS[each.level]}{level}{RESET}"
        lines.append(f"{level}  {each.subject:<{width}}  {each.text}")
        if each.command:
            command = f"{BOLD}{each.command}{RESET}" if use_colors else each.command
            lines.append(f"{'':<{8 + 2 + width + 2}}$ {command}")
    lines += ["", summarize(findings)]
    return "\n".join(lines)


def summarize(findings: Sequence[Finding]) -> str:
    """How many findings need something done."""
    broken = sum(each.level is Level.BROKEN for each in findings)
    advice = sum(each.level is Level.ADVICE for each in findings)
    verdict = f"{broken} broken" if broken else "nothing is broken"
    return f"{verdict}, {advice} could be better" if advice else verdict


def format_json(findings: Sequence[Finding], version: str) -> str:
    """*findings* as one JSON object."""
    is_broken = any(each.level is Level.BROKEN for each in findings)
    return json.dumps(
        {
            "version": version,
            "is_broken": is_broken,
            "findings": [asdict(each) | {"level": each.level.value} for each in findings],
        },
        indent=2,
    )
