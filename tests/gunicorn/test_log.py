"""What asgiserve logs, through the handlers of gunicorn and in its formats."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.logging_state import restored_logging

pytest.importorskip("gunicorn.glogging")

from gunicorn.config import Config as Settings
from gunicorn.glogging import Logger

from asgiserve.gunicorn.log import log_as_gunicorn

__all__ = ["restored_logging"]

ACCESS = logging.getLogger("asgiserve.access")
ERROR = logging.getLogger("asgiserve.error")


class Recorder(logging.Handler):
    """A handler that somebody has configured."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture
def gunicorn_log(restored_logging: None, tmp_path: Path) -> Iterator[Any]:
    """Give a log of gunicorn, for an access_log_format, which writes to two files."""
    logs = []

    def make_log(*configured: logging.Handler, **settings: str) -> Logger:
        cfg = Settings()
        cfg.set("accesslog", str(tmp_path / "access"))
        cfg.set("errorlog", str(tmp_path / "error"))
        for name, value in settings.items():
            cfg.set(name, value)
        logs.append(Logger(cfg))
        # Here and not before: pytest gives loggers that do not propagate a handler of its own.
        ACCESS.handlers, ERROR.handlers = list(configured), list(configured)
        log_as_gunicorn(logs[-1])
        return logs[-1]

    yield make_log
    for log in logs:
        for logger in (log.error_log, log.access_log):
            for handler in logger.handlers[:]:
                logger.removeHandler(handler)
                handler.close()


def log_request(client: str = "192.0.2.1:5000", target: str = "/path?a=b", **extra: Any) -> None:
    # As AccessLog.write_record does.
    arguments = (client, "GET", target, "1.1", 200)
    ACCESS.info('%s - "%s %s HTTP/%s" %d', *arguments, extra=extra)


def test_access_line_has_what_the_format_names(gunicorn_log: Any, tmp_path: Path) -> None:
    names = [*"hlurmUqHsBbfaTMDLp", "{cookie}i"]
    gunicorn_log(access_log_format="|".join(f"%({name})s" for name in names))
    log_request(body_bytes=13, duration_s=1.5)
    values = (tmp_path / "access").read_text().rstrip("\n").split("|")
    assert dict(zip(names, values, strict=True)) == {
        "h": "192.0.2.1",
        "l": "-",
        "u": "-",
        "r": "GET /path?a=b HTTP/1.1",
        "m": "GET",
        "U": "/path",
        "q": "a=b",
        "H": "HTTP/1.1",
        "s": "200",
        "B": "13",
        "b": "13",
        "f": "-",
        "a": "-",
        "T": "1",
        "M": "1500",
        "D": "1500000",
        "L": "1.500000",
        "p": f"<{os.getpid()}>",
        "{cookie}i": "-",
    }


@pytest.mark.parametrize(
    ("client", "host"),
    [("192.0.2.1:5000", "192.0.2.1"), ("2001:db8::1:5000", "2001:db8::1"), ("unix", "unix")],
)
def test_access_line_names_the_host_of_the_client(
    gunicorn_log: Any, tmp_path: Path, client: str, host: str
) -> None:
    gunicorn_log(access_log_format="%(h)s")
    log_request(client)
    assert (tmp_path / "access").read_text() == f"{host}\n"


def test_access_line_has_the_time_in_gunicorns_format(gunicorn_log: Any, tmp_path: Path) -> None:
    log = gunicorn_log(access_log_format="%(t)s")
    log.now = lambda: "[22/Nov/2026:22:00:00 +0000]"
    log_request()
    assert (tmp_path / "access").read_text() == "[22/Nov/2026:22:00:00 +0000]\n"


def test_errors_go_to_gunicorns_error_log(gunicorn_log: Any, tmp_path: Path) -> None:
    gunicorn_log(loglevel="warning")
    ERROR.info("nothing worth knowing")
    ERROR.warning("something is wrong")
    text = (tmp_path / "error").read_text()
    assert text.endswith("[WARNING] something is wrong\n")
    assert "nothing" not in text


def test_logger_that_is_configured_already_is_left_alone(gunicorn_log: Any, tmp_path: Path) -> None:
    recorder = Recorder()
    for logger in (ACCESS, ERROR):
        logger.setLevel(logging.INFO)
    gunicorn_log(recorder)
    ERROR.info("here")
    log_request()
    assert len(recorder.records) == 2
    assert (tmp_path / "access").read_text() == ""
