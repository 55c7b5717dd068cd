"""What PyInstaller is told of asgiserve, by the entry point ``hook-dirs`` of its own group.

The hook names modules that are imported by strings only; the run-time hook turns a process that
another one of the same program has started into a worker.
"""

from pathlib import Path

__all__ = ["hook_folders"]


def hook_folders() -> list[str]:
    """Where PyInstaller finds hooks."""
    return [str(Path(__file__).parent)]
