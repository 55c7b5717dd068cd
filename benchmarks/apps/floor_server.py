"""Become ``floor.c``, the least that a server could do: ``python -m ... PORT``."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from benchmarks.c_program import build_program

__all__ = ["SOURCE"]

SOURCE = Path(__file__).with_name("floor.c")

if __name__ == "__main__":
    program = build_program(SOURCE)
    os.execv(program, [program, sys.argv[1]])
