"""Workers that are killed, and stopped with all hands busy: what clients lose, told exactly.

The long forms are ``python -m benchmarks.faults``.
"""

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from benchmarks.faults.client import Client, Load
from benchmarks.faults.site import client_ports
from tests.ws_peer import client_close

from .waiting import settled, wait_until
from .workers import is_alive, wait_for_workers, workers_of

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")

WORKERS = 2
# What allocators keep of many connections at once; PyPy compiles meanwhile.
MOST_GROWTH_BYTES = (8 if sys.implementation.name == "cpython" else 128) * 2**20


@pytest.fixture
def server(start_server):
    server = start_server("-m", "asgiserve", "worker_site:app", "--port=0", f"--workers={WORKERS}")
    server.wait_for_log(f"with {WORKERS} workers")
    return server


def kill_worker(pid, port):
    """Kill the worker *pid*; the clients' ports of its connections."""
    # It must not accept another one after the look.
    os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: ") T " in Path(f"/proc/{pid}/stat").read_text(), "the worker to be frozen")
    ports = client_ports(pid, port)
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not is_alive(pid), "the worker's end")
    return ports


@pytest.mark.parametrize("keep_alive", [True, False], ids=["keep_alive", "close"])
def test_killed_worker_loses_its_own_connections_only(server, keep_alive):
    port = server.address[1]
    killed, begin_s = set(), {}
    with Load(port, keep_alive, clients=6) as load:
        for _ in range(2):
            victim = min(wait_for_workers(server, WORKERS))
            answered = load.total
            wait_until(lambda count=answered: load.total > count + 20, "load")
            now_s = time.monotonic()
            for each in kill_worker(victim, port):
                killed.add(each)
                begin_s[each] = now_s
            wait_until(lambda pid=victim: workers_of(server) - {pid}, "another worker")
        wait_for_workers(server, WORKERS)
        answered = load.total
        wait_until(lambda: load.total > answered + 20, "load on the new workers")
    elsewhere = [each for each in load.failures if each.port not in killed]
    assert not elsewhere
    assert all(each.at_s >= begin_s[each.port] for each in load.failures)
    assert len(load.failures) <= len(killed)
    assert server.terminate() == 0


def children_of(pid):
    """The processes that *pid* has started and not waited for."""
    return set(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


def place_in_memory(pid):
    """Where the system has put its part of the process: by chance, but for forks."""
    lines = Path(f"/proc/{pid}/maps").read_text().splitlines()
    return next(line.split()[0] for line in lines if line.endswith("[vdso]"))


@pytest.mark.skipif(not hasattr(os, "waitid"), reason="orphans cannot be waited for here")
def test_workers_and_who_replaces_them_are_forks_of_the_process_that_waits(server):
    supervisor = server.pid
    workers = wait_for_workers(server, WORKERS)
    (spare,) = children_of(supervisor) - workers
    for _ in range(2):
        assert {place_in_memory(pid) for pid in workers} == {place_in_memory(spare)}
        kill_worker(min(workers), server.address[1])
        workers = wait_for_workers(server, WORKERS)
        assert children_of(supervisor) == {spare, *workers}
    assert server.terminate() == 0
    assert not is_alive(spare)


PROGRAM = """
import asgiserve

if __name__ == "__main__":
    asgiserve.run("worker_site:app", port=0, workers=2)
"""


def test_program_that_may_have_children_has_workers_replaced_by_the_process_that_waits(
    start_server,
):
    server = start_server("serve.py", files={"serve.py": PROGRAM})
    supervisor = server.pid
    workers = wait_for_workers(server, WORKERS)
    wait_until(lambda: len(children_of(supervisor)) == WORKERS + 1, "a spare process")
    (spare,) = children_of(supervisor) - workers
    kill_worker(min(workers), server.address[1])
    assert spare in wait_for_workers(server, WORKERS)
    wait_until(lambda: len(children_of(supervisor)) == WORKERS + 1, "another one")
    assert server.terminate() == 0
    assert not is_alive(spare)


LEAVING_APP = """
import subprocess
from worker_site import app as site

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        subprocess.Popen(["sleep", "0.5"])
    await site(scope, receive, send)
"""


def test_what_a_killed_worker_leaves_is_waited_for(start_server):
    server = start_server(
        "-m",
        "asgiserve",
        "leaving:app",
        "--port=0",
        "--workers=2",
        files={"leaving.py": LEAVING_APP},
    )
    workers = wait_for_workers(server, WORKERS)
    left = children_of(min(workers))
    assert len(left) == 1
    kill_worker(min(workers), server.address[1])
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in left), "its child's end")
    assert server.terminate() == 0


def test_restart_takes_another_process_that_waits(server):
    supervisor = server.pid
    old = wait_for_workers(server, WORKERS)
    wait_until(lambda: len(children_of(supervisor)) == WORKERS + 1, "a spare process")
    (spare,) = children_of(supervisor) - old
    server.send_signal(signal.SIGHUP)
    server.wait_for_log(rf"Rolling restart complete \({WORKERS} workers\)")
    assert not is_alive(spare)
    assert spare not in workers_of(server)
    assert server.terminate() == 0


def test_no_process_waits_if_none_is_wanted(start_server):
    server = start_server(
        "-m", "asgiserve", "worker_site:app", "--port=0", "--workers=2", "--no-spare-worker"
    )
    server.wait_for_log("with 2 workers")
    workers = wait_for_workers(server, WORKERS)
    kill_worker(min(workers), server.address[1])
    # When it is over there would be one.
    workers = wait_for_workers(server, WORKERS)
    assert children_of(server.pid) == workers
    assert server.terminate() == 0


def test_stop_with_all_hands_busy_loses_nothing_and_churn_leaks_nothing(
    server, connect, open_raw_websocket
):
    port = server.address[1]
    churn(port, 300)
    clients = [connect(server) for _ in range(20)]
    for client in clients:
        client.send(b"GET /held HTTP/1.1\r\nhost: e2e\r\n\r\n")
    websockets = [open_raw_websocket(server, "/") for _ in range(20)]
    workers = wait_for_workers(server, WORKERS)
    files, resident_bytes = settled(lambda: count_files(workers)), sum_resident(workers)
    churn(port, 600)
    wait_until(lambda: count_files(workers) == files, "as many open files as before")
    assert sum_resident(workers) < resident_bytes + MOST_GROWTH_BYTES

    server.send_signal(signal.SIGTERM)
    # The WebSockets end at once, whatever the requests do.
    frames = [websocket.read_frame() for websocket in websockets]
    assert {(frame.opcode, frame.payload[:2]) for frame in frames} == {(8, (1012).to_bytes(2))}
    for websocket in websockets:
        websocket.send(client_close(1012))
    (server.work_dir / "release").touch()
    assert [client.read_answer().status for client in clients] == [200] * 20
    assert server.exit_status() == 0
    assert server.log().count("app: shut down") == WORKERS


def churn(port, connections):
    """Open, use and close *connections*; every other one is not used."""
    for _ in range(connections // 20):
        clients = [Client(port) for _ in range(20)]
        for client in clients[::2]:
            client.get("/")
        for client in clients:
            client.socket.close()


def count_files(pids):
    """How many file descriptors the processes *pids* have."""
    return sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in pids)


def sum_resident(pids):
    """The resident memory of the processes *pids*, in bytes."""
    sizes = [int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in pids]
    return sum(sizes) * os.sysconf("SC_PAGE_SIZE")
