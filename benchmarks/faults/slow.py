"""slowhttptest's attacks beside a good client, whose waits are compared with quiet ones."""

from __future__ import annotations

import shutil
import subprocess
import time
from dataclasses import dataclass, field

from benchmarks.faults.client import Client, LoadError
from benchmarks.faults.contenders import FaultContender
from benchmarks.faults.site import Site, count_connections

__all__ = ["ATTACKS", "Slow", "run_slow"]

# How slowhttptest is asked to be slow: a few bytes every ten seconds, or as many a second read.
ATTACKS = {
    "headers": ("-H", "/"),
    "body": ("-B", "/upload"),
    "read": ("-X", "/large"),
}
RATE = 500
INTERVAL_S = 10
# The good client: a request every 5 ms, on a connection that is kept alive, and every tenth on a
# connection of its own.
PAUSE_S = 0.005
NEW_EVERY = 10
ROUND_S = 5.0
# The good client's waits count from the beginning of the attack until then, for all servers alike.
BESIDE_S = 20.0
# How long to wait for connections to be closed, after the attack has begun.
CLOSED_TIMEOUT_S = 60.0
# For the kernel to forget them.
SETTLE_S = 2.0
# Fewer count as none.
REST = 10


@dataclass
class Slow:
    """What the good client has seen, and how long the others lasted.

    Attributes:
        most: slow connections that were open at once.
        closed_s: when all were closed, since the attack began; None: not within CLOSED_TIMEOUT_S.
    """

    attack: str
    connections: int
    quiet_ms: list[float] = field(default_factory=list)
    beside_ms: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    most: int = 0
    closed_s: float | None = None

    @property
    def quiet_p99_ms(self) -> float:
        """Of 100 requests without an attack, 99 took no longer."""
        return p99(self.quiet_ms)

    @property
    def beside_p99_ms(self) -> float:
        """The same beside the attack."""
        return p99(self.beside_ms)


def run_slow(contender: FaultContender, *, workers: int, attack: str, connections: int) -> Slow:
    """Attack a server with *connections*, and use it meanwhile."""
    if shutil.which("slowhttptest") is None:
        raise RuntimeError("slowhttptest is not installed")
    result = Slow(attack, connections)
    kind, target = ATTACKS[attack]
    with Site(contender, workers, contender.impatient) as site:
        result.quiet_ms = use(site.port, ROUND_S, result.failures)
        url = f"http://127.0.0.1:{site.port}{target}"
        options = [kind, "-c", str(connections), "-r", str(RATE), "-i", str(INTERVAL_S), "-v", "0"]
        begin_s = time.monotonic()
        process = subprocess.Popen(
            ["slowhttptest", *options, "-l", str(int(CLOSED_TIMEOUT_S)), "-p", "30", "-u", url],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            watch(result, site, begin_s)
        finally:
            process.kill()
            process.wait()
        # Before and after, since machines drift.
        time.sleep(SETTLE_S)
        result.quiet_ms += use(site.port, ROUND_S, result.failures)
    return result


def watch(result: Slow, site: Site, begin_s: float) -> None:
    """Use the server until the slow connections are closed."""
    opening_s = result.connections / RATE + 2
    while True:
        waits_ms = use(site.port, 1.0, result.failures)
        elapsed_s = time.monotonic() - begin_s
        if elapsed_s <= BESIDE_S:
            result.beside_ms += waits_ms
        count = count_connections(site.port)
        result.most = max(result.most, count)
        if elapsed_s > opening_s and count <= REST:
            result.closed_s = elapsed_s
            return
        if elapsed_s > CLOSED_TIMEOUT_S:
            return


def use(port: int, seconds: float, failures: list[str]) -> list[float]:
    """Send requests for *seconds*; how many milliseconds each took."""
    waits_ms: list[float] = []
    end_s = time.monotonic() + seconds
    kept: Client | None = None
    number = 0
    while time.monotonic() < end_s:
        number += 1
        begin_s = time.perf_counter()
        try:
            if number % NEW_EVERY == 0:
                with Client(port) as client:
                    client.get("/", "connection: close")
            else:
                kept = kept or Client(port)
                kept.get("/")
        except LoadError as error:
            failures.append(f"{error.kind.value}: {error.detail}")
            kept = None
        waits_ms.append((time.perf_counter() - begin_s) * 1000)
        time.sleep(PAUSE_S)
    if kept is not None:
        kept.socket.close()
    return waits_ms


def p99(values: list[float]) -> float:
    """The value that 99 of 100 do not exceed."""
    return sorted(values)[len(values) * 99 // 100]
