"""Which signals a server in a host program takes, and when it gives them back."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator

import pytest

from asgiserve.config.config import Config
from asgiserve.process.signals import UPKEEP_SIGNALS
from asgiserve.server.server import Server

if sys.platform == "win32":
    pytest.skip("Windows has no such signals", allow_module_level=True)


async def app(scope: object, receive: object, send: object) -> None:
    raise AssertionError("never called")


@pytest.fixture(autouse=True)
def _defaults() -> Iterator[None]:
    previous = {number: signal.signal(number, signal.SIG_DFL) for number in UPKEEP_SIGNALS}
    yield
    for number, handler in previous.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", UPKEEP_SIGNALS)
def test_signal_that_would_kill_the_host_is_taken_while_the_server_runs(number):
    server = Server(Config(app))
    with server.capture_signals():
        assert signal.getsignal(number) == server.handle_upkeep
        # No loop runs: it has nothing to do.
        signal.raise_signal(number)
    assert signal.getsignal(number) is signal.SIG_DFL


@pytest.mark.parametrize("handler", [signal.SIG_IGN, lambda number, frame: None])
@pytest.mark.parametrize("number", UPKEEP_SIGNALS)
def test_signal_of_the_host_stays_the_hosts(number, handler):
    signal.signal(number, handler)
    with Server(Config(app)).capture_signals():
        assert signal.getsignal(number) is handler


@pytest.mark.parametrize("number", UPKEEP_SIGNALS)
def test_server_that_owns_the_process_takes_what_its_parent_has_ignored(number):
    signal.signal(number, signal.SIG_IGN)
    server = Server(Config(app))
    server.owns_process = True
    with server.capture_signals():
        assert signal.getsignal(number) == server.handle_upkeep
    assert signal.getsignal(number) is signal.SIG_IGN


@pytest.mark.usefixtures("impatient")
def test_signals_that_stop_the_server_are_the_hosts_too_each_kind_once(heard):
    server = Server(Config(app))
    with server.capture_signals():
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGTERM):
            signal.raise_signal(number)
        assert not heard
    assert heard == [signal.SIGTERM, signal.SIGINT]
    assert server.force_exit


def test_signals_that_stop_a_process_go_no_further(heard):
    server = Server(Config(app))
    server.owns_process = True
    with server.capture_signals():
        signal.raise_signal(signal.SIGTERM)
    assert not heard


def test_signals_are_not_the_hosts_where_the_server_breaks(heard):
    def break_off() -> None:
        with Server(Config(app)).capture_signals():
            signal.raise_signal(signal.SIGTERM)
            raise OSError("broken")

    with pytest.raises(OSError, match="broken"):
        break_off()
    assert not heard


def test_server_in_a_thread_that_is_told_of_a_signal_raises_none(heard):
    server = Server(Config(app))

    def run() -> None:
        with server.capture_signals():
            server.handle_exit(signal.SIGTERM, None)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert server.should_exit
    assert not heard


def test_signals_within_half_a_second_count_once_but_are_all_the_hosts(heard):
    server = Server(Config(app))
    with server.capture_signals():
        for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGINT):
            signal.raise_signal(number)
        assert server.should_exit
        assert not server.force_exit
    assert heard == [signal.SIGTERM, signal.SIGINT]


@pytest.mark.usefixtures("heard")
def test_signal_soon_after_the_one_that_ended_the_run_before_counts():
    server = Server(Config(app))
    for _ in range(2):
        with server.capture_signals():
            signal.raise_signal(signal.SIGTERM)
            assert server.should_exit
        server._request.detach()
