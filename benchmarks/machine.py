"""What a figure was measured on: machine, interpreter, versions and the commit."""

from __future__ import annotations

import datetime
import os
import platform
import re
import subprocess
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path

__all__ = ["describe_machine", "format_header"]

OWN = "asgiserve"
SELF_EVIDENT = ("date", "cpu", "system", "python")


def describe_machine(
    packages: Iterable[str | None], programs: Mapping[str, str | None] | None = None
) -> dict[str, str]:
    """Say where a run is made, with the versions of *packages*, where they are installed.

    Called before the run: the load average then tells what else the machine is doing.

    Args:
        packages: their names; a None among them, of a server that is no package, is left out.
        programs: commands that tell their versions when called with ``-v``, by what to name them;
            None is a command that was not found.
    """
    return {
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": read_commit(),
        "cpu": f"{read_cpu_model()}, {os.cpu_count()} cores",
        "system": f"{platform.system()} {platform.release()}",
        "load average": f"{os.getloadavg()[0]:.1f}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        **find_versions(packages),
        **{name: ask_version(command) for name, command in (programs or {}).items()},
    }


def format_header(description: dict[str, str]) -> str:
    """Write the description as one line; what a value means by itself goes without its name."""
    return ", ".join(
        value if name in SELF_EVIDENT else f"{name} {value}" for name, value in description.items()
    )


def find_versions(packages: Iterable[str | None]) -> dict[str, str]:
    """Read installed versions; what is not installed is left out, but for the checkout itself."""
    versions = {}
    for package in sorted(filter(None, packages)):
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            if package == OWN:
                versions[package] = "(checkout)"
    return versions


def ask_version(command: str | None) -> str:
    """Call a program with ``-v`` and return the number in what it says."""
    if command is None:
        return "missing"
    said = subprocess.run([command, "-v"], capture_output=True, text=True)
    number = re.search(r"\d+(\.\d+)+", said.stdout + said.stderr)
    return number[0] if number else "unknown"


def read_commit() -> str:
    """Name the measured commit; a mark says that the tree has changes on top."""
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--dirty"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
        )
    except FileNotFoundError:
        return "unknown"
    return described.stdout.strip() or "unknown"


def read_cpu_model() -> str:
    """Read the processor's name from /proc/cpuinfo."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
