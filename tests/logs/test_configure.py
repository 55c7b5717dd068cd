"""Logging configurations: the default one, each kind of file, and how lines look."""

from __future__ import annotations

import io
import json
import logging
import re
import sys
import traceback
from configparser import RawConfigParser

import pytest

from asgiserve.config.config import LOGGING_CONFIG, Config
from asgiserve.errors import ConfigError
from asgiserve.logs.configure import TRACE, AccessFormatter, DefaultFormatter, configure_logging
from asgiserve.logs.formatters import escape_client, escape_target, format_duration
from asgiserve.logs.structured import JsonFormatter, LogfmtFormatter
from tests.logging_state import LOGGER_NAMES, restored_logging

pytestmark = pytest.mark.usefixtures(restored_logging.__name__)
__all__ = ["restored_logging"]

error_logger = logging.getLogger("asgiserve.error")
access_logger = logging.getLogger("asgiserve.access")


def configure(**options):
    configure_logging(Config("main:app", **options))


def log_request(logger=access_logger, **extra):
    arguments = ("192.0.2.1:5", "GET", "/a", "1.1", 404)
    logger.info('%s - "%s %s HTTP/%s" %d', *arguments, extra=extra)


# The default ----------------------------------------------------------------------------------


def test_errors_go_to_stderr_and_requests_to_stdout(capsys):
    configure()
    error_logger.warning("careful")
    log_request(body_bytes=7, duration_s=0.001234)
    captured = capsys.readouterr()
    time = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"
    assert re.fullmatch(rf"WARNING:  {time} careful\n", captured.err)
    line = rf'INFO:     {time} 192\.0\.2\.1:5 - "GET /a HTTP/1\.1" 404 7 1\.23ms\n'
    assert re.fullmatch(line, captured.out)


def test_second_configuration_does_not_double_the_lines(capsys):
    configure()
    configure()
    error_logger.error("once")
    logging.getLogger("asgiserve").error("this too")
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_default_configuration_is_not_changed_by_use():
    before = json.dumps(LOGGING_CONFIG)
    configure(use_colors=True)
    configure(use_colors=False)
    assert json.dumps(LOGGING_CONFIG) == before


@pytest.mark.parametrize("has_access_log", [True, False])
def test_nothing_is_configured_without_a_log_config(has_access_log):
    access_logger.handlers = [logging.NullHandler()]
    handlers, propagate = access_logger.handlers[:], access_logger.propagate
    configure(log_config=None, access_log=has_access_log)
    assert (access_logger.handlers, access_logger.propagate) == (handlers, propagate)


@pytest.mark.parametrize(
    ("log_level", "shown"),
    [
        (None, ["info", "warning"]),
        ("warning", ["warning"]),
        ("debug", ["debug", "info", "warning"]),
        ("trace", ["trace", "debug", "info", "warning"]),
        (25, ["warning"]),
    ],
)
def test_log_level_says_what_is_shown(capsys, log_level, shown):
    configure(log_level=log_level)
    for level in (TRACE, logging.DEBUG, logging.INFO, logging.WARNING):
        error_logger.log(level, logging.getLevelName(level).lower())
    assert [line.split()[-1] for line in capsys.readouterr().err.splitlines()] == shown


def test_trace_has_a_name():
    configure()
    assert logging.getLevelName(TRACE) == "TRACE"


def test_access_log_can_be_switched_off(capsys):
    configure(access_log=False)
    log_request()
    assert capsys.readouterr().out == ""
    assert not access_logger.hasHandlers()


# Colours --------------------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch):
    for name in ("NO_COLOR", "FORCE_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("variables", "is_terminal", "colored"),
    [
        ({"NO_COLOR": "1"}, True, False),
        ({"NO_COLOR": ""}, True, True),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, True, False),
        ({"FORCE_COLOR": "1"}, False, True),
        ({"FORCE_COLOR": "0"}, True, False),
        ({"FORCE_COLOR": ""}, False, False),
        ({"TERM": "dumb"}, True, False),
        ({"TERM": "dumb", "FORCE_COLOR": "1"}, True, True),
    ],
)
def test_environment_decides_about_colours_before_the_terminal(
    monkeypatch, variables, is_terminal, colored
):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stderr", Terminal() if is_terminal else io.StringIO())
    assert DefaultFormatter().use_colors == colored
    assert DefaultFormatter(use_colors=not colored).use_colors != colored


