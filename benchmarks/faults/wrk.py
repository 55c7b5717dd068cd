"""wrk, which runs until it is told to end, and what it counted."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import tempfile
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from benchmarks.load.wrk import COUNT_ERRORS

__all__ = ["Wrk"]

LONGEST_S = 3600


@dataclass
class Wrk:
    """Keeps *connections* busy while the context lasts.

    Attributes:
        total: how many requests were answered.
        errors: the counts of wrk, by their names.
    """

    port: int
    keep_alive: bool
    connections: int = 8
    total: int = 0
    errors: dict[str, int] = field(default_factory=dict)

    def __enter__(self) -> Self:
        if shutil.which("wrk") is None:
            raise RuntimeError("wrk is not installed")
        self._script = tempfile.NamedTemporaryFile("w", suffix=".lua")
        self._script.write(COUNT_ERRORS)
        self._script.flush()
        options = ["-t1", f"-c{self.connections}", f"-d{LONGEST_S}s", "--timeout", "20s"]
        fields = [] if self.keep_alive else ["-H", "Connection: close"]
        self._process = subprocess.Popen(
            ["wrk", *options, *fields, "-s", self._script.name, f"http://127.0.0.1:{self.port}/"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.send_signal(signal.SIGINT)
        output, _ = self._process.communicate()
        self._script.close()
        if self._process.returncode:
            raise RuntimeError(f"wrk failed: {output.strip()}")
        counts = json.loads(output.splitlines()[-1])
        self.total = counts.pop("requests")
        del counts["duration_us"]
        self.errors = {name: count for name, count in counts.items() if count}
