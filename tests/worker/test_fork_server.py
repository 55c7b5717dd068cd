"""The process that forks workers: what it gives them, whose children they are, what it survives."""

import gc
import os
import signal
import tempfile
import threading
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from asgiserve.config.config import Config
from asgiserve.supervisor.fork_server_process import ForkServerProcess
from asgiserve.worker.channel import Channel
from asgiserve.worker.fork_server import serve_forks
from asgiserve.worker.spec import WorkerOrder
from tests.e2e.waiting import wait_until

pytestmark = pytest.mark.usefixtures("adopting")


@pytest.fixture
def server() -> Iterator[ForkServerProcess]:
    server = ForkServerProcess.prepare([])
    yield server
    server.process.end()


@pytest.fixture
def stacks_fd() -> Iterator[int]:
    with tempfile.TemporaryFile() as file:
        yield file.fileno()


def fork(server, stacks_fd):
    """A worker that waits for its order."""
    wait_until(server.is_ready, "the fork server")
    return server.fork(stacks_fd)


def test_it_is_not_ready_while_it_imports(server, stacks_fd):
    server.process.kill(signal.SIGSTOP)
    assert not server.is_ready()
    server.process.kill(signal.SIGCONT)
    fork(server, stacks_fd).end()


def test_end_of_a_worker_is_seen_while_it_goes_on(server, stacks_fd):
    workers = [fork(server, stacks_fd) for _ in range(2)]
    for worker in workers:
        worker.kill(signal.SIGKILL)
        assert worker.channel.wait(10)
        assert worker.channel.receive() is None
        wait_until(lambda worker=worker: worker.poll() is not None, "its end")
        assert worker.poll() == -signal.SIGKILL
        worker.close()
    assert server.process.poll() is None


def test_worker_outlives_it_and_serves_its_order_with_its_own_files(server, stacks_fd):
    worker = fork(server, stacks_fd)
    server.process.end()
    worker.begin(WorkerOrder(Config("no_such_module:app"), (), 3, 0.5, stacks_fd=-1))
    messages = []

    def has_failed():
        messages.extend(worker.channel.receive() or ())
        return any(each["kind"] == "failed" for each in messages)

    # It has written its stacks' file down by then, which the order does not know.
    wait_until(has_failed, "its end")
    assert messages[0]["kind"] == "started"
    assert "no_such_module" in messages[-1]["reason"]
    wait_until(lambda: worker.poll() is not None, "its end")
    assert worker.poll() == 3
    worker.close()


def test_its_end_is_an_error_of_the_next_fork(server, stacks_fd):
    fork(server, stacks_fd).end()
    server.process.kill(signal.SIGKILL)
    wait_until(lambda: server.process.poll() is not None, "its end")
    with pytest.raises(ConnectionError):
        server.fork(stacks_fd)


def test_system_that_does_not_fork_is_an_error_and_not_the_end(monkeypatch, stacks_fd):
    def refuse():
        raise OSError("no processes left")

    ours, theirs = Channel.pair()
    server = ForkServerProcess(SimpleNamespace(channel=ours, pid=0))
    monkeypatch.setattr(os, "fork", refuse)
    ended = []

    def serve():
        try:
            serve_forks(theirs)
        except EOFError as error:
            ended.append(str(error))

    thread = threading.Thread(target=serve)
    thread.start()
    wait_until(server.is_ready, "the fork server")
    for _ in range(2):
        with pytest.raises(OSError, match="it cannot fork"):
            server.fork(stacks_fd)
    ours.close()
    thread.join()
    theirs.close()
    gc.unfreeze()
    assert ended == ["the supervisor is gone"]
