"""What tests of worker processes ask and do: who serves, and load that counts what it loses."""

import os
import re
import select
import socket
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field

from .raw_client import RawClient
from .server_process import ServerProcess
from .waiting import wait_until

__all__ = ["Load", "ask", "is_alive", "load_on", "wait_for_workers", "workers_of"]

# A client that was held up for longer, since the machine is busy, looks whether the server has
# closed meanwhile. Any other does not: a close without a word loses its next request.
HELD_UP_S = 0.5


def ask(server: ServerProcess, target: str = "/") -> tuple[str, int]:
    """The version and the process id of whoever answers."""
    with RawClient(server.address) as raw:
        version, pid = raw.get(target, "connection: close").body.decode().split(" ")
    return version, int(pid)


def workers_of(server: ServerProcess) -> set[int]:
    """The process ids of the workers that have served and are alive."""
    pids = re.findall(r"Worker serves .*\bpid (\d+)\)", server.log())
    return {int(pid) for pid in pids if is_alive(int(pid))}


def wait_for_workers(server: ServerProcess, count: int) -> set[int]:
    """Wait until *count* workers are alive that serve; their process ids."""
    wait_until(lambda: len(workers_of(server)) == count, f"{count} workers")
    return workers_of(server)


def is_alive(pid: int) -> bool:
    """Whether there is a process *pid* that has not ended."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@dataclass
class Load:
    """What came of the requests of a few clients, each of which sends one after the other."""

    answers: dict[str, int] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    @property
    def total(self) -> int:
        return sum(self.answers.values())


@contextmanager
def load_on(address, *, keep_alive, clients=4):
    """Have *clients* send requests while the context lasts; counts what was answered by whom."""
    load = Load()
    lock = threading.Lock()
    has_to_stop = threading.Event()

    def run():
        while not has_to_stop.is_set():
            try:
                send_requests(address, keep_alive, load, lock, has_to_stop)
            except (OSError, EOFError) as error:
                with lock:
                    load.failures.append(repr(error))
                time.sleep(0.05)

    threads = [threading.Thread(target=run, daemon=True) for _ in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield load
    finally:
        has_to_stop.set()
        for thread in threads:
            thread.join()


def is_closed(sock):
    """Whether the server has ended the connection, on which it owes nothing."""
    return bool(select.select([sock], [], [], 0)[0])


def send_requests(address, keep_alive, load, lock, has_to_stop):
    """Send requests on one connection until the server ends it."""
    lines = [] if keep_alive else ["connection: close"]
    with RawClient(address) as raw:
        raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        answered_s = time.monotonic()
        while True:
            if time.monotonic() - answered_s > HELD_UP_S and is_closed(raw.socket):
                return
            answer = raw.get("/", *lines)
            answered_s = time.monotonic()
            assert answer.status == 200
            with lock:
                pid = answer.body.decode()
                load.answers[pid] = load.answers.get(pid, 0) + 1
            if has_to_stop.is_set() or answer.header("connection") == "close":
                return
