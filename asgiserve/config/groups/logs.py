"""The options of logs."""

# ruff: noqa: RUF009 - `option` gives a field, not a value shared by all instances.

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from asgiserve.config import kinds, values
from asgiserve.config.kinds import choice, optional
from asgiserve.config.logging_defaults import LOGGING_CONFIG
from asgiserve.config.option import LOGGING, OptionError, OptionGroup, option

if TYPE_CHECKING:
    from configparser import RawConfigParser

__all__ = ["LoggingOptions"]


# Config makes the methods.
@dataclass(frozen=True, kw_only=True, init=False, repr=False, eq=False)
class LoggingOptions(OptionGroup):
    """What is logged, and how lines look."""

    log_config: Mapping[str, Any] | str | os.PathLike[str] | RawConfigParser | IO[Any] | None = (
        option(
            "default",
            optional(values.LOG_CONFIG),
            LOGGING,
            "Logging configuration: .ini, .json, .yaml or .toml.",
        )
    )
    log_format: str = option(
        "text",
        choice("text", "json", "logfmt"),
        LOGGING,
        "How log lines look; json: an object a line.",
    )
    log_level: str | int | None = option(
        None, optional(values.LOG_LEVEL), LOGGING, "Log this level and above. [default: info]"
    )
    access_log: bool = option(True, kinds.SWITCH, LOGGING, "Log a line for each request.")
    use_colors: bool | None = option(
        None,
        optional(kinds.SWITCH),
        LOGGING,
        "Colour the log. [default: as NO_COLOR or FORCE_COLOR says, else on a terminal]",
    )

    def check(self) -> None:
        if self.log_format == "text":
            return
        if self.log_config != LOGGING_CONFIG:
            raise OptionError(
                f"log_format {self.log_format} and log_config exclude each other: a logging "
                "configuration says itself how lines look",
                "log_format",
                "log_config",
            )
        if self.use_colors:
            raise OptionError(
                f"use_colors: log_format {self.log_format} has no colours",
                "use_colors",
                "log_format",
            )
