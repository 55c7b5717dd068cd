"""The options of uvicorn that have no meaning of their own here, or another shape.

They are taken so that a command, or a call of ``run()``, that was written for uvicorn works as it
is; a value that this server cannot follow is refused, never ignored.
"""

# ruff: noqa: RUF009 - `option` gives a field, not a value shared by all instances.

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from asgiserve.config import kinds
from asgiserve.config import values as server_kinds
from asgiserve.config.kinds import choice, optional, seconds, size
from asgiserve.config.option import APPLICATION, UVICORN, OptionError, option

if TYPE_CHECKING:
    from asgiserve.config.config import Config

__all__ = ["UvicornOptions", "apply_uvicorn_options"]


# Config makes the methods.
@dataclass(frozen=True, kw_only=True, init=False, repr=False, eq=False)
class UvicornOptions:
    """What uvicorn's users may have in their commands and calls."""

    reset_contextvars: bool = option(
        False,
        kinds.SWITCH,
        APPLICATION,
        "Run each request in an empty context, without what startup has set.",
    )
    http: str = option(
        "auto",
        choice("auto", "h11", "httptools", "zttp"),
        UVICORN,
        "Taken for uvicorn's sake: whatever is named, there is one parser.",
    )
    http2: bool = option(
        False, kinds.SWITCH, UVICORN, "Taken when false: HTTP/2 is a proxy's business."
    )
    ssl_version: int = option(
        17,
        server_kinds.SSL_VERSION,
        UVICORN,
        "Taken when it names no one version, as 17 does; see ssl_min_version.",
    )
    h11_max_incomplete_event_size: int | None = option(
        None, optional(size(1)), UVICORN, "Another name of limit_request_head."
    )
    callback_notify: str | Callable[[], Awaitable[None]] | None = option(
        None,
        optional(server_kinds.IMPORT_OR_CALLABLE),
        UVICORN,
        "Coroutine function, MODULE:FUNCTION, to call again and again while serving.",
    )
    timeout_notify: float = option(
        30, seconds(), UVICORN, "Time between the calls of callback_notify."
    )


def apply_uvicorn_options(config: Config, is_changed: Callable[[str], bool]) -> None:
    """Give *config* the meaning of those that are other names, and refuse what cannot be.

    Args:
        is_changed: tells of an option of *config* whether it differs from its default.

    Raises:
        OptionError: an option asks for what this server does not do, or contradicts another.
    """
    if config.http2:
        raise OptionError(
            "http2: true is not possible; asgiserve speaks HTTP/1.1, a proxy can put HTTP/2 before "
            "it",
            "http2",
        )
    if is_changed("timeout_notify") and config.callback_notify is None:
        raise OptionError("timeout_notify: has no effect without callback_notify", "timeout_notify")
    head_bytes = config.h11_max_incomplete_event_size
    if head_bytes is None:
        return
    if is_changed("limit_request_head") and config.limit_request_head != head_bytes:
        raise OptionError(
            "h11_max_incomplete_event_size is another name of limit_request_head: give one",
            "h11_max_incomplete_event_size",
            "limit_request_head",
        )
    object.__setattr__(config, "limit_request_head", head_bytes)
