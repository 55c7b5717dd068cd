"""Handlers of the server, which only its own processes have."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from asgiserve.process.signal_handlers import fork_process, set_handler

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="signals and forks of Unix"),
    # Other tests may have left threads, which matter to none of these children.
    pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning"),
]


class Host:
    """Has handlers; a method is another object whenever it is asked for."""

    def handle(self, number: int, frame: object) -> None:
        raise AssertionError("never called")

    def handle_of_application(self, number: int, frame: object) -> None:
        raise AssertionError("never called")


HOST = Host()


@pytest.fixture
def before() -> Iterator[object]:
    """What the handler was before the server set its own, which is in place."""
    before = set_handler(signal.SIGTERM, HOST.handle)
    yield before
    set_handler(signal.SIGTERM, before)


def is_true_in_child(question: Callable[[], bool], fork: Callable[[], int] = os.fork) -> bool:
    pid = fork()
    if pid == 0:
        try:
            os._exit(question())
        finally:
            os._exit(2)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 1


def test_child_of_the_application_has_the_handler_of_before(before):
    set_handler(signal.SIGTERM, lambda *_: None)
    set_handler(signal.SIGTERM, HOST.handle)
    assert is_true_in_child(lambda: signal.getsignal(signal.SIGTERM) == before)
    assert signal.getsignal(signal.SIGTERM) == HOST.handle


def test_child_of_the_application_does_not_wake_its_parent(before):
    read_fd, write_fd = os.pipe()
    os.set_blocking(write_fd, False)
    previous = signal.set_wakeup_fd(write_fd)
    try:
        assert is_true_in_child(lambda: signal.set_wakeup_fd(-1) == -1)
    finally:
        signal.set_wakeup_fd(previous)
        os.close(read_fd)
        os.close(write_fd)


def test_signal_that_comes_before_the_handler_is_put_back_is_not_lost(before):
    for _ in range(20):
        pid = os.fork()
        if pid == 0:
            time.sleep(10)
            os._exit(2)
        os.kill(pid, signal.SIGTERM)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGTERM


def test_fork_leaves_the_held_signals_of_the_parent_as_they_were(before):
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    assert is_true_in_child(lambda: signal.pthread_sigmask(signal.SIG_BLOCK, []) == mask)
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == mask


def test_process_of_the_server_keeps_the_handler(before):
    assert is_true_in_child(
        lambda: signal.getsignal(signal.SIGTERM) == HOST.handle, fork=fork_process
    )
    assert is_true_in_child(lambda: signal.getsignal(signal.SIGTERM) == before)


def test_handler_of_the_application_stays_in_its_children(before):
    signal.signal(signal.SIGTERM, HOST.handle_of_application)
    assert is_true_in_child(lambda: signal.getsignal(signal.SIGTERM) == HOST.handle_of_application)


def test_nothing_changes_in_children_once_the_handler_of_before_is_back(before):
    previous = signal.signal(signal.SIGTERM, HOST.handle_of_application)
    set_handler(signal.SIGTERM, HOST.handle)
    set_handler(signal.SIGTERM, HOST.handle_of_application)
    assert is_true_in_child(lambda: signal.getsignal(signal.SIGTERM) == HOST.handle_of_application)
    signal.signal(signal.SIGTERM, previous)
