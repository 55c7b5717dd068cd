"""Put mixed load on three servers for a while, and see that nothing is mixed up nor left behind.

One serves plain HTTP, one TLS; a third, with workers, is restarted by signals, to it alone and to
all of its processes. Responses and messages are compared byte by byte. At the end there are as many
descriptors and nearly as much memory as there were after a tenth of the time.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import ssl
import subprocess
import sys
import time
from dataclasses import dataclass
from itertools import chain

from benchmarks.certificate import make_certificate
from benchmarks.server_process import ServerProcess, find_free_port
from benchmarks.soak.load import Load

COMMAND = (sys.executable, "-m", "asgiserve", "benchmarks.apps.soak:app", "--no-access-log")
SETTLE_S = 5.0
# What allocators and caches may take after that.
GROWTH_BYTES = 8 * 1024 * 1024
RESTART_INTERVAL_S = 10.0
STOP_TIMEOUT_S = 35.0


@dataclass
class Held:
    """What the processes of a server hold while nothing is open."""

    descriptors: int
    resident_bytes: int

    def __str__(self) -> str:
        return f"{self.descriptors} descriptors, {self.resident_bytes / 2**20:.1f} MiB"


def measure(server: ServerProcess) -> Held:
    """Count what all processes of *server* hold."""
    descriptors = sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in server.find_pids())
    return Held(descriptors, server.read_resident_bytes())


async def watch(name: str, command: list[str], load: Load, minutes: float) -> list[str]:
    """Have *load* on one server, and compare the end with the state after a tenth of the time."""
    with ServerProcess([*COMMAND, *command, "--port", str(load.port)], load.port) as server:
        task = asyncio.create_task(load.run())
        held: list[Held] = []
        for seconds in (minutes * 6, minutes * 54):
            await asyncio.sleep(seconds)
            await load.pause()
            await asyncio.sleep(SETTLE_S)
            held.append(measure(server))
            print(f"{name}: {held[-1]}; {sum(load.counts.values())} exchanges", flush=True)
            load.go_on()
        task.cancel()
        await asyncio.wait([task])
        faults = [f"{name}: {what} ({count} times)" for what, count in load.failures.items()]
        before, after = held
        if after.descriptors != before.descriptors:
            faults.append(f"{name}: {after.descriptors} descriptors, {before.descriptors} before")
        if after.resident_bytes > before.resident_bytes + GROWTH_BYTES:
            faults.append(f"{name}: {after}, {before} before")
    print(f"{name}: {dict(load.counts)}", flush=True)
    return faults


async def restart(load: Load, minutes: float) -> list[str]:
    """Have *load* on workers that are replaced, stopped and started again."""
    command = [*COMMAND, "--workers", "2", "--port", str(load.port)]
    task = asyncio.create_task(load.run())
    faults: list[str] = []
    stops = 0
    end_s = time.monotonic() + minutes * 60
    while time.monotonic() < end_s:
        with ServerProcess(command, load.port) as server:
            for number in (signal.SIGHUP, signal.SIGHUP, signal.SIGHUP):
                await asyncio.sleep(RESTART_INTERVAL_S)
                server.process.send_signal(number)
            await asyncio.sleep(RESTART_INTERVAL_S)
            os.killpg(server.process.pid, (signal.SIGTERM, signal.SIGINT)[stops % 2])
            stops += 1
            try:
                status = await asyncio.to_thread(server.process.wait, STOP_TIMEOUT_S)
                if status:
                    faults.append(f"workers: exit status {status}: {server.read_output()}")
            except subprocess.TimeoutExpired as error:
                faults.append(f"workers: {error}: {server.read_output()}")
            if left := server.find_pids():
                faults.append(f"workers: {len(left)} processes are left after a stop")
    task.cancel()
    await asyncio.wait([task])
    print(f"workers: {stops} stops of the process group; {dict(load.counts)}", flush=True)
    return faults + [f"workers: {what} ({count} times)" for what, count in load.failures.items()]


async def run(minutes: float, pause_s: float, clients: int) -> list[str]:
    """Run all three; what was wrong."""
    files = make_certificate()
    trust = ssl.create_default_context(cafile=files.certificate)
    tls = ["--ssl-certfile", str(files.certificate), "--ssl-keyfile", str(files.key)]

    def new_load(trust: ssl.SSLContext | None = None, restarts: bool = False) -> Load:
        return Load(find_free_port(), trust, restarts=restarts, pause_s=pause_s, clients=clients)

    faults = await asyncio.gather(
        watch("plain", [], new_load(), minutes),
        watch("tls", tls, new_load(trust), minutes),
        restart(new_load(restarts=True), minutes),
    )
    return [*chain.from_iterable(faults)]


def main() -> int:
    """Print what was done and what was wrong; 1 if something was."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0, help="default: 60")
    parser.add_argument("--clients", type=int, default=8, help="of each server (default: 8)")
    parser.add_argument(
        "--pause",
        type=float,
        default=0.05,
        metavar="SECONDS",
        help="of a client, between two exchanges",
    )
    arguments = parser.parse_args()
    faults = asyncio.run(run(arguments.minutes, arguments.pause, arguments.clients))
    print("\n".join(faults) or "nothing was mixed up, nothing is left")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
