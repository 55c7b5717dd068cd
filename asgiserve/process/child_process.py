"""How a process of the server is started: by the interpreter, or by the program that is frozen.

A frozen program (PyInstaller's, ``sys.frozen``) has no interpreter that takes ``-c``: its
executable runs the program again. So it is given a flag, which `enter_child` looks for before the
program does anything; PyInstaller calls it by the hooks in ``asgiserve.pyinstaller``.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path

from asgiserve.errors import ConfigError

__all__ = ["check_children", "child_command", "enter_child", "successor_environment"]

# What a child does; names, so that the flag opens no other way into a program.
ENTRIES = {
    "worker": "asgiserve.worker.entry:main",
    "forks": "asgiserve.worker.entry:fork_main",
    "load": "asgiserve.cli.bench.load:main",
}
CHILD_FLAG = "--asgiserve-child"
# Set where a program has called `enter_child`, so that it can be started as a child.
_STARTS_CHILDREN = "_asgiserve_starts_children"

# Not -m, which has the current directory searched first: a file signal.py in it would be imported.
BOOTSTRAP = (
    "import sys; sys.path.append({folder!r}); "
    "from {module} import {function}; sys.exit({function}())"
)


def enter_child() -> None:
    """Be the child that this process was started as, if it was; then it does not return."""
    setattr(sys, _STARTS_CHILDREN, True)
    if sys.argv[1:2] == [CHILD_FLAG]:
        module, _, function = ENTRIES[sys.argv[2]].partition(":")
        # What is left are the arguments of `child_command`.
        del sys.argv[1:3]
        sys.exit(getattr(importlib.import_module(module), function)())


def child_command(entry: str, *arguments: str) -> list[str]:
    """The command line of a process that does *entry*, a name in ``ENTRIES``.

    Raises:
        ConfigError: this program is frozen, and cannot be a child.
    """
    if is_frozen():
        check_children("child processes")
        return [sys.executable, CHILD_FLAG, entry, *arguments]
    module, _, function = ENTRIES[entry].partition(":")
    folder = str(Path(__file__).resolve().parents[2])
    code = BOOTSTRAP.format(folder=folder, module=module, function=function)
    # Private, but what multiprocessing uses as well: -X, -W, -O and their like.
    flags: list[str] = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
    return [sys.executable, *flags, "-P", "-c", code, *arguments]


def check_children(option: str) -> None:
    """Refuse *option*, which takes other processes, where this program cannot start them.

    Raises:
        ConfigError: it was frozen without the hooks.
    """
    if is_frozen() and not hasattr(sys, _STARTS_CHILDREN):
        raise ConfigError(
            f"{option}: this frozen program cannot start processes; freeze it with PyInstaller and "
            "asgiserve's hooks, or call asgiserve.process.child_process.enter_child() first of all"
        )


def successor_environment() -> dict[str, str]:
    """What the environment of a process has to say that outlives this one."""
    # Or a program in one file would go on in a folder that is removed with this process.
    return {**os.environ, "PYINSTALLER_RESET_ENVIRONMENT": "1"} if is_frozen() else {**os.environ}


def is_frozen() -> bool:
    """Whether the interpreter runs one program, and that alone."""
    return bool(getattr(sys, "frozen", False))
