"""Where options come from: command line, then environment, then a TOML file, then defaults.

Each value remembers its source, so that an error and ``--print-config`` can name it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from asgiserve.config.config import (
    LOGGING_CONFIG,
    OPTIONS,
    Config,
    OptionError,
    parse_option,
    unknown_option_message,
)
from asgiserve.config.env_file import surroundings
from asgiserve.errors import ConfigError

__all__ = ["Settings", "Sourced", "collect_settings", "format_config"]

C = TypeVar("C", bound=Config)

ENV_PREFIX = "ASGISERVE_"
CONFIG_FILE_VARIABLE = "ASGISERVE_CONFIG"
# Variables of the build and of the choice of a column; ASGISERVE_TEST_* belong to the tests.
OTHER_VARIABLES = frozenset(
    {
        CONFIG_FILE_VARIABLE,
        "ASGISERVE_BUILD",
        "ASGISERVE_CFLAGS",
        "ASGISERVE_LLHTTP",
        "ASGISERVE_SPEEDUPS",
    }
)
TEST_PREFIX = "ASGISERVE_TEST_"

# What Kubernetes, and Docker's links, set for a service whose name begins like this server's:
# https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
SERVICE_NAME = re.compile(
    r"\w+_(?:SERVICE_HOST|SERVICE_PORT(?:_\w+)?|PORT_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)",
    re.ASCII,
)
SERVICE_ADDRESS = re.compile(r"(?:tcp|udp|sctp)://\S+:\d+", re.ASCII)

DEFAULT = "default"


class Sourced(NamedTuple):
    """A value, and what gave it."""

    value: Any
    source: str


@dataclass(slots=True)
class Settings:
    """The options that were given, each with its source.

    Attributes:
        service_links: environment variables that look like options, but tell of a service.
    """

    values: dict[str, Sourced] = field(default_factory=dict)
    service_links: list[str] = field(default_factory=list)

    def add(self, name: str, value: object, source: str) -> None:
        """Take the option *name* from *source*, unless a source before it gave the option.

        Raises:
            ConfigError: there is no such option, or the value is taken, and not allowed.
        """
        if name not in OPTIONS:
            raise ConfigError(f"{unknown_option_message(name)} (from {source})")
        if name in self.values:
            return
        try:
            self.values[name] = Sourced(parse_option(name, value), source)
        except OptionError as error:
            raise ConfigError(f"{error} (from {source})") from None

    def make_config(self, config_class: type[C]) -> C:
        """The configuration that these settings and the defaults are.

        Args:
            config_class: `config.Config`, or a class that adds methods to it.

        Raises:
            ConfigError: the application is missing, or options are in conflict.
        """
        if "app" not in self.values:
            raise ConfigError(
                "app: missing; give APP as MODULE:ATTRIBUTE, as in asgiserve main:app"
            )
        try:
            return config_class(**{name: sourced.value for name, sourced in self.values.items()})
        except OptionError as error:
            given = [name for name in error.names if name in self.values]
            sources = ", ".join(f"{name} from {self.values[name].source}" for name in given)
            raise ConfigError(f"{error} ({sources})" if sources else str(error)) from None

    def source_of(self, name: str) -> str:
        """What gave the option *name*."""
        if name in self.values:
            return self.values[name].source
        variable = OPTIONS[name].fallback_env
        if variable in os.environ:
            return variable
        env_file = self.values["env_file"].value if "env_file" in self.values else None
        return f"{variable} in {env_file}" if variable in surroundings(env_file) else DEFAULT


def collect_settings(
    command_line: Mapping[str, Sourced], config_file: str | None, environ: Mapping[str, str]
) -> Settings:
    """Put the sources together, the strongest first.

    Args:
        command_line: what was given there, by name.
        config_file: the value of ``--config``, None to look for a file in the current directory.
        environ: the process's environment.

    Raises:
        ConfigError: a source cannot be read, or holds something that is not allowed.
    """
    settings = Settings()
    for name, (value, flag) in command_line.items():
        settings.add(name, value, flag)
    for variable, text in sorted(environ.items()):
        name = option_of(variable)
        if name and is_service_link(variable, text):
            settings.service_links.append(variable)
            continue
        # Compose files and the like set what is empty to say that it is not there.
        if name and text:
            settings.add(name, split_text(name, text), variable)
    table, source = read_config_file(config_file or environ.get(CONFIG_FILE_VARIABLE))
    for name, value in table.items():
        settings.add(name, value, source)
    return settings


def option_of(variable: str) -> str:
    """The option that an environment variable sets; "" for a variable that is none of ours."""
    is_other = variable in OTHER_VARIABLES or variable.startswith(TEST_PREFIX)
    if is_other or not variable.startswith(ENV_PREFIX):
        return ""
    return variable.removeprefix(ENV_PREFIX).lower()


def is_service_link(variable: str, text: str) -> bool:
    """Whether *variable* with the value *text* tells where a service is, and no option."""
    if variable.endswith("_PORT") and SERVICE_ADDRESS.fullmatch(text):
        return True
    return SERVICE_NAME.fullmatch(variable) is not None


def split_text(name: str, text: str) -> str | list[str]:
    """*text* for the option *name*, as a list if the option is one."""
    separator = OPTIONS[name].kind.separator if name in OPTIONS else None
    if separator is None:
        return text
    return [item.strip() for item in text.split(separator) if item.strip()]


def read_config_file(path: str | None) -> tuple[Mapping[str, Any], str]:
    """The table of options in the file at *path* or in the current directory, and its source.

    In the current directory ``asgiserve.toml`` comes before ``[tool.asgiserve]`` in
    ``pyproject.toml``. Relative paths in it start at the current directory.

    Raises:
        ConfigError: the file cannot be read, or is not as it should be.
    """
    if path:
        return read_table(Path(path))
    for candidate in (Path("asgiserve.toml"), Path("pyproject.toml")):
        # Path.is_file() raises where the directory is closed to the user.
        if os.path.isfile(candidate):
            table, source = read_table(candidate)
            if table:
                return table, source
    return {}, ""


def read_table(path: Path) -> tuple[Mapping[str, Any], str]:
    """The options of one TOML file, and what to call it."""
    import tomllib

    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"config: {path}: {error.strerror}") from None
    except ValueError as error:
        raise ConfigError(f"config: {path}: {error}") from None
    if path.name != "pyproject.toml":
        return document, str(path)
    source = f"[tool.asgiserve] in {path}"
    table = document.get("tool", {}).get("asgiserve", {})
    if not isinstance(table, Mapping):
        raise ConfigError(f"config: {source} is not a table")
    return table, source


def format_config(settings: Settings) -> str:
    """Every option as a line of TOML with its source as comment: a file that may be kept."""
    # Without an application the others can still be shown.
    is_complete = "app" in settings.values
    shown = settings if is_complete else Settings({**settings.values, "app": Sourced("-:-", "")})
    config = shown.make_config(Config)
    lines = []
    group = ""
    for name, option in OPTIONS.items():
        if option.group != group:
            group = option.group
            lines += ["", f"# {group}"]
        if name == "app" and not is_complete:
            lines.append("# app is not given")
            continue
        line = f"{name} = {format_value(name, getattr(config, name))}"
        lines.append(f"{line:<44} # {settings.source_of(name)}")
    return "\n".join(lines[1:])


def format_value(name: str, value: Any) -> str:
    """*value* of the option *name* as TOML."""
    if value is None:
        return '"none"'
    if OPTIONS[name].is_secret:
        return '"***"'
    if value is LOGGING_CONFIG:
        return '"default"'
    if OPTIONS[name].kind.unit == "octal":
        return f"0o{value:o}"
    if name == "headers":
        value = [f"{field_name}: {field_value}" for field_name, field_value in value]
    import json

    # A string of JSON is one of TOML, but for the one control character that JSON lets through.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
