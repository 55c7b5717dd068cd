"""The options of time: how long the server waits for clients, and for the application."""

from __future__ import annotations

from dataclasses import dataclass

from asgiserve.config.kinds import optional, seconds
from asgiserve.config.option import TIMEOUTS, OptionGroup, option

__all__ = ["TimeoutOptions"]


# Config makes the methods.
@dataclass(frozen=True, kw_only=True, init=False, repr=False, eq=False)
class TimeoutOptions(OptionGroup):
    """Deadlines and pauses, in seconds."""

    timeout_tls_handshake: float = option(
        10, seconds(), TIMEOUTS, "Deadline for the TLS handshake of a connection."
    )
    timeout_request_header: float = option(
        30,
        seconds(),
        TIMEOUTS,
        "Deadline for a whole request head, from connection or first byte on; then 408.",
    )
    timeout_keep_alive: float = option(
        5,
        seconds(is_zero_allowed=True),
        TIMEOUTS,
        "Close a connection that is idle between requests.",
    )
    timeout_request_body: float = option(
        60, seconds(), TIMEOUTS, "Longest pause within a request body."
    )
    timeout_write: float = option(
        60, seconds(), TIMEOUTS, "Longest pause of a client in reading a response."
    )
    timeout_queue: float = option(
        5, seconds(), TIMEOUTS, "Longest wait of a request in limit_queue; then 503."
    )
    timeout_graceful_shutdown: float | None = option(
        30,
        optional(seconds(is_zero_allowed=True)),
        TIMEOUTS,
        "Time for running requests to finish; none: no limit.",
    )
    drain_delay: float = option(
        0,
        seconds(is_zero_allowed=True),
        TIMEOUTS,
        "Time between the signal to stop, from which on readiness_path says 503, and the end of "
        "accepting.",
    )
    timeout_lifespan_startup: float | None = option(
        60, optional(seconds()), TIMEOUTS, "Time for the application's startup; none: no limit."
    )
    timeout_lifespan_shutdown: float | None = option(
        30, optional(seconds()), TIMEOUTS, "Time for the application's shutdown; none: no limit."
    )
