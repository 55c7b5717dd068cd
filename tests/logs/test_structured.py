"""JSON and logfmt: what a line says of a record, and that no record breaks it."""

from __future__ import annotations

import io
import json
import logging
import re
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgiserve.config.config import LOGGING_CONFIG, Config, OptionError
from asgiserve.logs.configure import configure_logging
from asgiserve.logs.structured import JsonFormatter, LogfmtFormatter
from tests.logging_state import restored_logging

pytestmark = pytest.mark.usefixtures(restored_logging.__name__)
__all__ = ["restored_logging"]

# A reader of logfmt: keys, and values that are bare or quoted as in JSON.
PAIR = re.compile(r'([^\s="]+)=("(?:[^"\\]|\\.)*"|[^\s"=]*)(?: |$)')


def read_logfmt(line):
    assert PAIR.sub("", line) == ""
    return {
        key: json.loads(value) if value[:1] == '"' else value for key, value in PAIR.findall(line)
    }


def make_record(message="hello", *args, **extra):
    record = logging.LogRecord("asgiserve.error", logging.WARNING, "", 0, message, args, None)
    record.created = 1_700_000_000.123_9
    vars(record).update(extra)
    return record


def test_json_has_time_level_logger_and_message_first():
    assert JsonFormatter().format(make_record("%d apples", 3)) == (
        '{"time":"2023-11-14T22:13:20.123Z","level":"WARNING","logger":"asgiserve.error",'
        '"message":"3 apples"}'
    )


def test_logfmt_has_the_same():
    assert LogfmtFormatter().format(make_record("%d apples", 3)) == (
        'time=2023-11-14T22:13:20.123Z level=WARNING logger=asgiserve.error message="3 apples"'
    )


def test_what_was_given_with_extra_is_there():
    class Broken:
        def __str__(self):
            raise RuntimeError

    record = make_record(
        request_id="a b",
        count=3,
        share=0.5,
        is_new=True,
        nothing=None,
        other=[1],
        infinite=float("inf"),
        broken=Broken(),
        color_message="x",
    )
    found = json.loads(JsonFormatter().format(record))
    assert {name: found[name] for name in list(found)[4:]} == {
        "request_id": "a b",
        "count": 3,
        "share": 0.5,
        "is_new": True,
        "nothing": None,
        "other": "[1]",
        "infinite": "inf",
        "broken": "<Broken: RuntimeError in str()>",
    }
    line = LogfmtFormatter().format(record)
    assert 'request_id="a b" count=3 share=0.5 is_new=true nothing=null other=[1] inf' in line


@pytest.mark.parametrize("formatter", [JsonFormatter(), LogfmtFormatter()])
def test_exception_is_a_field_of_one_line(formatter):
    try:
        raise ValueError("first\nsecond")
    except ValueError:
        record = make_record("failed", exc_info=sys.exc_info())
    line = formatter.format(record)
    assert "\n" not in line
    found = json.loads(line) if line[0] == "{" else read_logfmt(line)
    assert found["message"] == "failed"
    assert found["exception"].startswith("Traceback (most recent call last):\n")
    assert found["exception"].endswith("ValueError: first\nsecond")


@given(message=st.text(), value=st.text(), key=st.text(min_size=1))
def test_no_text_breaks_a_line(message, value, key):
    record = make_record("%s", message, **{f"x{key}": value})
    json_line, logfmt_line = JsonFormatter().format(record), LogfmtFormatter().format(record)
    for line in (json_line, logfmt_line):
        assert line.isascii()
        assert line.isprintable()
    assert json.loads(json_line)["message"] == message
    assert json.loads(json_line)[f"x{key}"] == value
    found = read_logfmt(logfmt_line)
    assert found["message"] == message
    assert list(found.values())[-1] == value


# Configuration ---------------------------------------------------------------------------------


@pytest.mark.parametrize("log_format", ["json", "logfmt"])
def test_both_loggers_write_in_the_format(capsys, log_format):
    configure_logging(Config("main:app", log_format=log_format, log_level="debug"))
    logging.getLogger("asgiserve.error").debug("careful")
    logging.getLogger("asgiserve.access").info("by hand")
    captured = capsys.readouterr()
    read = json.loads if log_format == "json" else lambda line: read_logfmt(line.strip())
    assert read(captured.err)["message"] == "careful"
    assert read(captured.out)["message"] == "by hand"


def test_default_configuration_is_left_as_it_is():
    before = json.dumps(LOGGING_CONFIG)
    configure_logging(Config("main:app", log_format="json"))
    assert json.dumps(LOGGING_CONFIG) == before


@pytest.mark.parametrize("log_config", [None, {"version": 1}, io.StringIO("")])
def test_log_config_excludes_log_format(log_config):
    with pytest.raises(OptionError, match="log_format json and log_config exclude each other"):
        Config("main:app", log_format="json", log_config=log_config)


def test_colours_are_for_text():
    with pytest.raises(OptionError, match="use_colors: log_format logfmt has no colours"):
        Config("main:app", log_format="logfmt", use_colors=True)
    assert Config("main:app", log_format="logfmt", use_colors=False).use_colors is False


# Documentation ---------------------------------------------------------------------------------

PAGE = (Path(__file__).parents[2] / "docs" / "logs.md").read_text()


@pytest.fixture
def _root_handlers():
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield
    root.handlers, root.level = before


@pytest.mark.usefixtures("_root_handlers")
def test_configuration_of_the_page_makes_every_logger_write_json(capsys):
    block = PAGE.rpartition("```json\n")[2].partition("```")[0]
    names = ("asgiserve.access", "asgiserve.error", "asgiserve")
    for name in names:
        logging.getLogger(name).handlers = []
        logging.getLogger(name).propagate = True
    configure_logging(Config("main:app", log_config=json.loads(block)))
    for name in (*names, "somebody.else"):
        logging.getLogger(name).warning("hello from %s", name)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["logger"] for line in lines] == [*names, "somebody.else"]


def test_lines_of_the_page_are_such_lines():
    arguments = ("127.0.0.1:50412", "GET", "/items?page=2", "1.1", 200)
    record = logging.LogRecord(
        "asgiserve.access", logging.INFO, "", 0, '%s - "%s %s HTTP/%s" %d', arguments, None
    )
    record.created = 1795741241.204
    vars(record).update(body_bytes=1345, duration_s=0.00231)
    assert JsonFormatter().format(record) in PAGE.splitlines()
    assert LogfmtFormatter().format(record) in PAGE.splitlines()
