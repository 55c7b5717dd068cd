"""Catching signals and putting handlers back."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator

import pytest

from asgiserve.process.signals import STOP_SIGNALS, UPKEEP_SIGNALS, catch_signals, find_unhandled


@pytest.fixture(autouse=True)
def _same_handlers_after() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    yield
    assert {number: signal.getsignal(number) for number in STOP_SIGNALS} == before


@pytest.mark.parametrize("number", STOP_SIGNALS)
def test_stop_signal_calls_the_handler(number: signal.Signals) -> None:
    caught: list[int] = []
    with catch_signals(lambda number, frame: caught.append(number), STOP_SIGNALS):
        signal.raise_signal(number)
    assert caught == [number]


def test_handlers_of_the_host_are_put_back_after_an_error() -> None:
    def handler_of_host(number: int, frame: object) -> None:
        raise AssertionError("never called")

    with catch_signals(handler_of_host, STOP_SIGNALS):
        with pytest.raises(RuntimeError), catch_signals(lambda *_: None, STOP_SIGNALS):
            raise RuntimeError
        assert signal.getsignal(signal.SIGTERM) is handler_of_host
        assert signal.getsignal(signal.SIGINT) is handler_of_host


def test_other_threads_leave_handlers_alone() -> None:
    before = signal.getsignal(signal.SIGTERM)
    seen: list[object] = []

    def run() -> None:
        with catch_signals(lambda *_: None, STOP_SIGNALS):
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert seen == [before]


@pytest.mark.skipif(not UPKEEP_SIGNALS, reason="the system has no such signals")
def test_signal_that_the_host_handles_or_ignores_is_not_unhandled() -> None:
    number, other = UPKEEP_SIGNALS
    with catch_signals(lambda *_: None, [number]):
        assert number not in find_unhandled(UPKEEP_SIGNALS)
        assert find_unhandled([other]) == (
            [other] if signal.getsignal(other) is signal.SIG_DFL else []
        )
    previous = signal.signal(number, signal.SIG_DFL)
    try:
        assert find_unhandled([number]) == [number]
        signal.signal(number, signal.SIG_IGN)
        assert find_unhandled([number]) == []
    finally:
        signal.signal(number, previous)
