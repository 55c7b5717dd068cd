"""A worker that a request blocks: who finds it, and who tells what it was doing."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from benchmarks.faults.client import Client, LoadError
from benchmarks.faults.contenders import FaultContender
from benchmarks.faults.site import Site, is_alive, wait_until

__all__ = ["Stuck", "run_stuck"]

# How long the request blocks; a server that waits for it to end has not found it.
BLOCK_S = 20.0


@dataclass
class Stuck:
    """What became of the worker.

    Attributes:
        way: ``sleep`` or ``spin``.
        replaced_s: how long after the request another worker served; None: nobody came.
        gone_s: how long after the request the blocked one ended; None: not while it was blocked.
        has_stacks: the log names the line that blocks.
    """

    way: str
    replaced_s: float | None = None
    gone_s: float | None = None
    has_stacks: bool = False


def run_stuck(contender: FaultContender, *, workers: int, way: str) -> Stuck:
    """Block one worker by ``/sleep`` or ``/spin``, and see what comes of it."""
    result = Stuck(way)
    with Site(contender, workers, contender.quick_check) as site:
        first = set(site.live())
        begin_s = time.monotonic()
        thread = threading.Thread(target=block, args=(site.port, way), daemon=True)
        thread.start()

        def has_another() -> bool:
            return bool(site.started().keys() - first)

        left_s = BLOCK_S - 1
        if wait_until(has_another, left_s):
            result.replaced_s = max(site.started().values()) - begin_s
        left_s = max(BLOCK_S - 1 - (time.monotonic() - begin_s), 0)
        if wait_until(lambda: not all(map(is_alive, first)), left_s):
            result.gone_s = time.monotonic() - begin_s
        log = site.read_log()
        result.has_stacks = "faults.py" in log and (" in answer" in log or " in spin" in log)
    return result


def block(port: int, way: str) -> None:
    """Send the request that blocks."""
    try:
        with Client(port, timeout_s=2 * BLOCK_S) as client:
            client.get(f"/{way}?{BLOCK_S:g}")
    except LoadError:
        # Its worker was killed.
        pass
