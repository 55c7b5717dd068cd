"""The options of requests and responses: default fields, trailers, readiness."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from asgiserve.config import kinds, values
from asgiserve.config.kinds import optional
from asgiserve.config.option import RESPONSES, OptionGroup, option

__all__ = ["ResponseOptions"]


# Config makes the methods.
@dataclass(frozen=True, kw_only=True, init=False, repr=False, eq=False)
class ResponseOptions(OptionGroup):
    """What the server adds to responses, and what it answers itself."""

    headers: Iterable[tuple[str, str]] = option(
        (),
        values.FIELDS,
        RESPONSES,
        "Default response header; may be repeated.",
        flag="--header",
    )
    server_header: bool = option(True, kinds.SWITCH, RESPONSES, "Send a Server header.")
    date_header: bool = option(True, kinds.SWITCH, RESPONSES, "Send a Date header.")
    request_trailers: bool = option(
        False,
        kinds.SWITCH,
        RESPONSES,
        "Give request trailers to the application instead of dropping them.",
    )
    readiness_path: str | None = option(
        None,
        optional(values.URL_PATH),
        RESPONSES,
        "Answer this path with 200, or 503 while stopping, without asking the application.",
    )
