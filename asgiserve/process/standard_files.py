"""The first three file descriptors of a process, which its parent may have closed.

What is opened next would get their numbers, as a socket on which everything that is printed is
sent. libuv ends the process when it closes one of them.
"""

from __future__ import annotations

import os
import sys

__all__ = ["open_standard_files"]

# By file descriptor: the name in ``sys``, and how it is opened.
STREAMS = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))


def open_standard_files() -> None:
    """Open the null device for standard input, output and error where they are closed.

    To be called before anything else is opened, by a process that is to serve. CPython leaves them
    closed.
    """
    if sys.platform == "win32":
        return
    for fd, (name, mode) in enumerate(STREAMS):
        try:
            os.fstat(fd)
        except OSError:
            # It gets the lowest number that is free, which is this one.
            os.open(os.devnull, os.O_RDWR)
            # As any other standard file: workers and programs have them from here.
            os.set_inheritable(fd, True)
            if getattr(sys, name) is None:
                setattr(sys, name, open(fd, mode, closefd=False))  # noqa: SIM115