def test_coloured_message_is_for_colours_only():
    record = logging.makeLogRecord(
        {"msg": "%d apples", "args": (3,), "color_message": "<%d> apples"}
    )
    assert DefaultFormatter("%(message)s", use_colors=True).format(record) == "<3> apples"
    assert DefaultFormatter("%(message)s", use_colors=False).format(record) == "3 apples"


@pytest.mark.parametrize(
    ("use_colors", "is_terminal", "colored"),
    [(None, False, False), (None, True, True), (True, False, True), (False, True, False)],
)
def test_colours_are_for_terminals_unless_said_otherwise(
    monkeypatch, use_colors, is_terminal, colored
):
    out, err = [Terminal() if is_terminal else io.StringIO() for _ in range(2)]
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    configure(use_colors=use_colors)
    error_logger.error("red")
    log_request()
    assert err.getvalue().startswith("\x1b[31mERROR\x1b[0m:    " if colored else "ERROR:    ")
    assert ('"\x1b[1mGET /a HTTP/1.1\x1b[0m" \x1b[31m404\x1b[0m' in out.getvalue()) == colored


@pytest.mark.parametrize("name", ["stdout", "stderr"])
@pytest.mark.parametrize("stream", [None, "closed"])
def test_missing_or_closed_stream_has_no_colours(monkeypatch, name, stream):
    if stream == "closed":
        stream = io.StringIO()
        stream.close()
    monkeypatch.setattr(sys, name, stream)
    formatter = AccessFormatter() if name == "stdout" else DefaultFormatter()
    assert not formatter.use_colors


# Other configurations -------------------------------------------------------------------------

CUSTOM = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "plain": {"format": "mine %(message)s"},
        "access": {
            "()": "asgiserve.logs.AccessFormatter",
            "fmt": "%(client_addr)s %(request_line)s %(status_code)s",
        },
    },
    "handlers": {
        "plain": {"class": "logging.StreamHandler", "formatter": "plain"},
        "access": {"class": "logging.StreamHandler", "formatter": "access"},
    },
    "loggers": {
        "asgiserve": {"handlers": ["plain"], "level": "INFO"},
        "asgiserve.access": {"handlers": ["access"], "level": "INFO", "propagate": False},
    },
}

INI = """
[loggers]
keys = root, access
[handlers]
keys = plain
[formatters]
keys = plain
[logger_root]
handlers =
[logger_access]
qualname = asgiserve.access
level = INFO
handlers = plain
propagate = 0
[handler_plain]
class = StreamHandler
formatter = plain
args = (sys.stderr,)
[formatter_plain]
format = mine %(message)s
"""


def to_toml(value):
    if isinstance(value, dict):
        return "{" + ", ".join(f'"{key}" = {to_toml(item)}' for key, item in value.items()) + "}"
    return json.dumps(value)


@pytest.mark.parametrize("form", ["dict", "json", "yaml", "yml", "toml"])
def test_mapping_is_read_from_every_kind_of_file(tmp_path, capsys, form):
    if form in ("yaml", "yml"):
        pytest.importorskip("yaml")
    path = tmp_path / f"log.{form}"
    if form == "toml":
        path.write_text("\n".join(f"{key} = {to_toml(item)}" for key, item in CUSTOM.items()))
    else:
        path.write_text(json.dumps(CUSTOM))  # YAML reads JSON
    configure(log_config=CUSTOM if form == "dict" else path)
    error_logger.error("line")
    log_request()
    assert capsys.readouterr().err == "mine line\n192.0.2.1:5 GET /a HTTP/1.1 404\n"


def test_use_colors_reaches_the_formatters_of_a_custom_mapping(capsys):
    configure(log_config=CUSTOM, use_colors=True)
    log_request()
    assert "\x1b[1mGET /a HTTP/1.1\x1b[0m" in capsys.readouterr().err
    assert "use_colors" not in CUSTOM["formatters"]["access"]


