"""Worker processes: started together, replaced when they die, stopped together."""

import os
import re
import signal
import sys
from pathlib import Path

import pytest

import asgiserve
from tests.columns import environment_of

from .raw_client import RawClient
from .server_process import APPS_DIR
from .waiting import wait_until
from .workers import ask, is_alive, load_on, wait_for_workers, workers_of

if sys.platform == "win32":
    pytest.skip("no workers there", allow_module_level=True)


@pytest.fixture
def start(start_server):
    def start_site(*options, workers=2, wait=True, **details):
        arguments = ("-m", "asgiserve", "worker_site:app", "--port=0", f"--workers={workers}")
        server = start_server(*arguments, *options, wait=wait, **details)
        if wait:
            server.wait_for_log(rf"with {workers} worker")
        return server

    return start_site


@pytest.fixture
def start_in_terminal(column, tmp_path):
    from .terminal import Terminal  # not on Windows

    package_parent = str(Path(asgiserve.__path__[0]).parent)
    paths = os.pathsep.join([package_parent, str(APPS_DIR)])
    terminals = []

    def start_terminal(*arguments):
        environment = {**environment_of(column), "PYTHONPATH": paths}
        try:
            terminals.append(Terminal(arguments, environment, tmp_path))
        except OSError as error:
            pytest.skip(f"no terminals here: {error}")
        return terminals[-1]

    yield start_terminal
    for terminal in terminals:
        terminal.close()


def test_all_workers_serve_and_stop_in_order(start):
    server = start()
    workers = wait_for_workers(server, 2)
    assert server.pid not in workers
    wait_until(lambda: ask(server)[1] in workers, "an answer")
    assert server.terminate() == 0
    assert not any(is_alive(pid) for pid in workers)
    assert server.log().count("app: shut down") == 2


def test_start_up_line_names_version_address_workers_column_and_supervisor(start, column):
    server = start()
    (line,) = [line for line in server.log().splitlines() if "supervisor pid" in line]
    beginning = f"asgiserve {asgiserve.__version__} serves {server.url} with 2 workers ("
    assert f"{beginning}{column} column, " in line
    assert re.search(rf"(uvloop|asyncio)[\w. ]*, \w+ [\d.]+, supervisor pid {server.pid}\);", line)


def test_killed_worker_is_replaced_at_once(start):
    server = start()
    victim, other = wait_for_workers(server, 2)
    os.kill(victim, signal.SIGKILL)
    server.wait_for_log(rf"pid {victim}\) was killed by SIGKILL: starting another")
    wait_for_workers(server, 2)
    assert other in workers_of(server)
    assert "the next one in" not in server.log()


def test_worker_that_gets_sigterm_finishes_and_is_replaced(start, connect):
    server = start()
    raw = connect(server)
    raw.send(b"GET /slow?1 HTTP/1.1\r\nhost: e2e\r\n\r\n")
    server.wait_for_log("app: slow begins")
    for pid in wait_for_workers(server, 2):
        os.kill(pid, signal.SIGTERM)
    assert raw.read_answer().status == 200
    wait_until(lambda: server.log().count("Worker serves") == 4, "two new workers")


def test_application_that_ends_its_process_is_replaced(start):
    server = start()
    with RawClient(server.address) as raw, pytest.raises((EOFError, OSError)):
        raw.get("/exit")
    server.wait_for_log("ended with status 7: starting another")
    wait_for_workers(server, 2)


def test_workers_that_die_at_their_start_are_started_ever_more_rarely(start):
    server = start()
    dying = server.work_dir / "dying"
    dying.touch()
    victim = wait_for_workers(server, 2).pop()
    os.kill(victim, signal.SIGKILL)
    server.wait_for_log("Workers die soon after their start: the next one in 1 s")
    assert "the next one in 0.5 s" in server.log()
    assert ask(server)[1] in workers_of(server), "the other one serves on"
    dying.unlink()
    wait_for_workers(server, 2)


@pytest.mark.parametrize("workers", [1, 3])
def test_worker_that_cannot_start_at_first_stops_the_server_with_status_3(start_server, workers):
    options = ("--port=0", f"--workers={workers}", "--worker-max-lifetime=1000")
    server = start_server(
        "-m", "asgiserve", "worker_site:app", *options, wait=False, files={"broken": ""}
    )
    assert server.exit_status() == 3
    for _ in range(server.log().count("Traceback")):
        server.expect_traceback("RuntimeError: broken on purpose")
    assert "could not start: importing 'worker_site' raised RuntimeError" in server.log()
    assert not workers_of(server)


