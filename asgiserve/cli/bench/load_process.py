"""The client process of ``asgiserve bench`` as the server's process sees it."""

from __future__ import annotations

import json
import pickle
import subprocess
from types import TracebackType

from asgiserve.cli.bench.load import LoadOrder, LoadResult
from asgiserve.errors import AsgiserveError
from asgiserve.process.child_process import child_command

__all__ = ["LoadError", "LoadProcess"]


class LoadError(AsgiserveError):
    """The client process ended before it was through."""


class LoadProcess:
    """A process that sends what *order* says; a context manager, which ends it."""

    def __init__(self, order: LoadOrder) -> None:
        # A pipe that no other child gets: at its end the process ends.
        self._process = subprocess.Popen(
            child_command("load"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(pickle.dumps(order))
            self._process.stdin.flush()
        except OSError:
            # It has ended: the first wait says so.
            pass

    def __enter__(self) -> LoadProcess:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            try:
                pipe.close()
            except OSError:
                # What it did not read before it ended.
                pass
        self._process.wait()

    def wait_for(self, mark: str) -> None:
        """Wait until the process says *mark*.

        Raises:
            LoadError: it said something else, or ended.
        """
        line = self._read_line()
        if line != mark:
            raise LoadError(f"the client process said {line[:60]!r} instead of {mark!r}")

    def result(self) -> LoadResult:
        """Wait until the process is through.

        Raises:
            LoadError: it ended before.
        """
        fields = json.loads(self._read_line())
        fields["statuses"] = {int(status): count for status, count in fields["statuses"].items()}
        return LoadResult(**fields)

    def kill(self) -> None:
        """End the process; whoever waits for it gets a LoadError. For every thread."""
        self._process.kill()

    def _read_line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline().decode().strip()
        if not line:
            raise LoadError("the client process ended before it was through")
        return line
