"""Print how long-lived connections spread over the workers, by each way that they can accept."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import NamedTuple

from benchmarks.machine import describe_machine, format_header
from benchmarks.memory.measure import raise_file_limit
from benchmarks.server_process import ServerProcess, find_free_port

__all__ = ["WAYS", "Opened", "open_at_once", "open_in_turn"]

# The options of each way, and how the table calls it.
WAYS = {
    "shared socket": ("--no-balance",),
    "`--reuse-port`": ("--reuse-port",),
    "`--balance`": ("--balance",),
}
REQUEST = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n"
# How long to wait for all workers, and for one answer.
TIMEOUT_S = 30
# How long a worker stands still: shorter than what the others need to notice.
STANDSTILL_S = 1.0
WRK_DURATION_S = 3
WRK_CONNECTIONS = 32
TO_MS = {"us": 0.001, "ms": 1.0, "s": 1000.0}


@dataclass
class Opened:
    """What opening connections has shown.

    Args:
        counts: the connections of each worker, largest first.
        waits_ms: how long each connection's first answer took, from connect() on.
    """

    counts: list[int]
    waits_ms: list[float]

    @property
    def imbalance(self) -> float:
        """The largest count over the mean: 1.0 is even."""
        return self.counts[0] * len(self.counts) / sum(self.counts)


class Short(NamedTuple):
    """What connections of one request each have shown."""

    requests_per_s: float
    cpu_us: float
    p99_ms: float


@dataclass
class Figures:
    """One way, in all rounds."""

    at_once: list[Opened] = field(default_factory=list)
    in_turn: list[Opened] = field(default_factory=list)
    beside_stopped: list[Opened] = field(default_factory=list)
    short: list[Short] = field(default_factory=list)


class Client:
    """Opens connections and keeps them until it is closed."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._stack = AsyncExitStack()
        self.pids: list[bytes] = []
        self.waits_ms: list[float] = []

    async def open(self) -> None:
        """Open one connection, and ask which worker has it."""
        begin_s = time.perf_counter()
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._stack.callback(writer.close)
        writer.write(REQUEST)
        head = await reader.readuntil(b"\r\n\r\n")
        size = re.search(rb"content-length: (\d+)", head)
        assert size is not None, head
        self.pids.append(await reader.readexactly(int(size[1])))
        self.waits_ms.append((time.perf_counter() - begin_s) * 1000)

    async def close(self) -> None:
        """Close all connections."""
        await self._stack.aclose()

    def opened(self, workers: int) -> Opened:
        """What was seen; workers without a connection count too."""
        counts = sorted(Counter(self.pids).values(), reverse=True)
        return Opened(counts + [0] * (workers - len(counts)), self.waits_ms)


async def open_at_once(port: int, connections: int, workers: int) -> Opened:
    """Open *connections* in one go."""
    client = Client(port)
    async with asyncio.timeout(TIMEOUT_S):
        await asyncio.gather(*[client.open() for _ in range(connections)])
    await client.close()
    return client.opened(workers)


async def open_in_turn(port: int, connections: int, workers: int) -> Opened:
    """Open *connections*, each when the one before has its answer."""
    client = Client(port)
    async with asyncio.timeout(TIMEOUT_S):
        for _ in range(connections):
            await client.open()
    await client.close()
    return client.opened(workers)


async def open_beside_stopped(port: int, connections: int, workers: int) -> Opened:
    """Open *connections* at a steady pace, while one worker stands still."""
    asker, client = Client(port), Client(port)
    await asker.open()
    stopped = int(asker.pids[0])
    async with asyncio.timeout(TIMEOUT_S):
        os.kill(stopped, signal.SIGSTOP)
        try:
            tasks = []
            for _ in range(connections):
                tasks.append(asyncio.ensure_future(client.open()))
                await asyncio.sleep(STANDSTILL_S / connections)
        finally:
            os.kill(stopped, signal.SIGCONT)
        await asyncio.gather(*tasks)
    await asker.close()
    await client.close()
    return client.opened(workers)


async def wait_for_workers(port: int, workers: int) -> None:
    """Wait until each of *workers* has answered."""
    seen: set[bytes] = set()
    async with asyncio.timeout(TIMEOUT_S):
        while len(seen) < workers:
            client = Client(port)
            await asyncio.gather(*[client.open() for _ in range(16 * workers)])
            await client.close()
            seen.update(client.pids)