def test_option_that_is_wrong_for_the_worker_is_status_2(start):
    server = start("--loop", "worker_site:KEPT", wait=False)
    assert server.exit_status() == 2
    assert "could not start: loop: 'worker_site:KEPT' is not callable" in server.log()


def test_address_in_use_is_status_3_and_starts_no_worker(start):
    first = start()
    port = first.address[1]
    second = start(f"--port={port}", wait=False)
    assert second.exit_status() == 3
    assert f"cannot bind 127.0.0.1:{port}: address already in use" in second.log()
    assert "app: imported" not in second.log()


def test_supervisor_does_not_import_the_application(start):
    server = start()
    wait_for_workers(server, 2)
    assert f"app: imported by {server.pid}" not in server.log()
    assert server.log().count("app: imported") == 2


# --- stop -----------------------------------------------------------------------------------------


def test_requests_in_flight_are_answered_at_sigterm(start, connect):
    server = start()
    clients = [connect(server) for _ in range(10)]
    for raw in clients:
        raw.send(b"GET /slow?1 HTTP/1.1\r\nhost: e2e\r\n\r\n")
    wait_until(lambda: server.log().count("app: slow begins") == 10, "all requests")
    server.send_signal(signal.SIGTERM)
    os.kill(server.pid, signal.SIGTERM)
    assert [raw.read_answer().status for raw in clients] == [200] * 10
    assert server.exit_status() == 0
    assert server.log().count("app: shut down") == 2


def test_signal_to_all_processes_at_once_forces_nothing(start, connect):
    server = start()
    raw = connect(server)
    raw.send(b"GET /slow?1 HTTP/1.1\r\nhost: e2e\r\n\r\n")
    server.wait_for_log("app: slow begins")
    workers = wait_for_workers(server, 2)
    server.send_signal(signal.SIGTERM)
    server.wait_for_log("Stopping 2 workers")
    for pid in workers:
        if is_alive(pid):
            os.kill(pid, signal.SIGTERM)
    assert raw.read_answer().status == 200
    assert server.exit_status() == 0


def test_second_signal_does_not_wait_for_requests(start, connect):
    server = start()
    raw = connect(server)
    raw.send(b"GET /slow?60 HTTP/1.1\r\nhost: e2e\r\n\r\n")
    server.wait_for_log("app: slow begins")
    server.send_signal(signal.SIGTERM)
    server.wait_for_log("Stopping 2 workers")
    server.send_signal(signal.SIGTERM)
    assert server.exit_status() == 0
    assert server.log().count("app: shut down") == 2


def test_failed_shutdown_of_a_worker_is_status_1(start):
    server = start()
    (server.work_dir / "clinging").touch()
    server.send_signal(signal.SIGTERM)
    assert server.exit_status() == 1
    assert "clinging on purpose" in server.log()


def test_stuck_worker_is_killed_when_its_time_to_stop_is_over(start, connect):
    server = start("--timeout-graceful-shutdown=0.2", "--timeout-lifespan-shutdown=0.2")
    raw = connect(server)
    raw.send(b"GET /sleep?60 HTTP/1.1\r\nhost: e2e\r\n\r\n")
    server.wait_for_log("app: sleep begins")
    server.send_signal(signal.SIGTERM)
    assert server.exit_status() == 1
    assert "Killing worker process" in server.log()


def test_workers_stop_when_the_supervisor_is_killed(start, connect):
    server = start()
    workers = wait_for_workers(server, 2)
    raw = connect(server)
    raw.send(b"GET /slow?0.5 HTTP/1.1\r\nhost: e2e\r\n\r\n")
    server.wait_for_log("app: slow begins")
    server.kill()
    assert raw.read_answer().status == 200
    wait_until(lambda: not any(is_alive(pid) for pid in workers), "all workers to be gone")
    assert server.log().count("its supervisor is gone") == 2


