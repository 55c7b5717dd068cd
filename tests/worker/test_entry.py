"""A worker process and its supervisor, played by the test: what is told, ordered and survived."""

import re
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from tests.e2e.waiting import wait_until

from .real_worker import RealWorker

if sys.platform == "win32":
    pytest.skip("there are no workers on Windows", allow_module_level=True)

APP = """
import asyncio
import os
import time


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        print("shutdown has run", flush=True)
        await send({"type": "lifespan.shutdown.complete"})
        return
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await receive()
        return
    path = scope["path"]
    if path == "/sleep":
        time.sleep(60)
    if path == "/spin":
        while True:
            pass
    if path == "/late-spin":
        await asyncio.sleep(0.01)
        while True:
            pass
    if path == "/wait":
        await asyncio.sleep(60)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(os.getpid()).encode()})
    if path == "/after":
        time.sleep(60)
"""

StartWorker = Callable[..., RealWorker]


@pytest.fixture
def start_worker(column, tmp_path) -> Iterator[StartWorker]:
    started = []

    def start(code: str = APP, *, wait: bool = True, **options: object) -> RealWorker:
        worker = RealWorker(tmp_path, column, code, **options)
        started.append(worker)
        if wait:
            worker.start()
        return worker

    yield start
    for worker in started:
        worker.close()


@pytest.fixture
def worker(start_worker: StartWorker) -> RealWorker:
    """A worker that is ready."""
    return start_worker()


# Starting -------------------------------------------------------------------------------------


def test_worker_serves_at_the_socket_it_inherited(worker):
    assert worker.get("/") == str(worker.process.pid).encode()


def test_worker_tells_its_start_before_it_is_ready(start_worker):
    worker = start_worker(wait=False)
    worker.channel.send_order(worker.order)
    worker.wait_for("ready")
    worker.take()
    assert worker.messages[0] == {"kind": "started"}


def test_worker_that_cannot_import_its_application_says_so(start_worker):
    worker = start_worker("raise RuntimeError('no such table')", wait=False)
    worker.channel.send_order(worker.order)
    failure = worker.wait_for("failed")
    assert failure["status"] == 3
    assert "no such table" in failure["reason"]
    assert "\n" not in failure["reason"]
    assert worker.exit_status() == 3
    assert "Traceback" in worker.log()
    assert "served.py" in worker.log()


def test_worker_whose_startup_fails_says_so(start_worker):
    code = """
async def app(scope, receive, send):
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "no database"})
"""
    worker = start_worker(code, wait=False)
    worker.channel.send_order(worker.order)
    failure = worker.wait_for("failed")
    assert failure["status"] == 3
    assert "startup" in failure["reason"]
    assert worker.exit_status() == 3


def test_worker_with_a_bad_option_says_so(start_worker):
    worker = start_worker(wait=False, loop="no_such_package:new_loop")
    worker.channel.send_order(worker.order)
    assert worker.wait_for("failed")["status"] == 2
    assert worker.exit_status() == 2


def test_worker_without_an_order_ends_with_its_supervisor(start_worker):
    worker = start_worker(wait=False)
    worker.channel.close()
    assert worker.exit_status() == 1
    assert "Traceback" not in worker.log()


# Beats ----------------------------------------------------------------------------------------


def test_beats_tell_what_goes_on(worker):
    first = worker.wait_for("beat")
    assert set(first) == {"kind", "connections", "active", "requests", "lag_s"}
    assert first["lag_s"] >= 0
    worker.get("/")
    with closing(worker.request("/wait")):
        worker.wait_for_one(
            lambda message: message.get("active") == 1 and message["requests"] == 1,
            "a beat of a worker with one request in flight after another",
        )


def test_beats_stop_while_the_loop_stands_still(worker):
    with closing(worker.request("/sleep")):
        wait_until(lambda: any("holds" in line for line in worker.report()), "a blocked loop")
        worker.take()
        worker.messages.clear()
        assert worker.report()
        assert worker.messages == []


