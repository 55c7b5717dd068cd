"""Send requests at a fixed rate with ``http_rate.c``, one process on one core; read latencies."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.c_program import build_program
from benchmarks.load.counts import Latency, Load
from benchmarks.load.scenarios import Scenario
from benchmarks.samples import encode_request

__all__ = ["SOURCE", "open_connections", "read_counts", "run_program"]

SOURCE = Path(__file__).with_name("http_rate.c")


@contextmanager
def open_connections(scenario: Scenario, port: int) -> Iterator[list[socket.socket]]:
    """Connect to 127.0.0.1 as often as the scenario says."""
    with ExitStack() as stack:
        sockets = []
        for _ in range(scenario.connections):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=5))
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            client.setblocking(False)
            sockets.append(client)
        yield sockets


def run_program(
    sockets: Sequence[socket.socket],
    scenario: Scenario,
    *,
    duration_s: float,
    core: int | None = None,
) -> Load:
    """Send the scenario's request at its rate over all the sockets together.

    Args:
        sockets: connected and non-blocking; of no more use after a failure.

    Raises:
        RuntimeError: the program cannot be built, or failed.
    """
    pin = [] if core is None else ["taskset", "-c", str(core)]
    descriptors = [file.fileno() for file in sockets]
    options = [str(scenario.rate_per_s), str(duration_s), scenario.answer.decode("ascii")]
    finished = subprocess.run(
        [*pin, build_program(SOURCE), *options, *map(str, descriptors)],
        input=encode_request((("Host", "127.0.0.1"), *scenario.fields), method=scenario.method),
        capture_output=True,
        pass_fds=descriptors,
    )
    if finished.returncode:
        raise RuntimeError(f"http_rate failed: {finished.stderr.decode().strip()}")
    return read_counts(finished.stdout)


def read_counts(output: bytes) -> Load:
    """Read the line that the program writes."""
    counts = json.loads(output)
    due, answered, failure = counts["due"], counts["answered"], counts["failure"]
    duration_s = counts["duration_us"] / 1e6
    if failure is not None or not answered:
        failure = ", ".join(filter(None, [failure, f"{answered} requests answered"]))
        return Load(answered, duration_s, failure)
    percentiles = {name: counts[name] for name in ("p50_us", "p99_us", "p99_9_us", "max_us")}
    latency = Latency(due / duration_s, answered / due, **percentiles)
    return Load(answered, duration_s, None, latency)
