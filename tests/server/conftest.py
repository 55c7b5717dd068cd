"""What tests of servers in a host program share."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from asgiserve.process.signals import STOP_SIGNALS
from asgiserve.server import stop_request


@pytest.fixture
def heard() -> Iterator[list[int]]:
    """The numbers of the signals that reach a host program with handlers of its own."""
    numbers: list[int] = []
    previous = {
        number: signal.signal(number, lambda number, frame: numbers.append(number))
        for number in STOP_SIGNALS
    }
    yield numbers
    for number, handler in previous.items():
        signal.signal(number, handler)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each signal to stop counts, though no half second lies between them."""
    monkeypatch.setattr(stop_request, "REPEAT_S", 0.0)