def test_control_c_twice_in_a_terminal_forces(start_in_terminal):
    terminal = start_in_terminal("worker_site:app", "--port=0", "--workers=2")
    terminal.wait_for("with 2 workers")
    with RawClient(terminal.address()) as raw:
        raw.send(b"GET /slow?60 HTTP/1.1\r\nhost: e2e\r\n\r\n")
        terminal.wait_for("app: slow begins")
        terminal.press_control_c()
        terminal.wait_for("Stopping 2 workers")
        terminal.press_control_c()
        assert terminal.exit_status() == 0
    assert "Traceback" not in terminal.text
    assert terminal.text.count("app: shut down") == 2


# --- retirement -----------------------------------------------------------------------------------


def test_worker_that_reached_its_limit_is_replaced_without_loss(start):
    server = start("--limit-max-requests=50", "--limit-max-requests-jitter=50")
    with load_on(server.address, keep_alive=True) as load:
        wait_until(lambda: len(load.answers) >= 5, "answers of five workers")
    assert not load.failures
    assert "Replacing Worker" in server.log()
    assert server.terminate() == 0


def test_worker_that_is_old_enough_is_replaced_before_it_stops(start):
    server = start("--worker-max-lifetime=1.5", workers=1)
    first = wait_for_workers(server, 1).pop()
    server.wait_for_log("worker_max_lifetime of 1.5 s")
    wait_until(lambda: not is_alive(first), "the first worker to stop")
    log = server.log()
    assert log.index("Worker serves", log.index("worker_max_lifetime")) < log.index(
        f"Stopped server process {first}"
    )


@pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="takes ps elsewhere")
def test_worker_that_grew_too_large_is_replaced(start):
    server = start("--worker-max-rss=200000000", workers=1)
    wait_for_workers(server, 1)
    _, pid = ask(server, "/grow?300000000")
    server.wait_for_log("MiB are above worker_max_rss")
    wait_until(lambda: not is_alive(pid), "the large worker to stop")
    assert server.is_running


# --- sockets and processes ------------------------------------------------------------------------


def test_preloaded_application_is_imported_once_and_forked(start):
    server = start("--preload")
    assert server.log().count("app: imported") == 1
    assert f"app: imported by {server.pid}" in server.log()
    victim = wait_for_workers(server, 2).pop()
    os.kill(victim, signal.SIGKILL)
    server.wait_for_log("was killed by SIGKILL: starting another")
    wait_for_workers(server, 2)
    assert ask(server)[1] in workers_of(server)
    assert server.terminate() == 0
    assert server.log().count("app: imported") == 1
    assert server.log().count("app: shut down") == 2


def test_preloaded_application_that_is_broken_is_status_3(start_server):
    server = start_server(
        "-m", "asgiserve", "worker_site:app", "--port=0", "--preload", wait=False,
        files={"broken": ""},
    )  # fmt: skip
    assert server.exit_status() == 3
    server.expect_traceback("RuntimeError: broken on purpose")


def test_forked_workers_stop_when_the_supervisor_is_killed(start):
    server = start("--preload")
    workers = wait_for_workers(server, 2)
    server.kill()
    wait_until(lambda: not any(is_alive(pid) for pid in workers), "all workers to be gone")


def test_application_object_is_served_by_forks_of_its_preload(start_server):
    script = "import asgiserve, worker_site\nasgiserve.run(worker_site.app, port=0, {})\n"
    server = start_server("serve.py", files={"serve.py": script.format("workers=2, preload=True")})
    wait_for_workers(server, 2)
    assert server.terminate() == 0
    refused = start_server("serve.py", wait=False, files={"serve.py": script.format("workers=2")})
    assert refused.exit_status() == 1
    refused.expect_traceback("ConfigError: app: worker processes import the application")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere one socket takes all connections")
def test_workers_with_sockets_of_their_own_all_serve(start):
    server = start("--reuse-port", workers=3)
    workers = wait_for_workers(server, 3)
    seen = set()
    wait_until(lambda: seen.add(ask(server)[1]) or seen == workers, "an answer of each")
    os.kill(min(workers), signal.SIGKILL)
    server.wait_for_log("was killed by SIGKILL: starting another")
    wait_for_workers(server, 3)
    with load_on(server.address, keep_alive=False) as load:
        wait_until(lambda: len(load.answers) == 3, "an answer of each")
    assert not load.failures
