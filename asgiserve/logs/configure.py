"""The loggers ``asgiserve``, ``asgiserve.error`` and ``asgiserve.access``, and their configuration.

What custom logging configurations need is importable from here; access lines are written by
``server/access_log.py``.
"""

from __future__ import annotations

import logging
import logging.config
import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from asgiserve.config.logging_defaults import LOGGING_CONFIG
from asgiserve.errors import ConfigError
from asgiserve.logs.formatters import TRACE, AccessFormatter, DefaultFormatter
from asgiserve.logs.handler import LogHandler

if TYPE_CHECKING:
    from asgiserve.config.config import Config

__all__ = [
    "TRACE",
    "AccessFormatter",
    "DefaultFormatter",
    "LogHandler",
    "configure_logging",
]

STRUCTURED_FORMATTERS = {
    "json": "asgiserve.logs.JsonFormatter",
    "logfmt": "asgiserve.logs.LogfmtFormatter",
}


def configure_logging(config: Config) -> None:
    """Set the loggers up as *config* says; a second call replaces what the first did.

    Without ``log_config`` and ``log_level`` they are the host program's, and left alone.

    Raises:
        ConfigError: the logging configuration cannot be read or is not valid.
    """
    if config.log_config is None and config.log_level is None:
        return
    logging.addLevelName(TRACE, "TRACE")
    if config.log_config is not None:
        try:
            if config.log_format == "text":
                apply_log_config(config.log_config, config.use_colors)
            else:
                logging.config.dictConfig(make_structured_config(config.log_format))
        except ConfigError:
            raise
        # Handlers and formatters of any class are made here: they raise what they like.
        except Exception as error:
            reasons = " ".join(f"{error}; {error.__cause__ or ''}".split()).strip("; ")
            raise ConfigError(f"log_config: {reasons or type(error).__name__}") from error
    if config.log_level is not None:
        level = config.log_level.upper() if isinstance(config.log_level, str) else config.log_level
        for name in ("asgiserve", "asgiserve.error", "asgiserve.access"):
            logging.getLogger(name).setLevel(level)
    # Where the handlers are the host program's, it is enough that no server writes access lines.
    if not config.access_log and config.log_config is not None:
        access_logger = logging.getLogger("asgiserve.access")
        access_logger.handlers = []
        access_logger.propagate = False


def make_structured_config(log_format: str) -> dict[str, Any]:
    """The default configuration with other lines: json or logfmt."""
    formatter = {"()": STRUCTURED_FORMATTERS[log_format]}
    formatters = {name: dict(formatter) for name in LOGGING_CONFIG["formatters"]}
    return {**LOGGING_CONFIG, "formatters": formatters}


def apply_log_config(log_config: Any, use_colors: bool | None) -> None:
    """Apply one of the forms of *log_config*: a mapping, a path, or what fileConfig reads."""
    if isinstance(log_config, Mapping) and not is_ini_parser(log_config):
        logging.config.dictConfig(with_colors(log_config, use_colors))
        return
    suffix = os.path.splitext(log_config)[1].lower() if isinstance(log_config, str) else ""
    if suffix in {".json", ".yaml", ".yml", ".toml"}:
        logging.config.dictConfig(with_colors(read_mapping(log_config, suffix), use_colors))
        return
    logging.config.fileConfig(log_config, disable_existing_loggers=False)


def is_ini_parser(mapping: Mapping[str, Any]) -> bool:
    """Whether *mapping* is not of the kind that dictConfig takes, but a parser of .ini files."""
    # Whoever made one has imported its module.
    configparser = sys.modules.get("configparser")
    return configparser is not None and isinstance(mapping, configparser.RawConfigParser)


def read_mapping(path: str, suffix: str) -> Mapping[str, Any]:
    """Read the file at *path*, whose format is told by *suffix*."""
    with open(path, "rb") as file:
        if suffix == ".json":
            import json

            mapping = json.load(file)
        elif suffix == ".toml":
            import tomllib

            mapping = tomllib.load(file)
        else:
            try:
                import yaml
            except ImportError:
                raise ConfigError(
                    f"log_config: {path} needs PyYAML: pip install 'asgiserve[yaml]'"
                ) from None
            mapping = yaml.safe_load(file)
    if not isinstance(mapping, Mapping):
        raise ConfigError(f"log_config: {path} holds no mapping")
    return mapping


def with_colors(log_config: Mapping[str, Any], use_colors: bool | None) -> dict[str, Any]:
    """A copy of *log_config* in which *use_colors* is said to asgiserve's formatters."""
    # dictConfig changes what it is given; streams and the like are not copied.
    configured = dict(log_config)
    formatters = configured.get("formatters")
    if use_colors is None or not isinstance(formatters, Mapping):
        return configured
    configured["formatters"] = {
        name: {**formatter, "use_colors": use_colors} if is_own_formatter(formatter) else formatter
        for name, formatter in formatters.items()
    }
    return configured


def is_own_formatter(formatter: object) -> bool:
    """Whether a formatter's entry names a class of asgiserve."""
    return isinstance(formatter, Mapping) and str(formatter.get("()", "")).startswith("asgiserve.")
