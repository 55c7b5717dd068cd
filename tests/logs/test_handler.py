"""The handler of the server's own logs: lines as the standard library's writes them."""

from __future__ import annotations

import io
import logging
import sys

import pytest

from asgiserve.logs.handler import LogHandler


def make_record(message: object, *arguments: object) -> logging.LogRecord:
    return logging.LogRecord("name", logging.INFO, __file__, 1, message, arguments, None)


def test_record_is_a_line() -> None:
    stream = io.StringIO()
    LogHandler(stream).handle(make_record("%d of %s", 1, "two"))
    assert stream.getvalue() == "1 of two\n"


def test_default_is_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    LogHandler().handle(make_record("here"))
    assert capsys.readouterr().err == "here\n"


def test_stream_can_be_changed() -> None:
    streams = [io.StringIO() for _ in range(3)]
    handler = LogHandler(streams[0])
    handler.setStream(streams[1])
    handler.handle(make_record("one"))
    handler.stream = streams[2]
    handler.handle(make_record("two"))
    assert [each.getvalue() for each in streams] == ["", "one\n", "two\n"]


def test_handler_works_on_after_it_was_closed() -> None:
    """`logging.config` closes all handlers, also those that go on."""
    stream = io.StringIO()
    handler = LogHandler(stream)
    handler.close()
    handler.handle(make_record("still here"))
    assert stream.getvalue() == "still here\n"


class Sour:
    def __repr__(self) -> str:
        raise RuntimeError("no")


def test_record_that_cannot_be_formatted_is_told_of_in_the_log() -> None:
    stream = io.StringIO()
    LogHandler(stream).handle(make_record("%d", "text"))
    LogHandler(stream).handle(make_record("%s", Sour()))
    text = stream.getvalue()
    assert "TypeError: %d format" in text
    assert "Message: '%d'\nArguments: ('text',)\n" in text
    assert "Arguments: <tuple: RuntimeError in repr()>\n" in text


def test_missing_stream_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    LogHandler().handle(make_record("nowhere"))