# Orders and signals ---------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP, signal.SIGUSR1])
def test_signal_leaves_the_worker_alone(worker, number):
    worker.signal(number)
    assert worker.get("/")
    assert worker.process.poll() is None


@pytest.mark.parametrize("by_signal", [False, True])
def test_worker_stops_in_order(worker, by_signal):
    if by_signal:
        worker.signal(signal.SIGTERM)
    else:
        worker.give("stop")
    assert worker.exit_status() == 0
    assert "shutdown has run" in worker.log()


def test_worker_accepts_for_the_drain_delay_unless_others_serve_on(start_worker):
    options = {"drain_delay": 300, "readiness_path": "/ready"}
    stopping = start_worker(**options)
    assert stopping.get("/ready") == b"ready\n"
    stopping.give("stop")
    wait_until(lambda: stopping.get("/ready") == b"stopping\n", "readiness to end")
    stopping.give("hurry")
    # As systemd does it for each process of a service.
    signalled = start_worker(**options)
    signalled.signal(signal.SIGTERM)
    signalled.wait_for_log("Stopping in 300 s")
    signalled.give("stop")
    signalled.give("hurry")
    leaving = start_worker(**options)
    leaving.give("leave")
    for worker in (stopping, signalled, leaving):
        assert worker.exit_status() == 0
    assert "Stopping in" not in leaving.log()


def test_worker_that_is_stopped_finishes_what_is_in_flight(start_worker):
    worker = start_worker(APP.replace("asyncio.sleep(60)", "asyncio.sleep(0.3)"))
    with closing(worker.request("/wait")) as connection:
        worker.wait_for_one(lambda message: message.get("active") == 1, "the request in flight")
        worker.give("stop")
        assert connection.getresponse().read() == str(worker.process.pid).encode()
    assert worker.exit_status() == 0


def test_worker_that_is_forced_cuts_off_what_is_in_flight(worker):
    with closing(worker.request("/wait")) as connection:
        worker.wait_for_one(lambda message: message.get("active") == 1, "the request in flight")
        worker.give("stop")
        worker.wait_for_log("Waiting for")
        worker.give("force")
        assert connection.getresponse().status == 500
    assert worker.exit_status() == 0
    assert "shutdown has run" in worker.log()


def test_stop_breaks_off_an_import(start_worker):
    code = "import time\nprint('importing', flush=True)\ntime.sleep(60)\n"
    worker = start_worker(code, wait=False)
    worker.channel.send_order(worker.order)
    worker.wait_for_log("importing")
    worker.give("stop")
    assert worker.exit_status() == 0


def test_stop_right_behind_the_order_is_obeyed(start_worker):
    worker = start_worker(wait=False)
    worker.channel.send_order(worker.order)
    worker.give("stop")
    assert worker.exit_status() == 0


def test_retirement_is_told_and_serving_goes_on(start_worker):
    worker = start_worker(limit_max_requests=2)
    worker.get("/")
    worker.get("/")
    assert "limit_max_requests" in worker.wait_for("retire")["reason"]
    assert worker.get("/")


def test_log_files_are_reopened(start_worker, tmp_path):
    path = tmp_path / "access.log"
    config = {
        "version": 1,
        "handlers": {"file": {"class": "logging.FileHandler", "filename": str(path)}},
        "loggers": {"asgiserve.access": {"handlers": ["file"], "level": "INFO"}},
    }
    worker = start_worker(log_config=config)
    worker.get("/first")
    path.rename(tmp_path / "access.log.1")
    worker.give("reopen_logs")
    wait_until(path.exists, "a new log file")
    worker.get("/second")
    wait_until(lambda: "/second" in path.read_text(), "the request in the new log file")
    assert "/second" not in (tmp_path / "access.log.1").read_text()


def test_unknown_order_is_logged(worker):
    worker.give("dance")
    worker.wait_for_log("Unknown order")
    assert worker.get("/")


# A loop that stands still ---------------------------------------------------------------------


