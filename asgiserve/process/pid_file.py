"""The file that tells other programs the process id of the server."""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING

from asgiserve.errors import StartupError

if TYPE_CHECKING:
    from asgiserve.process.privileges import Identity

__all__ = ["PidFile"]

# Of Windows: PROCESS_QUERY_LIMITED_INFORMATION, ERROR_ACCESS_DENIED and STILL_ACTIVE.
QUERY_LIMITED_INFORMATION = 0x1000
ACCESS_DENIED = 5
STILL_ACTIVE = 259

# A file that holds anything else was not written by a server, and is left alone.
_CONTENT = re.compile(rb"\s*([0-9]{0,10})\s*")
# Not on Windows.
NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)


class PidFile:
    """The pid file at *path*, which belongs to at most one process that lives.

    Args:
        path: its directory must be there and allow writing, now and when the file is removed.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        try:
            # Absolute, since the application may change the directory.
            self.path = os.path.abspath(path)
        except FileNotFoundError:
            # The current directory was removed, as ``claim`` will tell.
            self.path = os.fspath(path)
        self._pid = 0

    def claim(self, *, predecessor: int | None = None, owner: Identity | None = None) -> None:
        """Write the process id of the caller; a file of a process that is gone is replaced.

        Args:
            predecessor: a process that lives, and gives its file up to the caller.
            owner: who will remove the file, when the process gives up its rights before.

        Raises:
            StartupError: another process lives that wrote the file, or it cannot be written.
        """
        pid = os.getpid()
        try:
            holder = self._read()
            if holder not in (0, pid, predecessor) and is_alive(holder):
                raise StartupError(
                    f"cannot write pid file {self.path!r}: process {holder}, which it names, lives"
                )
            self._write(pid, owner)
        except (OSError, ValueError) as exc:
            reason = getattr(exc, "strerror", None) or str(exc)
            reason = reason[:1].lower() + reason[1:]
            raise StartupError(f"cannot write pid file {self.path!r}: {reason}") from exc
        self._pid = pid

    def release(self) -> None:
        """Remove the file if the caller has claimed it, and nobody has taken it over since."""
        # A forked child did not claim it.
        if self._pid != os.getpid():
            return
        try:
            if self._read() == self._pid:
                self._remove()
        except (OSError, ValueError):
            # It is gone, or another's by now.
            pass
        self._pid = 0

    def _read(self) -> int:
        """The process id in the file; 0 when there is none."""
        try:
            with open(self.path, "rb") as file:
                match = _CONTENT.fullmatch(file.read(64))
        except FileNotFoundError:
            return 0
        if match is None:
            raise ValueError("a file that is not a pid file is there")
        return int(match[1] or 0)

    def _write(self, pid: int, owner: Identity | None) -> None:
        # Whoever reads the file meanwhile finds the old one or the new one, both whole.
        draft = f"{self.path}.{pid}"
        fd = create_file(draft)
        try:
            with open(fd, "wb") as file:
                file.write(b"%d\n" % pid)
                if owner is not None:
                    owner.own(fd)
            os.replace(draft, self.path)
        except OSError:
            os.unlink(draft)
            raise

    def _remove(self) -> None:
        try:
            os.unlink(self.path)
        except OSError:
            # The directory is closed to us since we gave up our rights; an empty file is stale.
            os.close(os.open(self.path, os.O_WRONLY | os.O_TRUNC | NO_FOLLOW))


def create_file(path: str) -> int:
    """Create a file that was not there, and open it for writing; gives its descriptor.

    Root may write where others can create files too: what is there already may be a link, or open
    in one of their processes. A process that had our number and was killed may have left it.

    Raises:
        OSError: what is there cannot be removed, or is there again.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | NO_FOLLOW
    try:
        return os.open(path, flags, 0o644)
    except FileExistsError:
        os.unlink(path)
        return os.open(path, flags, 0o644)


def is_alive(pid: int) -> bool:
    """Whether there is a process *pid*, also one of another user."""
    if sys.platform == "win32":
        # Signal 0 is Ctrl+C there.
        return is_alive_on_windows(pid)
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return True


def is_alive_on_windows(pid: int) -> bool:
    """As `is_alive`, by kernel32's functions of processes."""
    import ctypes

    kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)  # type: ignore[attr-defined, unused-ignore]
    kernel32.OpenProcess.restype = ctypes.c_void_p
    handle = kernel32.OpenProcess(QUERY_LIMITED_INFORMATION, False, ctypes.c_uint32(pid))
    if not handle:
        error: int = ctypes.get_last_error()  # type: ignore[attr-defined, unused-ignore]
        return error == ACCESS_DENIED
    try:
        status = ctypes.c_uint32()
        # A process that has ended stays for as long as somebody has a handle of it.
        is_known = kernel32.GetExitCodeProcess(ctypes.c_void_p(handle), ctypes.byref(status))
        return not is_known or status.value == STILL_ACTIVE
    finally:
        kernel32.CloseHandle(ctypes.c_void_p(handle))
