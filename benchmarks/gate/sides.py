"""Two builds of asgiserve that are measured in one run, each in a folder of its own.

Interpreter and libraries are this process's for both, and so are the benchmarks: what differs is
asgiserve alone.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.gate.versions import BuildError
from benchmarks.server_process import REPOSITORY

__all__ = ["Side", "build_side", "copy_checkout", "extract_revision", "find_revision"]


@dataclass(frozen=True)
class Side:
    """A folder with the packages ``asgiserve``, as it was installed, and ``benchmarks``."""

    folder: Path

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run this Python with *arguments* in the folder; what it prints to stderr is shown."""
        inherited = os.environ.get("PYTHONPATH")
        path = os.pathsep.join([str(self.folder), *([inherited] if inherited else [])])
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": path},
            stdout=subprocess.PIPE,
            text=True,
        )


def find_revision(name: str, repository: Path = REPOSITORY) -> str:
    """Find the commit of a git revision, or of the release with this version.

    Raises:
        BuildError: there is neither.
    """
    for revision in (name, f"v{name}"):
        arguments = ["rev-parse", "--verify", "--quiet", "--end-of-options", revision + "^{commit}"]
        found = run_git(arguments, repository)
        if found.returncode == 0:
            return found.stdout.decode().strip()
    raise BuildError(f"git knows neither a revision {name!r} nor a tag 'v{name}'")


def extract_revision(commit: str, folder: Path, repository: Path = REPOSITORY) -> None:
    """Write the files of *commit* into *folder*."""
    archive = folder.with_suffix(".tar")
    made = run_git(["archive", f"--output={archive}", commit], repository)
    if made.returncode:
        raise BuildError(made.stderr.decode(errors="replace").strip()[-2000:])
    with tarfile.open(archive) as files:
        files.extractall(folder, filter="data")


def copy_checkout(folder: Path, repository: Path = REPOSITORY) -> None:
    """Copy the files that git would commit into *folder*: a build in it finds no older one."""
    listed = run_git(["ls-files", "-z", "--cached", "--others", "--exclude-standard"], repository)
    if listed.returncode:
        raise BuildError(listed.stderr.decode(errors="replace").strip()[-2000:])
    for name in listed.stdout.decode().rstrip("\0").split("\0"):
        # One that was deleted is still listed.
        if (repository / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(repository / name, folder / name)


def run_git(arguments: Sequence[str], repository: Path) -> subprocess.CompletedProcess[bytes]:
    """Ask git."""
    return subprocess.run(["git", *arguments], cwd=repository, capture_output=True)


def build_side(tree: Path, folder: Path) -> Side:
    """Build the compiled column of *tree* as a release would be, and install it into *folder*.

    Raises:
        BuildError: the build fails; the message is the end of what it printed.
    """
    wheels = folder.with_suffix(".wheel")
    run_pip("wheel", "--no-deps", f"--wheel-dir={wheels}", str(tree))
    (wheel,) = wheels.glob("*.whl")
    run_pip("install", "--no-deps", f"--target={folder}", str(wheel))
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(REPOSITORY / "benchmarks", folder / "benchmarks", ignore=ignored)
    return Side(folder)


def run_pip(*arguments: str) -> None:
    """Run this Python's pip, with a compiled column or none."""
    finished = subprocess.run(
        [sys.executable, "-m", "pip", *arguments],
        env={**os.environ, "ASGISERVE_BUILD": "require"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if finished.returncode:
        raise BuildError(f"pip {arguments[0]} failed:\n{finished.stdout.strip()[-2000:]}")
