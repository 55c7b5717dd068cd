"""The log when the process is out of file descriptors."""

from __future__ import annotations

import errno
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from asgiserve.server.accept_errors import (
    ACCEPT_ERROR,
    REPORT_INTERVAL_S,
    RETRY_WINDOW_S,
    STALE_RETRY,
    thin_out_accept_errors,
)
from tests.fakes import ManualLoop

ACCEPT_FAILURE = {
    "message": ACCEPT_ERROR,
    "exception": OSError(errno.EMFILE, "Too many open files"),
}


@pytest.fixture
def loop() -> Iterator[ManualLoop]:
    loop = ManualLoop()
    yield loop
    loop.close()


def test_accept_errors_are_logged_once_in_a_while(
    loop: ManualLoop, caplog: pytest.LogCaptureFixture
) -> None:
    with thin_out_accept_errors(loop):
        for _ in range(2_000):
            loop.call_exception_handler(ACCEPT_FAILURE)
        assert len(caplog.records) == 1
        loop.advance(REPORT_INTERVAL_S)
        loop.call_exception_handler(ACCEPT_FAILURE)
    assert len(caplog.records) == 2
    assert caplog.records[0].levelno == logging.ERROR
    assert "Too many open files" in caplog.records[0].message
    assert loop.errors == []


def test_retries_that_find_the_listener_closed_are_not_logged(
    loop: ManualLoop, caplog: pytest.LogCaptureFixture
) -> None:
    retry = {"message": f"{STALE_RETRY}()", "exception": ValueError("Invalid file descriptor: -1")}
    previous = loop.get_exception_handler()
    with thin_out_accept_errors(loop):
        loop.call_exception_handler(ACCEPT_FAILURE)
    for _ in range(2_000):
        loop.call_exception_handler(retry)
    assert len(caplog.records) == 1
    assert loop.errors == []
    loop.advance(RETRY_WINDOW_S)
    assert loop.get_exception_handler() is previous


def test_other_errors_go_to_the_handler_of_before(loop: ManualLoop) -> None:
    other = {"message": "a callback has failed"}
    with thin_out_accept_errors(loop):
        loop.call_exception_handler(other)
    assert loop.errors == [other]


def test_other_errors_without_a_handler_are_logged_as_ever(
    loop: ManualLoop, caplog: pytest.LogCaptureFixture
) -> None:
    loop.set_exception_handler(None)
    with thin_out_accept_errors(loop):
        loop.call_exception_handler({"message": "a callback has failed"})
    assert caplog.records[0].name == "asyncio"
    assert loop.get_exception_handler() is None


def test_handler_that_the_application_sets_stays(loop: ManualLoop) -> None:
    def handler(loop: Any, context: Any) -> None:
        pass

    with thin_out_accept_errors(loop):
        loop.set_exception_handler(handler)
    assert loop.get_exception_handler() is handler
