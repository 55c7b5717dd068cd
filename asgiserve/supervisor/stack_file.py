"""A file in which a worker writes the Python stacks of its threads when it is asked for them.

faulthandler does the writing; after a signal also without the interpreter lock, for a worker that
cannot run Python. The file has no name; worker and supervisor share its descriptor and position.
"""

from __future__ import annotations

import os
import tempfile

__all__ = ["StackFile"]

# faulthandler writes a hundred threads of a hundred frames at most: some hundred KiB.
MAX_BYTES = 256 * 1024


class StackFile:
    """The file of one worker.

    Raises:
        OSError: the system gives no temporary file.
    """

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - ``close`` closes it

    @property
    def fd(self) -> int:
        """Its file descriptor, for the worker to inherit."""
        return self._file.fileno()

    def clear(self) -> None:
        """Forget what was written; to be called before the worker is asked."""
        self._file.seek(0)
        self._file.truncate()

    def read(self) -> str:
        """What was written, from the main thread's stack on; "" if nothing was."""
        return os.pread(self.fd, MAX_BYTES, 0).decode(errors="backslashreplace").strip()

    def close(self) -> None:
        """Let go of it; the worker may still have it."""
        self._file.close()
