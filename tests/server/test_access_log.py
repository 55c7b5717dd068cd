"""The access log: what is written where, when ordinary records are, and what a bad stream does."""

from __future__ import annotations

import copy
import io
import json
import logging
import os
import re
import sys
from typing import BinaryIO, TextIO

import pytest

from asgiserve.config.config import LOGGING_CONFIG, Config
from asgiserve.logs.configure import configure_logging
from asgiserve.server import access_log
from asgiserve.server.access_log import make_access_log
from tests.fakes import ManualLoop
from tests.logging_state import restored_logging

pytestmark = pytest.mark.usefixtures(restored_logging.__name__)
__all__ = ["restored_logging"]

REQUEST = ("192.0.2.1:5", "GET", b"/a?b", "1.1", 200, 13, 0.000_5)
HOSTILE = ('x"\n', "GET", b'/"\r\n\x1b[31m\xff', "1.0", 503, 0, 2.0)
WEBSOCKET = ("192.0.2.1:5", b"/chat", 1000, 12, 34, 5.231)
HOSTILE_WEBSOCKET = ('x"\n', b'/"\r\n\x1b[31m\xff', 4404, 0, 2**40, 0.0)
logger = logging.getLogger("asgiserve.access")


@pytest.fixture
def loop():
    loop = ManualLoop()
    yield loop
    loop.close()


class Pipe:
    """Where standard output leads to under a process manager."""

    def __init__(self, reader: BinaryIO, stdout: TextIO) -> None:
        self.reader = reader
        self.stdout = stdout

    def read(self, size: int = 65536) -> bytes:
        """What was written, empty if nothing was."""
        return self.reader.read(size) or b""

    def fill(self) -> int:
        """Make writing block; tells how many bytes must be read until it does not."""
        os.set_blocking(self.stdout.fileno(), False)
        size = 0
        try:
            while True:
                size += os.write(self.stdout.fileno(), b"x" * 4096)
        except BlockingIOError:
            os.set_blocking(self.stdout.fileno(), True)
            return size


@pytest.fixture
def pipe():
    if sys.platform == "win32":
        pytest.skip("needs pipes that do not block")
    read_fd, write_fd = os.pipe()
    os.set_blocking(read_fd, False)
    with os.fdopen(read_fd, "rb", buffering=0) as reader, os.fdopen(write_fd, "w") as stdout:
        yield Pipe(reader, stdout)


def start(loop, stream=None, **options):
    """The access log of a configuration; the default handler may write to another *stream*."""
    config = Config("main:app", **options)
    configure_logging(config)
    if stream is not None:
        logger.handlers[0].setStream(stream)
    return make_access_log(config, loop)


def test_lines_are_written_together_after_a_moment(loop, pipe):
    log = start(loop, pipe.stdout)
    log.write(*REQUEST)
    log.write(*REQUEST)
    loop.run_until_idle()
    assert pipe.read() == b""
    loop.advance(access_log.FLUSH_DELAY_S)
    lines = pipe.read().decode().splitlines()
    assert len(lines) == 2
    assert re.fullmatch(
        r'INFO:     [-\d]{10} [:\d]{8} 192\.0\.2\.1:5 - "GET /a\?b HTTP/1\.1" 200 13 0\.50ms',
        lines[0],
    )


def test_flush_writes_at_once_and_only_once(loop, pipe):
    log = start(loop, pipe.stdout)
    log.write(*REQUEST)
    log.flush()
    log.flush()
    loop.advance(1)
    assert pipe.read().count(b"\n") == 1


def test_what_the_application_printed_comes_first(loop, pipe):
    log = start(loop, pipe.stdout)
    print("from the application", file=pipe.stdout)
    log.write(*REQUEST)
    log.flush()
    assert pipe.read().startswith(b"from the application\nINFO: ")


def test_clock_of_the_lines_moves(loop, pipe, monkeypatch):
    log = start(loop, pipe.stdout)
    times = []
    for now_s in (1_000_000_000, 1_000_000_001.5, 1_000_000_001.9):
        monkeypatch.setattr(access_log, "time", FakeTime(now_s))
        log.write(*REQUEST)
        log.flush()
        times.append(pipe.read()[27:29])
    assert times == [b"40", b"41", b"41"]


