"""The current directory of a process, which may have been removed."""

from __future__ import annotations

import os

__all__ = ["find_working_directory"]


def find_working_directory() -> str:
    """The current directory as the shell has it, or had it before it was removed.

    Where it is reached by a symbolic link, a successor shall follow the link anew: that is how new
    releases are put in place.
    """
    shown = os.environ.get("PWD", "")
    try:
        directory = os.getcwd()
    except FileNotFoundError:
        return shown or os.sep
    try:
        if os.path.samestat(os.stat(shown), os.stat(directory)):
            return shown
    except OSError:
        pass
    return directory
