"""What the application starts: programs, processes and threads, in each way that it is served."""

import json
import os
import signal
import socket

import pytest

from .raw_client import RawClient
from .waiting import wait_until
from .workers import is_alive

pytestmark = pytest.mark.skipif(
    not os.path.exists("/proc/self/fd"), reason="needs the descriptors of a process in /proc"
)

MODES = {
    "single": (),
    "fork_server": ("--workers=2",),
    "spawned": ("--worker-max-lifetime=3600", "--no-spare-worker", "--reuse-port"),
    "preload": ("--workers=2", "--preload"),
    "reload": ("--reload",),
}

# Each path of a GET is a function of the module.
SITE = """\
import asyncio
import atexit
import json
import multiprocessing
import os
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

IS_ENDING = threading.Event()
POOL = ThreadPoolExecutor(1)
HERE = Path.cwd()


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        IS_ENDING.set()
        await send({"type": "lifespan.shutdown.complete"})
        return
    body = json.dumps(await asyncio.to_thread(globals()[scope["path"][1:]])).encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


def write_files():
    (HERE / "spawned").write_text(" ".join(find_files()))


def find_files():
    # By what they are: pipes and sockets have numbers of their own.
    links = [each.path for each in os.scandir("/proc/self/fd") if int(each.name) > 2]
    found = {os.readlink(each) for each in links if os.path.islink(each)}
    return found - {"/dev/null"}


def by_system():
    files = find_files()
    os.system("ls -l /proc/self/fd >listed")
    return find_inherited(files, (HERE / "listed").read_text())


def by_subprocess():
    command, files = ["ls", "-l", "/proc/self/fd"], find_files()
    done = subprocess.run(command, close_fds=False, stdout=subprocess.PIPE)
    return find_inherited(files, done.stdout.decode())


def by_spawn():
    process, files = multiprocessing.get_context("spawn").Process(target=write_files), find_files()
    process.start()
    process.join()
    return find_inherited(files, (HERE / "spawned").read_text())


def find_inherited(files, text):
    # At least sockets, an event loop and the signals' pipe are the server's.
    return [each for each in files if each in text] if len(files) > 2 else ["looked in vain"]


def terminated():
    process = multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,))
    process.start()
    process.terminate()
    process.join()
    return process.exitcode


def daemon():
    process = multiprocessing.get_context("fork").Process(
        target=time.sleep, args=(60,), daemon=True
    )
    process.start()
    return process.pid


def work():
    atexit.register((HERE / "at_exit").touch)
    threading.Thread(target=finish, args=("thread",)).start()
    POOL.submit(finish, "pool")


def finish(name):
    IS_ENDING.wait()
    time.sleep(0.2)
    (HERE / name).touch()
"""


def ask(server, path):
    with RawClient(server.address) as raw:
        return json.loads(raw.get(path).body)


@pytest.mark.parametrize("mode", MODES)
def test_children_have_no_files_of_the_server_and_end_with_it(start_server, mode, tmp_path):
    options = ["--port=0"]
    with socket.create_server(("127.0.0.1", 0)) as inherited:
        if mode != "spawned":
            options = ["--bind=127.0.0.1:0", f"--bind=unix:{tmp_path / 's'}"]
            options.append(f"--bind=fd://{inherited.fileno()}")
        server = start_server(
            *("-m", "asgiserve", "site_with_children:app", "--pid=pid", *MODES[mode], *options),
            files={"site_with_children.py": SITE},
            inherited_fds=(inherited.fileno(),),
        )
    if mode not in ("single", "reload"):
        server.wait_for_log(r"with \d worker")
    check_files(server, "system", "subprocess")
    assert ask(server, "/terminated") == -signal.SIGTERM
    daemon = ask(server, "/daemon")
    ask(server, "/work")
    if mode == "fork_server":
        take_over(server)
    else:
        assert server.terminate() == 0
    assert not is_alive(daemon)
    for name in ("at_exit", "thread", "pool"):
        assert (server.work_dir / name).exists(), name


def check_files(server, *ways):
    """Ask a worker which of its files a child has that was started in each of *ways*."""
    for way in ways:
        assert ask(server, f"/by_{way}") == [], way


def take_over(server):
    """Have a successor take over, ask it too, and stop it."""
    server.send_signal(signal.SIGUSR2)
    assert server.exit_status() == 0
    successor = int((server.work_dir / "pid").read_text())
    try:
        check_files(server, "system", "spawn")
    finally:
        os.kill(successor, signal.SIGTERM)
        wait_until(lambda: not is_alive(successor), "the successor to end")
