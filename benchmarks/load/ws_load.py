"""Make load with ``ws_echo``, one process on one core, and read what it counted."""

from __future__ import annotations

import json
import subprocess
import sys
from types import TracebackType
from typing import Any, Self

from benchmarks.load.counts import Load
from benchmarks.load.scenarios import EchoScenario
from benchmarks.server_process import REPOSITORY, ServerError

__all__ = ["EchoClient"]

STOP_TIMEOUT_S = 10


class EchoClient:
    """The client's process with its open connections; use it as a context manager.

    Opening checks the first echoes of every connection, so that what is counted later is messages
    alone: no handshakes, and nothing of the client's own start.

    Raises:
        ServerError: a handshake or an echo is wrong.
    """

    def __init__(self, scenario: EchoScenario, port: int, *, core: int | None) -> None:
        pin = [] if core is None else ["taskset", "-c", str(core)]
        program = [sys.executable, "-m", "benchmarks.load.ws_echo", scenario.name, str(port)]
        self.process = subprocess.Popen(
            [*pin, *program],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        try:
            opened = self.read_line()
        except BaseException:
            self.stop()
            raise
        if opened["failure"]:
            self.stop()
            raise ServerError(opened["failure"])
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def run(self, duration_s: float) -> Load:
        """Send for *duration_s* seconds, and wait for the last echoes."""
        assert self.process.stdin is not None
        print(duration_s, file=self.process.stdin, flush=True)
        return read_counts(self.read_line())

    def read_line(self) -> dict[str, Any]:
        """Read what the client says next.

        Raises:
            RuntimeError: it has ended instead.
        """
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the client ended with {self.process.wait(STOP_TIMEOUT_S)}")
        message: dict[str, Any] = json.loads(line)
        return message

    def stop(self) -> None:
        """Let it close its connections and end."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        try:
            self.process.wait(STOP_TIMEOUT_S)
        finally:
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()


def read_counts(counts: dict[str, Any]) -> Load:
    """Read what one run counted."""
    messages, failure = counts["messages"], counts["failure"]
    if failure is not None or not messages:
        failure = ", ".join(filter(None, [failure, f"{messages} messages echoed"]))
    return Load(messages, counts["duration_us"] / 1e6, failure)
