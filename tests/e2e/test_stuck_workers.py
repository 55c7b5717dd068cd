"""Workers whose event loop stands still: found, explained, and replaced before they are killed."""

import os
import re
import sys
import threading

import pytest

from asgiserve.process.stats import read_stats

from .raw_client import RawClient
from .waiting import wait_until
from .workers import ask, is_alive, wait_for_workers, workers_of

if sys.platform == "win32":
    pytest.skip("no workers there", allow_module_level=True)


@pytest.fixture
def start(start_server):
    def start_site(timeout_s):
        server = start_server(
            "-m", "asgiserve", "worker_site:app", "--port=0", "--workers=2",
            f"--timeout-worker-healthcheck={timeout_s}", "--timeout-graceful-shutdown=2",
            "--timeout-lifespan-shutdown=1",
        )  # fmt: skip
        server.wait_for_log("with 2 workers")
        return server

    return start_site


def send_in_background(server, target):
    """Send a request that may never be answered; a list that takes the answer or the error."""
    answers = []

    def run():
        try:
            with RawClient(server.address) as raw:
                answers.append(raw.get(target))
        except (EOFError, OSError) as error:
            answers.append(error)

    threading.Thread(target=run, daemon=True).start()
    return answers


def stuck_pid(server):
    """The worker that the log calls stuck."""
    server.wait_for_log(r"Worker \d \(pid \d+\) is stuck")
    return int(re.findall(r"Worker \d \(pid (\d+)\) is stuck", server.log())[0])


@pytest.mark.skipif(
    read_stats(os.getpid()) is None, reason="nobody tells CPU times, so that it counts as busy"
)
def test_blocked_worker_is_explained_and_replaced(start):
    server = start(1)
    answers = send_in_background(server, "/sleep?60")
    pid = stuck_pid(server)
    server.wait_for_log(rf"pid {pid}\) is stuck: .* and it uses no CPU time; replacing it")
    server.wait_for_log(rf"Killing worker process {pid}")
    log = server.log()
    assert f"(pid {pid}) is late: its event loop has stood still" in log
    assert re.search(rf"\(pid {pid}\) has in flight: GET /sleep\?60", log)
    if sys.implementation.name == "cpython":
        assert re.search(r'worker_site\.py", line \d+ in app', log)
    begin = log.index("is stuck")
    assert begin < log.index("Worker serves", begin) < log.index("Killing worker process")
    wait_until(lambda: answers, "the end of the request")
    assert isinstance(answers[0], (EOFError, OSError))
    assert pid not in wait_for_workers(server, 2)
    assert server.terminate() == 0


def test_busy_worker_gets_its_grace_period_and_may_answer(start):
    server = start(1)
    answers = send_in_background(server, "/spin")
    pid = stuck_pid(server)
    server.wait_for_log(rf"pid {pid}\) is stuck: .* and it computes; replacing it")
    server.wait_for_log(rf"replaces Worker \d \(pid {pid}\)")
    (server.work_dir / "go").touch()
    wait_until(lambda: answers, "the answer")
    assert answers[0].body.decode() == f" {pid}"
    wait_until(lambda: not is_alive(pid), "the busy worker to leave")
    assert f"Killing worker process {pid}" not in server.log()
    assert len(wait_for_workers(server, 2)) == 2
    assert server.terminate() == 0


def test_slow_worker_is_only_warned_of(start):
    server = start(4)
    before = wait_for_workers(server, 2)
    answers = send_in_background(server, "/sleep?2.5")
    server.wait_for_log("goes on after having stood still")
    wait_until(lambda: answers, "the answer")
    assert "is stuck" not in server.log()
    assert workers_of(server) == before
    assert ask(server)[1] in before
