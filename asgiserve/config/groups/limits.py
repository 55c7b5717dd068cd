"""The options of limits: how many requests and connections, and how large a request."""

from __future__ import annotations

from dataclasses import dataclass

from asgiserve.config import kinds
from asgiserve.config.kinds import integer, optional, size
from asgiserve.config.option import LIMITS, OptionError, OptionGroup, option

__all__ = ["LimitOptions"]


# Config makes the methods.
@dataclass(frozen=True, kw_only=True, init=False, repr=False, eq=False)
class LimitOptions(OptionGroup):
    """Counts and sizes above which the server refuses."""

    limit_concurrency: int | None = option(
        None,
        optional(integer(1)),
        LIMITS,
        "Requests in progress above which further ones get 503.",
    )
    limit_queue: int = option(
        0,
        integer(0),
        LIMITS,
        "Requests above limit_concurrency that are queued before further ones get 503.",
    )
    limit_connections: int | None = option(
        None,
        optional(integer(1)),
        LIMITS,
        "Open connections of a worker above which it stops accepting.",
    )
    limit_max_requests: int | None = option(
        None,
        optional(integer(1)),
        LIMITS,
        "Stop after this many requests; one of several workers is replaced.",
    )
    limit_max_requests_jitter: int = option(
        0, integer(0), LIMITS, "Add a random number, up to this one, to limit_max_requests."
    )
    limit_request_target: int = option(
        8192, size(1), LIMITS, "Longest request target; above it 414."
    )
    limit_request_head: int = option(65536, size(1), LIMITS, "Largest request head; above it 431.")
    limit_request_fields: int = option(
        128, integer(1), LIMITS, "Most header fields of a request; above it 431."
    )
    limit_request_body: int | None = option(
        None, optional(size(0, kinds.MAX_SIZE_BYTES)), LIMITS, "Largest request body; above it 413."
    )

    def check(self) -> None:
        if self.limit_max_requests_jitter and self.limit_max_requests is None:
            raise OptionError(
                "limit_max_requests_jitter: needs limit_max_requests", "limit_max_requests_jitter"
            )
        if self.is_changed("limit_queue") and self.limit_concurrency is None:
            raise OptionError("limit_queue: needs limit_concurrency", "limit_queue")
