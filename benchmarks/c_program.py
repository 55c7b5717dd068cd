"""The benchmarks' programs in C, which are compiled on first use."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from pathlib import Path

from benchmarks.server_process import REPOSITORY

__all__ = ["build_program"]

FOLDER = REPOSITORY / "build" / "benchmarks"


def build_program(source: Path) -> Path:
    """Compile *source*, unless this version of it is there.

    Raises:
        RuntimeError: there is no C compiler, or it failed.
    """
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    program = FOLDER / f"{source.stem}-{digest[:12]}"
    if program.exists():
        return program
    if shutil.which("cc") is None:
        raise RuntimeError(f"no C compiler: {source.name} needs cc (Debian: apt install gcc)")
    FOLDER.mkdir(parents=True, exist_ok=True)
    # Others may be at it too: what has the final name is always whole.
    with tempfile.TemporaryDirectory(dir=FOLDER) as scratch:
        unfinished = Path(scratch, program.name)
        command = ["cc", "-O2", "-Wall", "-Wextra", "-o", unfinished, source]
        finished = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if finished.returncode:
            raise RuntimeError(f"{source.name} cannot be compiled: {finished.stderr.strip()}")
        unfinished.replace(program)
    return program