class FakeTime:
    def __init__(self, now_s):
        import time

        self.time = lambda: now_s
        self.strftime, self.localtime = time.strftime, time.localtime


# Records --------------------------------------------------------------------------------------


def make_silent_filter():
    logger.addFilter(logging.Filter())


def make_silent_handler_filter():
    logger.handlers[0].addFilter(logging.Filter())


def make_other_formatter():
    old = logger.handlers[0].formatter
    logger.handlers[0].setFormatter(type(old)(old._fmt, old.datefmt))


@pytest.mark.parametrize("use_colors", [False, True])
@pytest.mark.parametrize(
    "change", [make_silent_filter, make_silent_handler_filter, make_other_formatter]
)
@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("write", REQUEST),
        ("write", HOSTILE),
        ("write_websocket_end", WEBSOCKET),
        ("write_websocket_end", HOSTILE_WEBSOCKET),
    ],
    ids=["request", "hostile-request", "websocket", "hostile-websocket"],
)
def test_records_look_like_lines(loop, pipe, use_colors, change, method, arguments):
    """The fast lane and the slow one, which any change of the logger turns to."""
    log = start(loop, pipe.stdout, use_colors=use_colors)
    write = getattr(log, method)
    write(*arguments)
    log.flush()
    line = pipe.read()
    change()
    if change is make_other_formatter:
        logger.handlers[0].formatter.use_colors = use_colors
    write(*arguments)
    record_line = pipe.read()
    time = slice(line.index(b"20"), line.index(b"20") + 19)
    assert line.count(b"\n") == 1
    assert record_line[: time.start] == line[: time.start]
    assert record_line[time.stop :] == line[time.stop :]


@pytest.mark.parametrize("log_format", ["json", "logfmt"])
@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("write", REQUEST),
        ("write", HOSTILE),
        ("write_websocket_end", WEBSOCKET),
        ("write_websocket_end", HOSTILE_WEBSOCKET),
    ],
    ids=["request", "hostile-request", "websocket", "hostile-websocket"],
)
def test_structured_records_are_structured_lines(
    loop, pipe, monkeypatch, log_format, method, arguments
):
    log = start(loop, pipe.stdout, log_format=log_format)
    write = getattr(log, method)
    write(*arguments)
    log.flush()
    line = pipe.read()
    make_silent_filter()
    write(*arguments)
    record_line = pipe.read()
    time = slice(line.index(b"20"), line.index(b"20") + 24)
    assert line.count(b"\n") == 1
    assert record_line[: time.start] == line[: time.start]
    assert record_line[time.stop :] == line[time.stop :]


def test_json_line_tells_the_time_in_utc(loop, pipe, monkeypatch):
    log = start(loop, pipe.stdout, log_format="json")
    monkeypatch.setattr(access_log, "time", FakeTime(1_000_000_000.25))
    log.write(*REQUEST)
    log.flush()
    assert json.loads(pipe.read()) == {
        "time": "2001-09-09T01:46:40.250Z",
        "level": "INFO",
        "logger": "asgiserve.access",
        "message": '192.0.2.1:5 - "GET /a?b HTTP/1.1" 200',
        "client": "192.0.2.1:5",
        "method": "GET",
        "target": "/a?b",
        "http_version": "1.1",
        "status": 200,
        "body_bytes": 13,
        "duration_ms": 0.5,
    }


def test_filter_added_while_serving_drops_lines(loop, pipe):
    log = start(loop, pipe.stdout)
    logger.addFilter(lambda record: "/health" not in record.getMessage())
    log.write("c", "GET", b"/health", "1.1", 200, 0, 0.0)
    log.write("c", "GET", b"/other", "1.1", 200, 0, 0.0)
    loop.advance(1)
    assert b"/other" in (written := pipe.read())
    assert b"/health" not in written


def test_second_handler_gets_records_with_the_arguments_of_uvicorn(loop, pipe):
    log = start(loop, pipe.stdout)
    records = []
    handler = logging.Handler()
    handler.emit = records.append
    logger.addHandler(handler)
    log.write(*REQUEST)
    (record,) = records
    assert record.args == ("192.0.2.1:5", "GET", "/a?b", "1.1", 200)
    assert (record.body_bytes, record.duration_s) == (13, 0.000_5)
    assert record.getMessage() == '192.0.2.1:5 - "GET /a?b HTTP/1.1" 200'
    assert pipe.read().endswith(b" 200 13 0.50ms\n")