def test_report_names_the_requests_in_flight(worker):
    assert worker.report() == []
    with closing(worker.request("/wait?for=it")):
        worker.wait_for_one(lambda message: message.get("active") == 1, "the request in flight")
        (line,) = worker.report()
    target, age, client = line.split(", ")
    assert target == "GET /wait?for=it"
    assert age.endswith(" s")
    assert 0 <= float(age.removesuffix(" s")) < 60
    assert client.startswith("127.0.0.1:")


@pytest.mark.parametrize("path", ["/sleep", "/spin", "/late-spin"])
def test_blocked_worker_names_the_request_that_blocks_it(worker, path):
    with closing(worker.request("/wait")):
        worker.wait_for_one(lambda message: message.get("active") == 1, "the request in flight")
        with closing(worker.request(path)):
            wait_until(lambda: "holds" in worker.report()[0], "a blocked loop")
            first, second = worker.report()
    assert first.startswith(f"GET {path}, ")
    assert first.endswith(", holds the event loop")
    assert second.startswith("GET /wait, ")
    assert "holds" not in second


def test_application_that_blocks_after_its_answer_is_reported(worker):
    worker.get("/after")
    wait_until(lambda: worker.report(), "a blocked loop")
    (line,) = worker.report()
    assert re.fullmatch(r"app \(Task-\d+\), beside all requests, holds the event loop", line)


# A busy machine may have a request in flight whose application has yet to be called.


@pytest.mark.parametrize("path", ["/sleep", "/spin"])
def test_stacks_of_a_blocked_worker_are_reported(worker, path):
    with closing(worker.request(path)):
        wait_until(lambda: "in app" in worker.reported_stacks(), "the application's stack")
        # Of all threads: the one that reports is another. PyPy says more behind "first".
        assert worker.reported_stacks().count("(most recent call first") >= 2


@pytest.mark.parametrize("path", ["/sleep", "/spin"])
def test_stack_of_a_blocked_worker_is_written_at_a_signal(worker, path):
    with closing(worker.request(path)):
        wait_until(lambda: "in app" in worker.signalled_stack(), "the application's stack")
        assert 'served.py", line' in worker.signalled_stack()
    assert worker.process.poll() is None


# Without a supervisor -------------------------------------------------------------------------


def test_worker_stops_when_its_supervisor_is_gone(worker):
    worker.channel.close()
    assert worker.exit_status() == 0
    assert "shutdown has run" in worker.log()
    assert "its supervisor is gone" in worker.log()


def test_stuck_worker_without_supervisor_ends(start_worker):
    patch = "from asgiserve.worker import worker_server\nworker_server.ORPHAN_MARGIN_S = 0.2\n"
    worker = start_worker(
        patch + APP,
        timeout_graceful_shutdown=0,
        timeout_lifespan_shutdown=0.01,
        timeout_worker_healthcheck=60,
    )
    with closing(worker.request("/sleep")):
        wait_until(worker.report, "a blocked loop")
        worker.channel.close()
        assert worker.exit_status() == 1
    assert "has not stopped by itself" in worker.log()


# Early signals --------------------------------------------------------------------------------


def test_early_signals_do_not_kill(start_worker):
    worker = start_worker(wait=False)
    # The supervisor holds them back until the worker, which has not even begun, has handlers.
    for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGINT):
        worker.signal(number)
    worker.start()
    assert worker.get("/")


def test_early_sigterm_ends_the_worker_with_status_0(start_worker):
    worker = start_worker(wait=False)
    wait_until(lambda: is_catching(worker.process.pid, signal.SIGTERM), "the first handlers")
    worker.signal(signal.SIGTERM)
    assert worker.exit_status() == 0
    assert "Traceback" not in worker.log()


def is_catching(pid: int, number: signal.Signals) -> bool:
    """Whether the process has a handler for the signal (Linux); elsewhere after a moment."""
    try:
        with open(f"/proc/{pid}/status") as file:
            caught = next(line for line in file if line.startswith("SigCgt"))
    except OSError:
        pytest.skip("needs /proc")
    return bool(int(caught.split()[1], 16) >> (number - 1) & 1)