def run_wrk(server: ServerProcess) -> Short:
    """Open a connection for each request, as fast as it goes."""
    cpu_s = server.read_cpu_time_s()
    options = ["-t1", f"-c{WRK_CONNECTIONS}", f"-d{WRK_DURATION_S}s", "--latency"]
    finished = subprocess.run(
        ["wrk", *options, "-H", "Connection: close", f"http://127.0.0.1:{server.port}/"],
        check=True,
        capture_output=True,
        text=True,
    )
    rate = re.search(r"Requests/sec:\s+([\d.]+)", finished.stdout)
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s)", finished.stdout)
    count = re.search(r"(\d+) requests in", finished.stdout)
    assert rate is not None, finished.stdout
    assert p99 is not None, finished.stdout
    assert count is not None, finished.stdout
    cpu_s = server.read_cpu_time_s() - cpu_s
    return Short(float(rate[1]), cpu_s * 1e6 / int(count[1]), float(p99[1]) * TO_MS[p99[2]])


def command_of(options: Sequence[str], port: int, workers: int) -> list[str]:
    """The command of the server."""
    application = ["benchmarks.apps.process_id:tell", "--port", str(port), "--no-access-log"]
    lasting = ["--timeout-keep-alive", "600", "--workers", str(workers)]
    return [sys.executable, "-m", "asgiserve", *application, *lasting, *options]


def measure(
    ways: Mapping[str, Sequence[str]], *, connections: int, workers: int, rounds: int
) -> dict[str, Figures]:
    """Start a server for each of *ways*, and let them take turns, since machines drift."""
    figures = {way: Figures() for way in ways}
    with ExitStack() as stack:
        servers = {}
        for way, options in ways.items():
            port = find_free_port()
            server = ServerProcess(command_of(options, port, workers), port)
            servers[way] = stack.enter_context(server)
            asyncio.run(wait_for_workers(port, workers))
        for _ in range(rounds):
            for way, server in servers.items():
                each, port = figures[way], server.port
                each.at_once.append(asyncio.run(open_at_once(port, connections, workers)))
                each.in_turn.append(asyncio.run(open_in_turn(port, connections, workers)))
                beside = asyncio.run(open_beside_stopped(port, connections, workers))
                each.beside_stopped.append(beside)
                if shutil.which("wrk"):
                    each.short.append(run_wrk(server))
    return figures


def describe(opened: list[Opened]) -> str:
    """The cells of one pattern: the round in the middle, and its waits."""
    middle = sorted(opened, key=lambda each: each.imbalance)[len(opened) // 2]
    waits_ms = sorted(wait_ms for each in opened for wait_ms in each.waits_ms)
    p99_ms = waits_ms[len(waits_ms) * 99 // 100]
    counts = " ".join(map(str, middle.counts))
    return f"{counts} | {middle.imbalance:.2f} | {statistics.median(waits_ms):.1f} | {p99_ms:.1f}"


def format_rows(figures: dict[str, Figures], connections: int) -> list[str]:
    """Write the tables, in Markdown."""
    columns = "| connections of each worker | largest / mean | wait, median | wait, p99 |"
    lines = []
    for title, attribute in (
        ("at once", "at_once"),
        ("one after another", "in_turn"),
        (f"in {STANDSTILL_S:g} s, one worker standing still", "beside_stopped"),
    ):
        lines += [f"| {connections} {title} {columns}", "|---|---|---:|---:|---:|"]
        for way, each in figures.items():
            lines.append(f"| {way} | {describe(getattr(each, attribute))} |")
        lines.append("")
    if shutil.which("wrk"):
        lines.append("| a connection for each request | requests/s | CPU us | wait, p99 |")
        lines.append("|---|---:|---:|---:|")
        for way, each in figures.items():
            middle = Short(*map(statistics.median, zip(*each.short, strict=True)))
            rate = f"{middle.requests_per_s:,.0f}"
            lines.append(f"| {way} | {rate} | {middle.cpu_us:.0f} | {middle.p99_ms:.1f} |")
    return lines


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.spread", description=__doc__)
    parser.add_argument("--connections", type=int, default=400)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to a file too")
    return parser.parse_args()


def main() -> int:
    """Measure, and print Markdown tables."""
    arguments = parse_arguments()
    raise_file_limit(arguments.connections)
    machine = describe_machine({"uvloop", "asgiserve"})
    figures = measure(
        WAYS,
        connections=arguments.connections,
        workers=arguments.workers,
        rounds=arguments.rounds,
    )
    print(f"{format_header(machine)}. Waits in ms, from connect() to the first answer.\n")
    print("\n".join(format_rows(figures, arguments.connections)))
    if arguments.json:
        results = {way: asdict(each) for way, each in figures.items()}
        arguments.json.write_text(json.dumps({"machine": machine, "results": results}, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
