"""What an event loop of the server's own makes of the errors that nobody else takes."""

from __future__ import annotations

import asyncio
import errno
import logging
import ssl
from typing import Any

import pytest

from asgiserve.config.config import Config
from asgiserve.logs.rate_limit import REPORT_INTERVAL_S
from asgiserve.logs.structured import JsonFormatter
from asgiserve.net.loop_errors import MAX_KINDS, LoopErrors
from asgiserve.server.event_loop import open_runner, take_errors
from tests.apps import answer
from tests.fakes import FakeTransport, ManualClock, ManualLoop


class Unspeakable:
    """An object that cannot say what it is."""

    def __repr__(self) -> str:
        raise RuntimeError("no words")


class Broken(Exception):
    """An error that cannot say what it is either."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def errors(clock: ManualClock) -> LoopErrors:
    return LoopErrors(clock)


@pytest.fixture
def report(errors: LoopErrors, caplog: pytest.LogCaptureFixture) -> Any:
    """Report a context, and have the lines that came of it: level and text."""
    caplog.set_level(logging.DEBUG, "asgiserve.error")

    def report_one(**context: Any) -> list[tuple[str, str]]:
        caplog.clear()
        errors(asyncio.AbstractEventLoop(), context)
        return [(record.levelname, record.getMessage()) for record in caplog.records]

    return report_one


@pytest.mark.parametrize(
    "fault",
    [
        ConnectionResetError(errno.ECONNRESET, "reset"),
        ConnectionResetError,
        BrokenPipeError(),
        TimeoutError("SSL shutdown timed out"),
        ssl.SSLError(1, "wrong version number"),
        ssl.SSLCertVerificationError(),
        OSError(errno.EHOSTUNREACH, "no route"),
    ],
    ids=repr,
)
def test_fault_of_a_peer_is_a_line_for_debugging(report: Any, fault: Any) -> None:
    ((level, text),) = report(message="SSL handshake failed", exception=fault, transport=object())
    assert level == "DEBUG"
    assert text.startswith("SSL handshake failed: ")


@pytest.mark.parametrize(
    ("error", "where"),
    [
        (ConnectionResetError("of a database"), {"future": "a task"}),
        (ConnectionResetError("of a database"), {"handle": "a callback"}),
        (ValueError("ours"), {"transport": "a transport"}),
        (OSError(errno.EBADF, "ours"), {"transport": "a transport"}),
        (ValueError, {"transport": "a transport"}),
        ("not even an exception", {"transport": "a transport"}),
    ],
)
def test_other_errors_are_errors(report: Any, error: Any, where: dict[str, str]) -> None:
    ((level, text),) = report(message="it failed", exception=error, **where)
    assert level == "ERROR"
    assert text.startswith("it failed (")
    assert next(iter(where.values())) in text


def test_error_is_one_record_with_its_traceback(
    report: Any, caplog: pytest.LogCaptureFixture
) -> None:
    try:
        raise ValueError("ours")
    except ValueError as error:
        report(message="it\nfailed", exception=error)
    (record,) = caplog.records
    line = JsonFormatter().format(record)
    assert "\n" not in line
    assert "it failed" in line
    assert "Traceback" in line


@pytest.mark.parametrize(
    "context",
    [
        {},
        {"message": None},
        {"message": Unspeakable()},
        {"message": "m", "exception": Unspeakable(), "handle": Unspeakable()},
        {"message": "m", "exception": Broken(), "transport": Unspeakable()},
        {"message": "\ud800", "exception": ValueError(), "protocol": "x" * 10_000},
        {"message": "m", "source_traceback": Unspeakable()},
        {"message": "m", "task": Unspeakable, "exception": Unspeakable},
    ],
)
def test_objects_of_any_kind_break_no_log(
    report: Any, context: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    ((level, text),) = report(**context)
    assert level == "ERROR"
    assert len(text.encode()) < 1000
    assert not capsys.readouterr().err


def test_each_kind_of_error_is_written_once_in_a_while(report: Any, clock: ManualClock) -> None:
    def fail(kind: type[Exception]) -> list[tuple[str, str]]:
        try:
            raise kind("it failed")
        except kind as error:
            found: list[tuple[str, str]] = report(message=f"at {id(error)}", exception=error)
            return found

    assert fail(ValueError)
    assert not fail(ValueError)
    assert fail(KeyError)
    clock.now_s += REPORT_INTERVAL_S
    ((_, text),) = fail(ValueError)
    assert text.endswith("(and 1 more such events since the line before)")


def test_kinds_without_number_are_written_as_one(report: Any) -> None:
    lines = [report(message=f"kind {number}") for number in range(MAX_KINDS + 10)]
    assert all(lines[: MAX_KINDS + 1])
    assert not any(lines[MAX_KINDS + 1 :])


def test_connection_whose_callback_fails_is_dropped_at_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Protocol(asyncio.Protocol):
        pass

    Protocol.__module__ = "asgiserve.connection"
    loop = ManualLoop()
    loop.set_exception_handler(None)
    take_errors(loop)
    ours, others = FailingTransport(loop), FailingTransport(loop)
    ours.set_protocol(Protocol())
    others.set_protocol(asyncio.Protocol())
    loop.call_soon(ours.fail)
    loop.call_soon(others.fail)
    loop.run_until_idle()
    loop.close()
    assert (ours.was_aborted, others.was_aborted) == (True, False)
    assert len(caplog.records) == 1


class FailingTransport(FakeTransport):
    """Its callback raises."""

    def fail(self) -> None:
        raise RuntimeError("cannot enter context")


def test_callback_that_a_nested_loop_calls_again_is_reported_to_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    # asyncio would run a handler that was set in the callback's context, which is entered already.
    loop = ManualLoop()
    loop.set_exception_handler(None)
    take_errors(loop)
    handle: asyncio.Handle

    def nest() -> None:
        handle._run()

    handle = loop.call_soon(nest)
    loop.run_until_idle()
    loop.close()
    (record,) = caplog.records
    assert (record.name, record.levelname) == ("asgiserve.error", "ERROR")
    assert "nest" in record.getMessage()


@pytest.mark.parametrize("name", ["asyncio", "uvloop"])
def test_loop_of_the_server_reports_to_its_log(name: str, caplog: pytest.LogCaptureFixture) -> None:
    pytest.importorskip(name)

    async def fail() -> None:
        asyncio.get_running_loop().call_exception_handler({"message": "it failed"})

    with open_runner(Config(answer, loop=name)) as runner:
        runner.run(fail())
    assert [(each.name, each.message) for each in caplog.records] == [
        ("asgiserve.error", "it failed")
    ]


class LoopWithHandler(asyncio.SelectorEventLoop):
    """A loop whose maker takes its errors."""

    seen: list[str] = []  # noqa: RUF012

    def __init__(self) -> None:
        super().__init__()
        self.set_exception_handler(lambda _, context: self.seen.append(context["message"]))


def test_handler_that_a_loop_factory_has_set_stays() -> None:
    async def fail() -> None:
        asyncio.get_running_loop().call_exception_handler({"message": "it failed"})

    with open_runner(Config(answer, loop=f"{__name__}:LoopWithHandler")) as runner:
        runner.run(fail())
    assert LoopWithHandler.seen == ["it failed"]
