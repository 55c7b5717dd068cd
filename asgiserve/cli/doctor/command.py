"""The command ``asgiserve doctor``: looks at Python, packages and machine, and says what it saw.

Status 0: nothing is broken; 1: something is; 2: a mistake in the options.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from asgiserve.cli.doctor.findings import Finding, Level, format_json, format_text
from asgiserve.cli.doctor.machine import Machine, find_on_machine
from asgiserve.cli.doctor.software import find_in_software
from asgiserve.cli.options import (
    CONFIG_FILE_OPTION,
    GroupedCommand,
    from_command_line,
    make_parameter,
)
from asgiserve.config.config import DEFAULTS, OPTIONS, Config
from asgiserve.config.sources import Settings, Sourced, collect_settings
from asgiserve.logs.formatters import shows_colors
from asgiserve.version import __version__

__all__ = ["command"]

BROKEN = 1


def execute(config: str | None, json: bool, **given: Any) -> int:
    """Do what the command line says; give the exit status."""
    settings = collect_settings(from_command_line(given), config, os.environ)
    # Nothing is imported of it.
    settings.values.setdefault("app", Sourced("main:app", "doctor"))
    findings = examine(settings)
    if json:
        click.echo(format_json(findings, __version__))
    else:
        colors = settings.values.get("use_colors", Sourced(None, "")).value
        use_colors = shows_colors(sys.stdout) if colors is None else bool(colors)
        # Not left to click, which takes colours away where there is no terminal.
        click.echo(format_text(findings, use_colors=use_colors), color=use_colors)
    return BROKEN if any(each.level is Level.BROKEN for each in findings) else 0


def examine(settings: Settings) -> list[Finding]:
    """Look at everything that a server of *settings* stands on.

    Raises:
        ConfigError: options are in conflict.
    """
    config = settings.make_config(Config)
    return [
        Finding("asgiserve", Level.OK, f"{__version__} in {Path(__file__).parents[2]}"),
        *find_in_software(config),
        *find_on_machine(config, Machine()),
    ]


command = GroupedCommand(
    "doctor",
    params=[
        *(make_parameter(name, option, DEFAULTS[name]) for name, option in OPTIONS.items()),
        CONFIG_FILE_OPTION,
        click.Option(["--json"], is_flag=True, help="Print one JSON object."),
    ],
    callback=execute,
    options=OPTIONS,
    help="Say what would serve here, what is broken, and what would be faster or safer.\n\n"
    "It takes the options of the server: put the word doctor into the command that you use. "
    "APP is not imported, and may be left out.",
)
