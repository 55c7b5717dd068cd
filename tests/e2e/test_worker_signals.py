"""Signals to a supervisor: restart, more and fewer workers, log files, and a take-over."""

import json
import os
import re
import signal
import socket
import sys

import pytest

from .raw_client import RawClient
from .waiting import wait_until
from .workers import ask, is_alive, load_on, wait_for_workers, workers_of

if sys.platform == "win32":
    pytest.skip("no workers there", allow_module_level=True)

LOG_CONFIG = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"file": {"class": "logging.FileHandler", "filename": "site.log"}},
    "loggers": {
        "asgiserve": {"handlers": ["file"], "level": "INFO"},
        "asgiserve.access": {"handlers": ["file"], "level": "INFO", "propagate": False},
    },
}


# Its last object goes when the interpreter has given up its own handlers of signals.
INTERRUPTED_AT_ITS_END = """
import os

from worker_site import app


class Last:
    def __del__(self, kill=os.kill, pid=os.getpid()):
        for number in {numbers}:
            kill(pid, number)


last = Last()
"""


@pytest.fixture
def start(start_server):
    """Start two workers, or as many as *files* say."""

    def start_site(*options, **details):
        arguments = ["-m", "asgiserve", "worker_site:app", "--port=0", *options]
        if "asgiserve.toml" not in details.get("files", {}):
            arguments.append("--workers=2")
        server = start_server(*arguments, **details)
        server.wait_for_log(r"with \d workers?")
        return server

    return start_site


# --- SIGHUP ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("keep_alive", [True, False], ids=["keep_alive", "close"])
def test_restart_under_load_loses_nothing(start, keep_alive):
    server = start(files={"version": "old"})
    old = wait_for_workers(server, 2)
    (server.work_dir / "version").write_text("new")
    with load_on(server.address, keep_alive=keep_alive) as load:
        wait_until(lambda: load.answers, "answers before the restart")
        server.send_signal(signal.SIGHUP)
        server.wait_for_log(r"Rolling restart complete \(2 workers\)")
        wait_until(lambda: not any(is_alive(pid) for pid in old), "the old workers to end")
        wait_until(lambda: any("new" in pid for pid in load.answers), "a new worker's answer")
    assert not load.failures
    assert server.terminate() == 0


def test_next_worker_is_ready_before_one_stops(start):
    server = start()
    server.send_signal(signal.SIGHUP)
    server.wait_for_log(r"Rolling restart complete \(2 workers\)")
    wait_until(lambda: server.log().count("Stopped server process") == 2, "the old ones to stop")
    events = re.findall("Worker serves|Stopped server process", server.log())
    up = 0
    for event in events[:2]:
        assert event == "Worker serves"
    for event in events:
        up += 1 if event == "Worker serves" else -1
        assert up >= 2 or event == "Worker serves"


def test_broken_application_leaves_the_old_workers_alone(start):
    server = start()
    old = wait_for_workers(server, 2)
    (server.work_dir / "broken").touch()
    server.send_signal(signal.SIGHUP)
    server.wait_for_log("The restart is broken off: 2 workers of before go on")
    server.expect_traceback("RuntimeError: broken on purpose")
    assert workers_of(server) == old
    (server.work_dir / "broken").unlink()
    server.send_signal(signal.SIGHUP)
    server.wait_for_log(r"Rolling restart complete \(2 workers\)")


def test_configuration_file_is_read_again(start):
    server = start(files={"asgiserve.toml": "workers = 2\n"})
    old = wait_for_workers(server, 2)
    path = server.work_dir / "asgiserve.toml"
    path.write_text('workers = 3\nport = 1\nheaders = ["x-config: new"]\n')
    server.send_signal(signal.SIGHUP)
    server.wait_for_log(r"Rolling restart complete \(3 workers\)")
    wait_until(lambda: not any(is_alive(pid) for pid in old), "the old workers to end")
    # The port of the command line holds, so that nothing has changed.
    assert "Only a new start changes" not in server.log()
    with RawClient(server.address) as raw:
        assert raw.get("/").header("x-config") == "new"


def test_configuration_that_is_wrong_changes_nothing(start):
    server = start(files={"asgiserve.toml": "workers = 2\n"})
    old = wait_for_workers(server, 2)
    (server.work_dir / "asgiserve.toml").write_text("workers = 'many'\n")
    server.send_signal(signal.SIGHUP)
    server.wait_for_log("Reload failed, keeping the current configuration: workers: ")
    assert workers_of(server) == old
    assert ask(server)[1] in old


def test_option_that_cannot_change_is_kept_with_a_warning(start):
    server = start(files={"asgiserve.toml": "workers = 2\npid = 'first.pid'\n"})
    (server.work_dir / "asgiserve.toml").write_text("workers = 2\npid = 'second.pid'\n")
    server.send_signal(signal.SIGHUP)
    server.wait_for_log("Only a new start changes pid")
    server.wait_for_log(r"Rolling restart complete \(2 workers\)")
    assert (server.work_dir / "first.pid").read_text() == f"{server.pid}\n"
    assert not (server.work_dir / "second.pid").exists()
    assert server.terminate() == 0
    assert not (server.work_dir / "first.pid").exists()


