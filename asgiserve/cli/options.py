"""Options as a command has them: flags, help texts under headings, and values with their source."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click

from asgiserve.config.config import OPTIONS, Option
from asgiserve.config.sources import Sourced

__all__ = [
    "CONFIG_FILE_OPTION",
    "GroupedCommand",
    "flag_of",
    "from_command_line",
    "make_parameter",
]

# What uvicorn writes as a value, and click takes for one.
VALUED_SWITCH = "--ws-per-message-deflate"
SWITCH_VALUES = {
    **dict.fromkeys(("1", "true", "t", "yes", "y", "on"), True),
    **dict.fromkeys(("0", "false", "f", "no", "n", "off"), False),
}

CONFIG_FILE_OPTION = click.Option(
    ["--config"], metavar="FILE", help="Read options from this TOML file."
)


class GroupedCommand(click.Command):
    """A command whose ``--help`` lists the options under the headings of their groups.

    Args:
        options: those that have a group, by name; the others are the command's own.
    """

    def __init__(
        self,
        name: str,
        *,
        params: list[click.Parameter],
        callback: Callable[..., int],
        options: Mapping[str, Option],
        help: str,
    ) -> None:
        super().__init__(
            name,
            params=params,
            callback=callback,
            help=help,
            context_settings={"max_content_width": 100},
        )
        self._options = options

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse *args*, in which uvicorn's one switch with a value may have that value."""
        return super().parse_args(ctx, join_switch_values(args))

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the sections, in the order of the parameters."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None and isinstance(parameter, click.Option):
                option = self._options.get(parameter.name or "")
                sections.setdefault(option.group if option else "Command", []).append(record)
        for heading, records in sections.items():
            with formatter.section(heading):
                formatter.write_dl(records)


def make_parameter(name: str, option: Option, default: object) -> click.Parameter:
    """The parameter of a command for the option *name*, whose value others check."""
    if name == "app":
        return click.Argument(["app"], required=False)
    flag = option.flag or f"--{name.replace('_', '-')}"
    text = option.help + describe_default(option, default)
    if option.kind.is_switch:
        negative = flag.replace("--", "--no-", 1)
        return click.Option([f"{flag}/{negative}", name], default=None, help=text)
    metavar = option.kind.metavar
    if option.kind.choices:
        metavar = f"[{metavar}]"
    is_repeatable = option.kind.separator is not None
    return click.Option([flag, name], multiple=is_repeatable, metavar=metavar, help=text)


def describe_default(option: Option, default: object) -> str:
    """The default of *option* for its help text, where there is something to say."""
    if option.kind.is_switch or default in (None, "", "default", ()):
        return ""
    shown = f"{default:o}" if option.kind.unit == "octal" else default
    return f" [default: {shown}]"


def join_switch_values(arguments: Sequence[str]) -> list[str]:
    """*arguments* with ``--ws-per-message-deflate false`` as the switch that it means."""
    joined: list[str] = []
    for argument in arguments:
        flag, _, value = argument.partition("=")
        if not value and joined and joined[-1] == VALUED_SWITCH:
            flag, value = joined[-1], argument
            if value.lower() in SWITCH_VALUES:
                joined.pop()
        if flag != VALUED_SWITCH or value.lower() not in SWITCH_VALUES:
            joined.append(argument)
            continue
        is_on = SWITCH_VALUES[value.lower()]
        joined.append(flag if is_on else flag.replace("--", "--no-", 1))
    return joined


def flag_of(name: str) -> str:
    """How the server's option *name* is written on the command line."""
    return OPTIONS[name].flag or f"--{name.replace('_', '-')}"


def from_command_line(given: Mapping[str, Any]) -> dict[str, Sourced]:
    """The server's options that were given, under the names of their flags."""
    return {
        name: Sourced(value, f"{'APP' if name == 'app' else flag_of(name)} on the command line")
        for name, value in given.items()
        if value is not None and value != ()
    }
