"""The options of uvicorn that have no meaning of their own here, or another shape.

They are taken so that a command, or a call of ``run()``, that was written for uvicorn works as it
is; a value that this server cannot follow is refused, never ignored.
"""

# ruff: noqa: RUF009 - `option` gives a field, not a value shared by all instances.

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from asgiserve.config import kinds, values
from asgiserve.config.kinds import choice, optional, seconds, size
from asgiserve.config.option import UVICORN, OptionError, OptionGroup, option

__all__ = ["UvicornOptions"]


# Config makes the methods.
@dataclass(frozen=True, kw_only=True, init=False, repr=False, eq=False)
class UvicornOptions(OptionGroup):
    """What uvicorn's users may have in their commands and calls."""

    http: str = option(
        "auto",
        choice("auto", "h11", "httptools", "zttp"),
        UVICORN,
        "Accepted for uvicorn compatibility; ignored, as there is one parser.",
    )
    http2: bool = option(
        False,
        kinds.SWITCH,
        UVICORN,
        "Accepted for uvicorn compatibility; only false, as HTTP/2 is left to a proxy.",
    )
    ssl_version: int = option(
        17,
        values.SSL_VERSION,
        UVICORN,
        "Accepted for uvicorn compatibility if not a single version, as 17; see ssl_min_version.",
    )
    h11_max_incomplete_event_size: int | None = option(
        None, optional(size(1)), UVICORN, "Alias of limit_request_head, for uvicorn compatibility."
    )
    callback_notify: str | Callable[[], Awaitable[None]] | None = option(
        None,
        optional(values.IMPORT_OR_CALLABLE),
        UVICORN,
        "Coroutine function, MODULE:FUNCTION, to call periodically while serving.",
    )
    timeout_notify: float = option(30, seconds(), UVICORN, "Time between calls of callback_notify.")

    def check(self) -> None:
        if self.http2:
            raise OptionError(
                "http2: true is not possible; asgiserve speaks HTTP/1.1, a proxy can put HTTP/2 "
                "before it",
                "http2",
            )
        if self.is_changed("timeout_notify") and self.callback_notify is None:
            raise OptionError(
                "timeout_notify: has no effect without callback_notify", "timeout_notify"
            )
