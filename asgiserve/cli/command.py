"""The command ``asgiserve``: options from the table in ``config/``, errors in one line, exit codes.

Status 0 is a clean stop, 2 a mistake in the options, 3 a server that could not start.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import click

from asgiserve.cli.options import (
    CONFIG_FILE_OPTION,
    GroupedCommand,
    flag_of,
    from_command_line,
    make_parameter,
)
from asgiserve.cli.serve import check, log_service_links, serve
from asgiserve.config.config import DEFAULTS, OPTIONS
from asgiserve.config.sources import Settings, collect_settings, format_config
from asgiserve.errors import STARTUP_FAILURE, USAGE_ERROR, ColumnError, ConfigError, StartupError
from asgiserve.uvicorn_api import Config
from asgiserve.version import __version__

__all__ = ["flag_of", "main", "make_command"]


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command with *arguments*, by default those of the process, and exit."""
    sys.exit(run_command(arguments))


def run_command(arguments: Sequence[str] | None = None) -> int:
    """Run the command with *arguments*; give the exit status."""
    given = sys.argv[1:] if arguments is None else arguments
    try:
        if list(given[:1]) == ["bench"]:
            from asgiserve.cli.bench.command import command as bench

            return int(bench.main(given[1:], prog_name="asgiserve bench", standalone_mode=False))
        if list(given[:1]) == ["doctor"]:
            from asgiserve.cli.doctor.command import command as doctor

            return int(doctor.main(given[1:], prog_name="asgiserve doctor", standalone_mode=False))
        status = command.main(arguments, prog_name="asgiserve", standalone_mode=False)
    except click.ClickException as error:
        return report(error.format_message(), USAGE_ERROR)
    except ConfigError as error:
        return report(str(error), USAGE_ERROR)
    except (ColumnError, StartupError) as error:
        return report(str(error), STARTUP_FAILURE)
    except click.Abort:
        # What click makes of Ctrl+C before the server catches it: a stop like any other.
        return 0
    return int(status or 0)


def report(message: str, status: int) -> int:
    """Say *message* in one line on standard error; give *status* back."""
    click.echo(f"asgiserve: error: {' '.join(message.split())}", err=True)
    return status


def make_command(callback: Callable[..., int]) -> click.Command:
    """The command, with a parameter for each option and those that only the command has."""
    parameters = [make_parameter(name, option, DEFAULTS[name]) for name, option in OPTIONS.items()]
    parameters += [
        CONFIG_FILE_OPTION,
        click.Option(
            ["--print-config"], is_flag=True, help="Print each option with its source, and exit."
        ),
        click.Option(
            ["--check-config"], is_flag=True, help="Check the options without importing APP."
        ),
        click.Option(["--version"], is_flag=True, help="Print what would run, and exit."),
    ]
    return GroupedCommand(
        "asgiserve",
        params=parameters,
        callback=callback,
        options=OPTIONS,
        help="Serve the ASGI application APP, an import string MODULE:ATTRIBUTE.\n\n"
        "Options also come from the environment (ASGISERVE_PORT), and from asgiserve.toml or "
        "[tool.asgiserve] in pyproject.toml; the command line comes first, the file last.\n\n"
        "asgiserve bench APP measures the application instead, as asgiserve bench --help explains; "
        "asgiserve doctor says what would serve, and what would be faster or safer.",
    )


def execute(
    config: str | None, print_config: bool, check_config: bool, version: bool, **given: Any
) -> int:
    """Do what the command line says; give the exit status."""
    if version:
        click.echo(describe_version())
        return 0

    def read_settings() -> Settings:
        return collect_settings(from_command_line(given), config, os.environ)

    settings = read_settings()
    if print_config:
        click.echo(format_config(settings))
    if check_config:
        check(settings.make_config(Config))
    if print_config or check_config:
        return 0
    from asgiserve.process.exit_guard import leave_output

    server_config = settings.make_config(Config)
    if settings.service_links:
        log_service_links(settings.service_links, server_config)
    try:
        return serve(server_config, lambda: read_settings().make_config(Config))
    finally:
        leave_output()


def describe_version() -> str:
    """What would run: asgiserve, its column, llhttp, uvloop and Python."""
    import platform
    from importlib.metadata import PackageNotFoundError, version

    from asgiserve._twins import COLUMN, LLHTTP_VERSION

    parts = [f"{COLUMN} column"]
    if LLHTTP_VERSION:
        parts.append(f"llhttp {LLHTTP_VERSION}")
    try:
        parts.append(f"uvloop {version('uvloop')}")
    except PackageNotFoundError:
        parts.append("no uvloop")
    parts.append(f"{platform.python_implementation()} {platform.python_version()}")
    return f"asgiserve {__version__} ({', '.join(parts)})"


command = make_command(execute)
