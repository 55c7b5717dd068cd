"""What is said of an option beside its name and default: kind of value, group, help text.

The options themselves are the fields of the classes in ``groups/``.
"""

from __future__ import annotations

from dataclasses import Field, dataclass, field
from typing import Any, ClassVar

from asgiserve.config.kinds import Kind
from asgiserve.errors import ConfigError

__all__ = [
    "ADDRESS",
    "APPLICATION",
    "GROUPS",
    "LIMITS",
    "LOGGING",
    "PROCESSES",
    "PROXIES",
    "RELOAD",
    "RESPONSES",
    "TIMEOUTS",
    "TLS",
    "UVICORN",
    "WEBSOCKET",
    "Option",
    "OptionError",
    "OptionGroup",
    "option",
]

APPLICATION = "Application"
ADDRESS = "Address"
PROCESSES = "Processes"
RELOAD = "Reload"
TLS = "TLS"
RESPONSES = "Responses"
PROXIES = "Behind a proxy"
LIMITS = "Limits"
TIMEOUTS = "Time-outs"
WEBSOCKET = "WebSocket"
LOGGING = "Logging"
UVICORN = "For those who come from uvicorn"

# The order in which they are shown.
GROUPS = (
    APPLICATION,
    ADDRESS,
    PROCESSES,
    RELOAD,
    TLS,
    RESPONSES,
    PROXIES,
    LIMITS,
    TIMEOUTS,
    WEBSOCKET,
    LOGGING,
    UVICORN,
)


class OptionError(ConfigError):
    """The options called *names* have a bad value or are in conflict; a caller can add sources."""

    def __init__(self, message: str, *names: str) -> None:
        super().__init__(message)
        self.names = names


@dataclass(frozen=True, slots=True)
class Option:
    """What is known of an option beside its name and default.

    Args:
        flag: the spelling on the command line, when it is not the name with hyphens.
        fallback_env: an environment variable of other programs, read when no value is given.
        fallback: stands for None where that variable is not set either.
        is_secret: ``--print-config`` does not show the value.
    """

    kind: Kind
    group: str
    help: str
    flag: str = ""
    fallback_env: str = ""
    fallback: Any = None
    is_secret: bool = False


class OptionGroup:
    """The options of one group, each a field of a dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    def check(self) -> None:
        """Refuse options of this group that contradict each other.

        Raises:
            OptionError: they do.
        """

    def is_changed(self, name: str) -> bool:
        """Whether the option *name* differs from its default."""
        return bool(getattr(self, name) != self.__dataclass_fields__[name].default)


def option(default: object, kind: Kind, group: str, help: str, **details: Any) -> Any:
    """A field of a class of options."""
    return field(default=default, metadata={"option": Option(kind, group, help, **details)})
