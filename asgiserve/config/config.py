"""The options of the server, as one frozen dataclass; uvicorn's names where uvicorn has the option.

A field carries its kind of value, group and help text once; they stand in ``groups/``. The command
line, the environment and TOML files are derived from them in ``sources`` and do not belong here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any, ClassVar

from asgiserve.config.env_file import surroundings
from asgiserve.config.groups.address import AddressOptions
from asgiserve.config.groups.application import ApplicationOptions
from asgiserve.config.groups.limits import LimitOptions
from asgiserve.config.groups.logs import LoggingOptions
from asgiserve.config.groups.processes import ProcessOptions
from asgiserve.config.groups.proxies import ProxyOptions
from asgiserve.config.groups.reload import ReloadOptions
from asgiserve.config.groups.responses import ResponseOptions
from asgiserve.config.groups.timeouts import TimeoutOptions
from asgiserve.config.groups.tls import TlsOptions
from asgiserve.config.groups.uvicorn import UvicornOptions
from asgiserve.config.groups.websocket import WebSocketOptions
from asgiserve.config.logging_defaults import LOGGING_CONFIG as LOGGING_CONFIG
from asgiserve.config.option import GROUPS, Option, OptionError, OptionGroup

__all__ = [
    "DEFAULTS",
    "LOGGING_CONFIG",
    "OPTIONS",
    "Config",
    "Option",
    "OptionError",
    "parse_option",
    "unknown_option_message",
]


@dataclass(frozen=True)
class Config(
    ApplicationOptions,
    AddressOptions,
    ProcessOptions,
    ReloadOptions,
    TlsOptions,
    ResponseOptions,
    ProxyOptions,
    LimitOptions,
    TimeoutOptions,
    WebSocketOptions,
    LoggingOptions,
    UvicornOptions,
):
    """The options of one server, checked, in their normal form.

    Args:
        app: an import string ``module:attribute``, or an application.

    Raises:
        ConfigError: an option is unknown, has a bad value, or conflicts with another.
    """

    # No options: what was loaded for this configuration, if anything was.
    loaded: ClassVar[bool] = False
    loaded_app: ClassVar[Any] = None

    def __new__(cls, *args: object, **options: object) -> Config:
        """Refuse unknown options as such, where ``__init__`` would raise a TypeError."""
        for name in options:
            if name not in OPTIONS:
                raise OptionError(unknown_option_message(name), name)
        return super().__new__(cls)

    def __post_init__(self) -> None:
        if self.workers is None and parse_option("reload", self.reload):
            # What the environment says of workers is meant for production.
            object.__setattr__(self, "workers", 1)
        environ = _surroundings(parse_option("env_file", self.env_file))
        for name in OPTIONS:
            object.__setattr__(self, name, parse_option(name, getattr(self, name), environ))
        _check_groups(self)

    def __getstate__(self) -> dict[str, Any]:
        """The options; what was loaded stays in the process that has loaded it."""
        return {name: getattr(self, name) for name in OPTIONS}


OPTIONS: dict[str, Option] = dict(
    sorted(
        ((each.name, each.metadata["option"]) for each in fields(Config)),
        key=lambda item: GROUPS.index(item[1].group),
    )
)
DEFAULTS: dict[str, Any] = {each.name: each.default for each in fields(Config)}


def parse_option(
    name: str, value: object, environ: Mapping[str, str] = MappingProxyType({})
) -> Any:
    """Give *value* of the option *name* in its normal form.

    Args:
        environ: has the variables that stand for options without a value.

    Raises:
        OptionError: the value is not allowed.
    """
    details = OPTIONS[name]
    if value is None and details.fallback_env:
        value = environ.get(details.fallback_env, details.fallback)
    try:
        return details.kind.parse(value)
    except ValueError as error:
        raise OptionError(f"{name}: {error}", name) from None


def unknown_option_message(name: str) -> str:
    """Say that *name* is no option, and which it resembles."""
    import difflib

    similar = difflib.get_close_matches(name, OPTIONS, n=1)
    return f"{name}: no such option" + (f"; did you mean {similar[0]}?" if similar else "")


def _surroundings(env_file: str | None) -> Mapping[str, str]:
    try:
        return surroundings(env_file)
    except ValueError as error:
        raise OptionError(f"env_file: {error}", "env_file") from None


def _check_groups(config: Config) -> None:
    """Check the options of *config* within each group, then those of two groups.

    Raises:
        OptionError: some contradict each other.
    """
    for group in Config.__bases__:
        if issubclass(group, OptionGroup):
            group.check(config)
    if config.is_changed("timeout_queue") and config.limit_concurrency is None:
        raise OptionError("timeout_queue: needs limit_concurrency", "timeout_queue")
    if config.reload and config.workers != 1:
        raise OptionError("reload and workers exclude each other", "reload", "workers")
    if config.reload and config.preload:
        raise OptionError(
            "reload and preload exclude each other: a preloaded application stays as it is",
            "reload",
            "preload",
        )
    head_bytes = config.h11_max_incomplete_event_size
    if head_bytes is None:
        return
    if config.is_changed("limit_request_head") and config.limit_request_head != head_bytes:
        raise OptionError(
            "h11_max_incomplete_event_size is another name of limit_request_head: give one",
            "h11_max_incomplete_event_size",
            "limit_request_head",
        )
    object.__setattr__(config, "limit_request_head", head_bytes)