@pytest.mark.skipif(
    sys.implementation.name == "pypy", reason="PyPy keeps its handlers, and finalises nothing"
)
@pytest.mark.parametrize("workers", [1, 2])
def test_signals_while_a_process_ends_do_not_count_as_its_failure(start_server, workers):
    numbers = [int(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    source = INTERRUPTED_AT_ITS_END.format(numbers=numbers)
    options = ["late:app", "--port=0", f"--workers={workers}"]
    server = start_server("-m", "asgiserve", *options, files={"late.py": source})
    server.wait_for_log("with 2 workers" if workers == 2 else "1 worker")
    assert server.terminate() == 0
    assert "killed by" not in server.log()


# --- SIGTTIN, SIGTTOU, SIGUSR1 --------------------------------------------------------------------


def test_one_more_and_one_fewer_under_load_lose_nothing(start):
    server = start()
    with load_on(server.address, keep_alive=True) as load:
        server.send_signal(signal.SIGTTIN)
        wait_for_workers(server, 3)
        for count in (2, 1):
            # One by one: the system makes one of two that are pending.
            server.send_signal(signal.SIGTTOU)
            server.wait_for_log(f"Workers wanted from now on: {count}")
        wait_for_workers(server, 1)
    assert not load.failures
    assert server.terminate() == 0


def test_log_files_are_opened_anew(start_server):
    server = start_server(
        "-m", "asgiserve", "worker_site:app", "--port=0", "--workers=2", "--log-config=log.json",
        wait=False, files={"log.json": json.dumps(LOG_CONFIG)},
    )  # fmt: skip
    path = server.work_dir / "site.log"
    wait_until(lambda: path.exists() and "with 2 workers" in path.read_text(), "both workers")
    path.rename(server.work_dir / "site.log.1")
    server.send_signal(signal.SIGUSR1)
    wait_until(path.exists, "another log file")
    wait_until(lambda: path.read_text().count("Reopened") == 3, "the supervisor and both workers")
    server.terminate()
    assert f"Stopped supervisor process {server.pid}" in path.read_text()


# --- SIGUSR2 --------------------------------------------------------------------------------------


@pytest.fixture
def start_for_takeover(start):
    """As `start`, with a pid file, by which the successors are killed at the end."""
    servers = []

    def start_site(*options, **details):
        servers.append(start("--pid=server.pid", *options, **details))
        return servers[-1]

    yield start_site
    for server in servers:
        for pid in re.findall(r"Process (\d+) is to take over", server.log()):
            if is_alive(int(pid)):
                os.kill(int(pid), signal.SIGKILL)
        wait_until(lambda server=server: not workers_of(server), "all workers to end")


def take_over(server, predecessor):
    """Have a new supervisor take over from the process *predecessor*; its process id."""
    os.kill(predecessor, signal.SIGUSR2)
    path = server.work_dir / "server.pid"
    wait_until(lambda: path.read_text() != f"{predecessor}\n", "another process id in the file")
    return int(path.read_text())


@pytest.mark.parametrize("keep_alive", [True, False], ids=["keep_alive", "close"])
def test_take_over_under_load_loses_nothing(start_for_takeover, keep_alive):
    server = start_for_takeover(files={"version": "old"})
    (server.work_dir / "version").write_text("new")
    with load_on(server.address, keep_alive=keep_alive) as load:
        successor = take_over(server, server.pid)
        assert server.exit_status() == 0
        wait_until(lambda: any("new" in pid for pid in load.answers), "answers of the successor")
    assert not load.failures
    assert len(workers_of(server)) == 2
    os.kill(successor, signal.SIGTERM)
    wait_until(lambda: not is_alive(successor), "the successor to end")
    assert not (server.work_dir / "server.pid").exists()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(server.address).close()


def test_successor_hands_over_in_its_turn(start_for_takeover):
    server = start_for_takeover()
    successor = take_over(server, server.pid)
    take_over(server, successor)
    wait_until(lambda: not is_alive(successor), "the first successor to end")
    assert len(wait_for_workers(server, 2)) == 2
    assert ask(server)[1] in workers_of(server)


def test_unix_socket_outlives_the_take_over(start_server, tmp_path):
    path = tmp_path / "s"
    server = start_server(
        "-m", "asgiserve", "worker_site:app", f"--uds={path}", "--workers=2", "--pid=server.pid",
        wait=False,
    )  # fmt: skip
    server.wait_for_log("with 2 workers")
    inode = path.stat().st_ino
    successor = take_over(server, server.pid)
    try:
        assert server.exit_status() == 0
        assert path.stat().st_ino == inode
        with RawClient(str(path)) as raw:
            assert raw.get("/").status == 200
    finally:
        os.kill(successor, signal.SIGTERM)
    wait_until(lambda: not is_alive(successor), "the successor to end")
    assert not path.exists()


def test_take_over_that_fails_leaves_everything_as_it_is(start_for_takeover):
    server = start_for_takeover()
    old = wait_for_workers(server, 2)
    (server.work_dir / "broken").touch()
    server.send_signal(signal.SIGUSR2)
    server.wait_for_log("did not take over: it ended with status 3")
    for _ in range(server.log().count("Traceback")):
        server.expect_traceback("RuntimeError: broken on purpose")
    assert workers_of(server) == old
    assert (server.work_dir / "server.pid").read_text() == f"{server.pid}\n"
    assert ask(server)[1] in old
    (server.work_dir / "broken").unlink()
    take_over(server, server.pid)
    assert server.exit_status() == 0


def test_second_take_over_while_one_goes_on_is_refused(start_for_takeover):
    server = start_for_takeover()
    server.send_signal(signal.SIGUSR2)
    server.wait_for_log("is to take over")
    server.send_signal(signal.SIGUSR2)
    server.wait_for_log("is taking over already")
    assert server.exit_status() == 0
    assert server.log().count("is to take over") == 1


def test_stop_during_a_take_over_stops_both(start_for_takeover):
    server = start_for_takeover()
    server.send_signal(signal.SIGUSR2)
    server.wait_for_log("is to take over")
    server.send_signal(signal.SIGTERM)
    assert server.exit_status() == 0
    successor = int(re.findall(r"Process (\d+) is to take over", server.log())[0])
    wait_until(lambda: not is_alive(successor), "the successor to end too")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(server.address).close()
