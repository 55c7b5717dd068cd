"""A server in a terminal of its own, where CTRL+C reaches all processes at once."""

import fcntl
import os
import pty
import re
import signal
import subprocess
import sys
import termios
import threading
import time

from asgiserve.server.stop_request import REPEAT_S

from .waiting import DEADLINE_S, wait_until

__all__ = ["Terminal"]

# Of the list that tcgetattr() gives.
LFLAG = 3


class Terminal:
    """A ``python -m asgiserve`` in the foreground of a pseudo-terminal.

    Attributes:
        text: what it has written.
    """

    def __init__(self, arguments, environment, work_dir) -> None:
        self.text = ""
        self._next_press_s = 0.0
        self._master, slave = pty.openpty()
        keep_output(slave)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "asgiserve", *arguments],
            cwd=work_dir,
            env=environment,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(slave)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def wait_for(self, text: str) -> None:
        """Wait until *text* was written."""
        wait_until(lambda: text in self.text, f"{text!r} in the terminal")

    def address(self) -> tuple[str, int]:
        """Where it listens."""
        match = re.search(r"http://([\w.]+):(\d+)", self.text)
        assert match, self.text
        return match[1], int(match[2])

    def press_control_c(self) -> None:
        """As a user does: the terminal sends SIGINT to the whole foreground group.

        Once more only when it counts as a second time.
        """
        time.sleep(max(self._next_press_s - time.monotonic(), 0.0))
        self._next_press_s = time.monotonic() + REPEAT_S * 1.1
        os.write(self._master, b"\x03")

    def exit_status(self) -> int:
        """Wait for its end."""
        status = self._process.wait(DEADLINE_S)
        self._reader.join(1)
        return status

    def close(self) -> None:
        """End all processes in the terminal."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(DEADLINE_S)
        os.close(self._master)

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._master, 65536)
            except OSError:
                return
            if not data:
                return
            self.text += data.decode(errors="replace")


def keep_output(terminal: int) -> None:
    """Have CTRL+C not throw away what waits to be read, of which tests want to see all."""
    settings = termios.tcgetattr(terminal)
    settings[LFLAG] |= termios.NOFLSH
    termios.tcsetattr(terminal, termios.TCSANOW, settings)