@pytest.mark.parametrize("form", ["path", "parser", "stream"])
def test_ini_is_read(tmp_path, capsys, form):
    path = tmp_path / "log.ini"
    path.write_text(INI)
    parser = RawConfigParser()
    parser.read_string(INI)
    root_handlers = logging.root.handlers[:]
    try:
        configure(log_config={"path": path, "parser": parser, "stream": io.StringIO(INI)}[form])
    finally:
        logging.root.handlers = root_handlers
    log_request()
    assert capsys.readouterr().err == 'mine 192.0.2.1:5 - "GET /a HTTP/1.1" 404\n'


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("log.json", "{"),
        ("log.json", "[]"),
        ("log.json", '{"version": 2}'),
        ("log.json", '{"version": 1, "handlers": {"a": {"class": "no.such.Handler"}}}'),
        ("log.toml", "a ="),
        ("log.yaml", "a: ["),
        ("log.yaml", "just text"),
        ("log.ini", "nothing"),
        ("log.conf", "[loggers]"),
    ],
)
def test_broken_configuration_is_one_line(tmp_path, name, text):
    if name.endswith("yaml"):
        pytest.importorskip("yaml")
    (tmp_path / name).write_text(text)
    with pytest.raises(ConfigError, match=r"^log_config: \S") as caught:
        configure(log_config=tmp_path / name)
    assert "\n" not in str(caught.value)


def test_missing_yaml_is_said(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "yaml", None)
    (tmp_path / "log.yaml").write_text("version: 1")
    with pytest.raises(ConfigError, match="needs PyYAML"):
        configure(log_config=tmp_path / "log.yaml")


# Formatters -----------------------------------------------------------------------------------


def test_record_of_other_making_on_the_access_logger_is_shown(capsys):
    configure()
    access_logger.info("by hand: %d", 3)
    assert re.search(r'- - "by hand: 3" - - -\n', capsys.readouterr().out)


def test_formatter_leaves_the_record_as_it_was():
    record = logging.makeLogRecord({"msg": "x", "levelname": "INFO", "levelno": 20})
    before = dict(record.__dict__)
    assert DefaultFormatter("%(levelprefix)s %(levelname)s").format(record) == "INFO:     INFO"
    assert {key: record.__dict__[key] for key in before} == before
    assert "levelprefix" not in record.__dict__


@pytest.mark.parametrize(
    ("target", "text"),
    [
        (b"/a/b?c=%20&d[]={}~!$'()*,;:@|^`<>#", "/a/b?c=%20&d[]={}~!$'()*,;:@|^`<>#"),
        (b'/"x"', "/\\x22x\\x22"),
        (b"/\\x", "/\\x5cx"),
        (
            b"/\r\nINFO: forged \x1b[2J\x00\x7f",
            "/\\x0d\\x0aINFO:\\x20forged\\x20\\x1b[2J\\x00\\x7f",
        ),
        (b"/\xc3\xa9", "/\\xc3\\xa9"),
        (b"", ""),
    ],
)
def test_target_is_escaped(target, text):
    assert escape_target(target) == text


@pytest.mark.parametrize(
    ("client", "text"),
    [
        ("127.0.0.1:5000", "127.0.0.1:5000"),
        ("[fe80::1%eth0]:5000", "[fe80::1%eth0]:5000"),
        ("unix", "unix"),
        ('1.2.3.4 - "GET', "1.2.3.4\\x20-\\x20\\x22GET"),
        ("a\r\n\x1b\\", "a\\x0d\\x0a\\x1b\\x5c"),
        ("é\u2028\U0001f600\udcff", "\\xe9\\u2028\\U0001f600\\udcff"),
    ],
)
def test_client_is_escaped(client, text):
    assert escape_client(client) == text


@pytest.mark.parametrize(
    ("duration_s", "text"),
    [(0, "0.00ms"), (0.000_009_9, "0.00ms"), (0.001_234, "1.23ms"), (61.5, "61500.00ms")],
)
def test_duration_is_milliseconds_rounded_down(duration_s, text):
    assert format_duration(duration_s) == text


def test_loggers_of_the_package_are_the_documented_ones():
    assert {
        name for name in logging.root.manager.loggerDict if name.startswith("asgiserve")
    } == set(LOGGER_NAMES)


@pytest.mark.parametrize("formatter", [DefaultFormatter, JsonFormatter, LogfmtFormatter])
def test_exception_that_python_cannot_format_is_shown(monkeypatch, formatter):
    def fail(*_, **__):
        raise ModuleNotFoundError("no suggestion")

    monkeypatch.setattr(traceback, "print_exception", fail)
    try:
        raise KeyError("a")
    except KeyError as exc:
        record = logging.LogRecord(
            "a", 40, "a.py", 1, "failed", (), (KeyError, exc, exc.__traceback__)
        )
    line = formatter().format(record)
    assert "KeyError: 'a'" in line
    assert "test_configure.py" in line
