"""A file that has no name and is gone with its last descriptor, for processes to share."""

from __future__ import annotations

import os
import tempfile

__all__ = ["open_nameless_file"]


def open_nameless_file(label: str) -> int:
    """The descriptor of a new file, open for reading and writing, and not inherited.

    In memory where the system has such files, since a server with a read-only root may have no
    folder for temporary ones.

    Args:
        label: what tools show for it.

    Raises:
        OSError: the system gives none.
    """
    if hasattr(os, "memfd_create"):
        try:
            return os.memfd_create(label)
        except OSError:
            # A sandbox may not allow it, or the process has no descriptor left, as is told next.
            pass
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