def test_record_of_a_websocket_has_the_arguments_of_a_request(loop, pipe):
    log = start(loop, pipe.stdout)
    records = []
    handler = logging.Handler()
    handler.emit = records.append
    logger.addHandler(handler)
    log.write_websocket_end(*WEBSOCKET)
    (record,) = records
    assert record.args == ("192.0.2.1:5", "WEBSOCKET", "/chat", "1.1", 1000)
    assert (record.received_messages, record.sent_messages) == (12, 34)
    assert (record.body_bytes, record.duration_s) == (0, 5.231)
    assert record.getMessage() == '192.0.2.1:5 - "WEBSOCKET /chat HTTP/1.1" 1000'
    assert pipe.read().endswith(b'"WEBSOCKET /chat HTTP/1.1" 1000 12 received 34 sent 5231.00ms\n')


def test_level_raised_while_serving_silences(loop, pipe):
    log = start(loop, pipe.stdout)
    logger.setLevel(logging.WARNING)
    log.write(*REQUEST)
    loop.advance(1)
    assert pipe.read() == b""


def test_custom_configuration_gets_records(loop, capsys):
    mapping = {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"mine": {"format": "mine %(message)s"}},
        "handlers": {"mine": {"class": "logging.StreamHandler", "formatter": "mine"}},
        "loggers": {"asgiserve.access": {"handlers": ["mine"], "level": "INFO"}},
    }
    logger.propagate = False
    log = start(loop, log_config=mapping)
    log.write(*REQUEST)
    assert capsys.readouterr().err == 'mine 192.0.2.1:5 - "GET /a?b HTTP/1.1" 200\n'


@pytest.mark.parametrize("options", [{"access_log": False}, {"log_level": "warning"}])
def test_there_is_no_access_log_when_nobody_would_see_it(loop, options):
    assert start(loop, **options) is None


def test_there_is_no_access_log_without_a_handler(loop):
    logger.handlers, logger.propagate = [], False
    assert start(loop, log_config=None) is None


# Streams --------------------------------------------------------------------------------------


def test_stream_without_a_descriptor_is_written_to(loop):
    stream = io.StringIO()
    log = start(loop, stream)
    log.write(*REQUEST)
    log.flush()
    assert stream.getvalue().endswith(" 200 13 0.50ms\n")


def test_closed_stream_loses_lines_with_one_warning(loop, capsys):
    stream = io.StringIO()
    log = start(loop, stream)
    stream.close()
    for _ in range(3):
        log.write(*REQUEST)
        log.flush()
    assert capsys.readouterr().err.count("Log lines to") == 1


def test_handler_of_the_standard_library_gets_lines_together(loop, pipe):
    """With our formatter, as configurations made for older releases have it."""
    config = copy.deepcopy(LOGGING_CONFIG)
    config["handlers"]["access"]["class"] = "logging.StreamHandler"
    log = start(loop, pipe.stdout, log_config=config)
    for _ in range(2):
        log.write(*REQUEST)
    assert pipe.read() == b""
    log.flush()
    assert pipe.read().count(b"\n") == 2


def test_missing_stream_loses_lines_silently(loop):
    log = start(loop)
    logger.handlers[0].stream = None
    log.write(*REQUEST)
    log.flush()


def test_reader_that_goes_away_loses_lines_with_one_warning(loop, pipe, capfd):
    log = start(loop, pipe.stdout)
    pipe.reader.close()
    for _ in range(3):
        log.write(*REQUEST)
        loop.advance(1)
    assert not loop.errors
    assert capfd.readouterr().err.count("Log lines to") == 1


def test_full_pipe_gets_its_lines_later(loop, pipe):
    log = start(loop, pipe.stdout)
    filling = pipe.fill()
    for _ in range(3):
        log.write(*REQUEST)
        loop.advance(access_log.FLUSH_DELAY_S)
    assert pipe.read(filling) == b"x" * filling
    assert logger.handlers[0].writer.wait(10)
    assert pipe.read().count(b" 200 13 0.50ms\n") == 3
