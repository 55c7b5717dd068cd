"""A new supervisor takes over from a running one: new code, the same sockets, no request lost.

The new one is a child of the old one. Its environment names the sockets that it inherits, and a
pipe by which it tells that its workers are ready; until then, the old one goes on as if nothing
were.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from typing import Any

from asgiserve.errors import StartupError
from asgiserve.net.listener import Listener
from asgiserve.net.sockets import open_fd
from asgiserve.process.child_process import successor_environment
from asgiserve.supervisor.pool_worker import describe_end
from asgiserve.supervisor.required import TAKEOVER_VARIABLE

__all__ = ["Inheritance", "Takeover"]

logger = logging.getLogger("asgiserve.error")

# systemd's, which hold for the old process alone; the new one need not heed the last any more.
OLD_VARIABLES = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "WATCHDOG_PID")
READY = b"ready"


class Takeover:
    """The old supervisor's side: the process of the new one.

    Args:
        sockets: as `ListenerSets.describe` gives them.
        fds: all that *sockets* name.
        directory: where the command of this process was given.

    Raises:
        OSError: the new process cannot be started.
    """

    def __init__(self, sockets: list[list[dict[str, Any]]], fds: list[int], directory: str) -> None:
        if not sys.executable:
            raise FileNotFoundError("the interpreter's path is not known")
        self._pipe_fd, write_fd = os.pipe()
        try:
            os.set_blocking(self._pipe_fd, False)
            content = {"pid": os.getpid(), "pipe": write_fd, "sockets": sockets}
            environment = successor_environment()
            for name in OLD_VARIABLES:
                environment.pop(name, None)
            self._process = subprocess.Popen(
                [sys.executable, *sys.orig_argv[1:]],
                pass_fds=[write_fd, *fds],
                env={**environment, TAKEOVER_VARIABLE: json.dumps(content)},
                # Where this process is, if that has no name any more.
                cwd=directory if os.path.isdir(directory) else None,
            )
        except BaseException:
            os.close(self._pipe_fd)
            raise
        finally:
            os.close(write_fd)
        self.pid = self._process.pid

    def fileno(self) -> int:
        """What becomes readable when there is news."""
        return self._pipe_fd

    def is_ready(self) -> bool:
        """Whether the new supervisor serves; to be asked when the pipe is readable."""
        try:
            return os.read(self._pipe_fd, len(READY)) == READY
        except BlockingIOError:
            return False

    def describe_failure(self) -> str:
        """How the new supervisor has ended, or is made to end, since it cannot take over."""
        try:
            # It has closed the pipe: its end is near.
            return describe_end(self._process.wait(1.0))
        except subprocess.TimeoutExpired:
            self._process.kill()
            return describe_end(self._process.wait())

    def cancel(self) -> None:
        """Have the new supervisor stop, since this one does."""
        self._process.terminate()

    def close(self) -> None:
        """Let go of the new supervisor, which goes on if it lives."""
        os.close(self._pipe_fd)
        # Or its object would complain that nobody has waited for the process.
        self._process.returncode = self._process.poll() or 0


class Inheritance:
    """The new supervisor's side: what the old one has given.

    Attributes:
        predecessor: the process id of the old supervisor.
        sets: the sockets, which listen.
    """

    def __init__(self, content: dict[str, Any]) -> None:
        self.predecessor: int = content["pid"]
        self.sets: list[list[Listener]] = []
        self._pipe_fd: int = content["pipe"]
        self._files: list[tuple[Listener, str]] = []
        os.set_inheritable(self._pipe_fd, False)
        for entries in content["sockets"]:
            self.sets.append([self._adopt(**entry) for entry in entries])

    @classmethod
    def from_environment(cls) -> Inheritance | None:
        """What was inherited; None when there is nothing to take over. Can be asked once.

        Raises:
            StartupError: it is not what the environment says.
        """
        text = os.environ.pop(TAKEOVER_VARIABLE, None)
        if text is None:
            return None
        try:
            return cls(json.loads(text))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StartupError(f"cannot take over: {error}") from error

    def tell_ready(self) -> None:
        """Have the old supervisor stop: the files of its sockets belong to this process now."""
        for listener, path in self._files:
            listener.take_over_file(path)
        try:
            os.write(self._pipe_fd, READY)
        except BrokenPipeError:
            logger.warning("The old supervisor is gone already")
        os.close(self._pipe_fd)

    def _adopt(self, fd: int, text: str, file: str | None) -> Listener:
        listener = Listener(open_fd(fd), text)
        if file is not None:
            self._files.append((listener, file))
        return listener
