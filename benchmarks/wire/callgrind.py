"""Count a program's user-space instructions with callgrind: exact, whatever else runs."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

__all__ = ["ENVIRONMENT", "read_instructions", "wrap_command"]

# Sets and dicts of str then have one order, so that two runs take the same path.
ENVIRONMENT = {"PYTHONHASHSEED": "0"}


def wrap_command(command: Sequence[str], folder: Path) -> list[str]:
    """Say how to run *command* under callgrind; each process leaves a file in *folder*."""
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        raise FileNotFoundError("valgrind is not installed")
    return [
        valgrind,
        "--tool=callgrind",
        "--quiet",
        "--trace-children=yes",
        f"--callgrind-out-file={folder}/callgrind.out.%p",
        *command,
    ]


def read_instructions(folder: Path) -> int:
    """Sum what the processes of one run executed.

    Raises:
        ValueError: a process left no total, or there was none.
    """
    totals = [read_total(path) for path in folder.glob("callgrind.out.*")]
    if not totals:
        raise ValueError(f"no callgrind output in {folder}")
    return sum(totals)


def read_total(path: Path) -> int:
    """Find the total in one output file."""
    for line in reversed(path.read_text(errors="replace").splitlines()):
        if line.startswith("totals:"):
            return int(line.split()[1])
    raise ValueError(f"no total in {path.name}")
