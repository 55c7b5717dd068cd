"""A file in which a worker writes the Python stacks of its threads when it is asked for them.

faulthandler does the writing; after a signal also without the interpreter lock, for a worker that
cannot run Python. The file has no name; worker and supervisor share its descriptor and position.
"""

from __future__ import annotations

import os

from asgiserve.logs.formatters import escape_text
from asgiserve.process.nameless_file import open_nameless_file

__all__ = ["StackFile"]

# faulthandler writes a hundred threads of a hundred frames at most: some hundred KiB.
MAX_BYTES = 256 * 1024


class StackFile:
    """The file of one worker.

    Attributes:
        fd: its file descriptor, for the worker to inherit.

    Raises:
        OSError: the system gives no such file.
    """

    def __init__(self) -> None:
        self.fd = open_nameless_file("asgiserve-stacks")

    def clear(self) -> None:
        """Forget what was written; to be called before the worker is asked."""
        os.lseek(self.fd, 0, os.SEEK_SET)
        os.ftruncate(self.fd, 0)

    def read(self) -> str:
        """What was written, from the main thread's stack on; "" if nothing was."""
        text = os.pread(self.fd, MAX_BYTES, 0).decode(errors="backslashreplace").strip()
        return "\n".join(escape_text(line) for line in text.split("\n"))

    def close(self) -> None:
        """Let go of it; the worker may still have it."""
        os.close(self.fd)
