"""The command ``asgiserve bench``: its options, and its exit status.

Status 0: requests succeeded; 1: none did, or the run was broken off; 2: a mistake in the options;
3: the application could not be loaded or started.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import click

from asgiserve.cli.bench.measure import FAILURE, BenchError, Plan, measure
from asgiserve.cli.bench.report import describe_failure, find_hints, format_json, format_text
from asgiserve.cli.bench.request import Request
from asgiserve.cli.options import (
    CONFIG_FILE_OPTION,
    GroupedCommand,
    from_command_line,
    make_parameter,
)
from asgiserve.config.config import DEFAULTS, OPTIONS, Config
from asgiserve.config.kinds import Kind, choice, integer, seconds, to_text
from asgiserve.config.option import APPLICATION, LOGGING, Option
from asgiserve.config.sources import Settings, Sourced, collect_settings
from asgiserve.config.values import FIELDS
from asgiserve.errors import ConfigError

__all__ = ["BENCH_OPTIONS", "command"]

REQUEST = "Request"
LOAD = "Load"

# All else that a server has, as addresses and workers, is the command's own business.
SERVER_GROUPS = (APPLICATION, LOGGING)
SERVER_OPTIONS = {
    name: option
    for name, option in OPTIONS.items()
    if option.group in SERVER_GROUPS and name != "access_log"
}
DEFAULT_LOG_LEVEL = "warning"
SERVER_OPTIONS["log_level"] = replace(
    OPTIONS["log_level"], help=f"Log this level and above. [default: {DEFAULT_LOG_LEVEL}]"
)
FIXED_OPTIONS = {
    "access_log": False,
    "port": 0,
    "workers": 1,
    # What is still under way at the end is of no interest to anybody.
    "timeout_graceful_shutdown": 1,
}

_METHOD = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 section 9.1
_TARGET = re.compile(r"/[!-\"$-~]*")


def _to_method(value: Any) -> str:
    # CONNECT has no path (RFC 9112 section 3.2.3).
    if not _METHOD.fullmatch(to_text(value)) or value == "CONNECT":
        raise ValueError
    return str(value)


def _to_target(value: Any) -> str:
    if not _TARGET.fullmatch(to_text(value)):
        raise ValueError
    return str(value)


def _to_body(value: Any) -> bytes:
    if value == "-":
        return sys.stdin.buffer.read()
    try:
        with open(to_text(value), "rb") as file:
            return file.read()
    except OSError:
        raise ValueError from None


def _to_json(value: Any) -> bytes:
    json.loads(to_text(value))
    return str(value).encode()


# With their defaults.
BENCH_OPTIONS: dict[str, tuple[Option, Any]] = {
    "path": (
        Option(
            Kind(_to_target, "a path that begins with /, in ASCII without blanks and #", "PATH"),
            REQUEST,
            "What to ask for; a query may follow.",
        ),
        "/",
    ),
    "method": (
        Option(
            Kind(_to_method, "a method other than CONNECT", "METHOD"),
            REQUEST,
            "Method of the requests. [default: GET, or POST where there is a body]",
        ),
        None,
    ),
    "header": (
        Option(
            replace(
                FIELDS,
                allowed="a list of NAME:VALUE, by RFC 9110 and with no name that frames requests",
            ),
            REQUEST,
            "Header of the requests; may be repeated.",
        ),
        (),
    ),
    "body": (
        Option(
            Kind(_to_body, "a file that can be read, or - for standard input", "FILE"),
            REQUEST,
            "Send the content of this file; - takes standard input.",
        ),
        None,
    ),
    "json": (
        Option(
            Kind(_to_json, "JSON", "TEXT"), REQUEST, "Send this text, as Content-Type says as well."
        ),
        None,
    ),
    "connections": (
        Option(
            integer(1), LOAD, "Connections; each has one request under way, and then the next one."
        ),
        16,
    ),
    "duration": (Option(seconds(), LOAD, "How long requests are counted."), 5),
    "warm_up": (
        Option(
            seconds(is_zero_allowed=True),
            LOAD,
            "How long they are sent before that, at least until the first response; 0: not at all.",
        ),
        1,
    ),
    "format": (Option(choice("text", "json"), LOAD, "What is printed."), "text"),
}


def execute(config: str | None, **given: Any) -> int:
    """Do what the command line says; give the exit status."""
    values = read_bench_options({name: given.pop(name) for name in BENCH_OPTIONS})
    plan = Plan(make_request(values), values["connections"], values["duration"], values["warm_up"])
    server_config = make_config(collect_settings(from_command_line(given), config, os.environ))
    try:
        measurement = measure(server_config, plan)
    except BenchError as error:
        return fail(str(error))
    if measurement.load.answers:
        format_report = format_json if values["format"] == "json" else format_text
        click.echo(format_report(measurement, plan, find_hints(measurement, server_config)))
    if not measurement.load.successes:
        return fail(describe_failure(measurement))
    return measurement.status


def fail(message: str) -> int:
    """Say *message* in one line on standard error; give the status."""
    click.echo(f"asgiserve: error: {' '.join(message.split())}", err=True)
    return FAILURE


def read_bench_options(given: Mapping[str, Any]) -> dict[str, Any]:
    """The command's own options in their normal form.

    Raises:
        ConfigError: a value is not allowed, or two exclude each other.
    """
    values = {}
    for name, (option, default) in BENCH_OPTIONS.items():
        value = default if given[name] is None else given[name]
        try:
            values[name] = None if value is None else option.kind.parse(value)
        except ValueError as error:
            flag = f"--{name.replace('_', '-')}"
            raise ConfigError(f"{name}: {error} (from {flag} on the command line)") from None
    if values["body"] is not None and values["json"] is not None:
        raise ConfigError("body and json exclude each other")
    return values


def make_request(values: Mapping[str, Any]) -> Request:
    """The request that the options *values* describe."""
    fields = list(values["header"])
    body = values["body"] if values["json"] is None else values["json"]
    is_typed = any(name.lower() == "content-type" for name, _ in fields)
    if values["json"] is not None and not is_typed:
        fields.append(("content-type", "application/json"))
    method = values["method"] or ("GET" if body is None else "POST")
    return Request(method, values["path"], tuple(fields), body)


def make_config(settings: Settings) -> Config:
    """The configuration of the server: of what *settings* say, what an application needs.

    Raises:
        ConfigError: the application is missing, or options are in conflict.
    """
    kept = {name: each for name, each in settings.values.items() if name in SERVER_OPTIONS}
    kept.setdefault("log_level", Sourced(DEFAULT_LOG_LEVEL, "bench"))
    fixed = {name: Sourced(value, "bench") for name, value in FIXED_OPTIONS.items()}
    return Settings({**kept, **fixed}).make_config(Config)


command = GroupedCommand(
    "bench",
    params=[
        *(make_parameter(name, option, DEFAULTS[name]) for name, option in SERVER_OPTIONS.items()),
        *(make_parameter(name, *details) for name, details in BENCH_OPTIONS.items()),
        CONFIG_FILE_OPTION,
    ],
    callback=execute,
    options={**SERVER_OPTIONS, **{name: option for name, (option, _) in BENCH_OPTIONS.items()}},
    help="Load the ASGI application APP, an import string MODULE:ATTRIBUTE, with requests, and "
    "tell how many it answers, how fast, and how much of the CPU time is its own.\n\n"
    "Server and application run in this process, the client in another one. Of the options in the "
    "environment and in the file, those of the application and of logging count.",
)
