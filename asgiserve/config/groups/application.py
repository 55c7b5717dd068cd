"""The options of the application: where it is, and how it is called."""

# ruff: noqa: RUF009 - `option` gives a field, not a value shared by all instances.

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from asgiserve.config import kinds, values
from asgiserve.config.kinds import choice, optional
from asgiserve.config.option import APPLICATION, Option, OptionError, OptionGroup, option

__all__ = ["ApplicationOptions"]


# Config makes the methods.
@dataclass(frozen=True, kw_only=True, init=False, repr=False, eq=False)
class ApplicationOptions(OptionGroup):
    """The application, and what runs it."""

    app: str | Callable[..., Any] = field(
        kw_only=False,
        metadata={
            "option": Option(
                values.APP,
                APPLICATION,
                "Application to serve: an import string MODULE:ATTRIBUTE.",
            )
        },
    )
    factory: bool = option(
        False, kinds.SWITCH, APPLICATION, "Call APP without arguments to get the application."
    )
    app_dir: str | os.PathLike[str] | None = option(
        ".",
        optional(kinds.DIRECTORY),
        APPLICATION,
        "Directory that APP is imported from; none leaves sys.path alone.",
    )
    interface: str = option(
        "auto",
        choice("auto", "asgi3", "asgi2", "wsgi"),
        APPLICATION,
        "How the application is called.",
    )
    wsgi_underscore_headers: bool = option(
        False,
        kinds.SWITCH,
        APPLICATION,
        "Pass headers with an underscore in their name to a WSGI application, which cannot tell "
        "X_User from X-User.",
    )
    lifespan: str = option(
        "auto",
        choice("auto", "on", "off"),
        APPLICATION,
        "Run startup and shutdown of APP; auto: unless it raises before it receives.",
    )
    loop: str = option(
        "auto",
        values.LOOP,
        APPLICATION,
        "Event loop, or a factory of one; auto: uvloop where installed.",
    )
    env_file: str | os.PathLike[str] | None = option(
        None,
        optional(kinds.EXISTING_FILE),
        APPLICATION,
        "Set the application's environment, and $FORWARDED_ALLOW_IPS and $WEB_CONCURRENCY, from "
        "this file.",
    )
    reset_contextvars: bool = option(
        False,
        kinds.SWITCH,
        APPLICATION,
        "Run each request in an empty context, without what startup has set.",
    )

    def check(self) -> None:
        if self.interface == "wsgi" and self.lifespan == "on":
            raise OptionError(
                "lifespan: a WSGI application has no lifespan to turn on", "lifespan", "interface"
            )
        if self.wsgi_underscore_headers and self.interface in ("asgi3", "asgi2"):
            raise OptionError(
                "wsgi_underscore_headers: has no effect without a WSGI application",
                "wsgi_underscore_headers",
                "interface",
            )
