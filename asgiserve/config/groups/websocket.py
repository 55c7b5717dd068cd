"""The options of WebSockets."""

from __future__ import annotations

from dataclasses import dataclass

from asgiserve.config import kinds, values
from asgiserve.config.kinds import integer, optional, seconds, size
from asgiserve.config.option import WEBSOCKET, OptionGroup, option

__all__ = ["WebSocketOptions"]


# Config makes the methods.
@dataclass(frozen=True, kw_only=True, init=False, repr=False, eq=False)
class WebSocketOptions(OptionGroup):
    """Limits, pings and compression of WebSockets."""

    ws: str = option(
        "auto",
        values.WS,
        WEBSOCKET,
        "Serve WebSockets; none answers their handshakes as plain requests.",
    )
    ws_max_size: int = option(
        16 * 1024 * 1024, size(1), WEBSOCKET, "Largest message, inflated; above it close code 1009."
    )
    ws_max_queue: int = option(
        32, integer(1), WEBSOCKET, "Messages that wait for the application before reading pauses."
    )
    ws_ping_interval: float | None = option(
        20.0,
        optional(seconds(is_zero_allowed=True)),
        WEBSOCKET,
        "Time between pings; none or 0: no pings.",
    )
    ws_ping_timeout: float | None = option(
        20.0,
        optional(seconds(is_zero_allowed=True)),
        WEBSOCKET,
        "Time for the answer to a ping, then close code 1011; none or 0: no limit.",
    )
    ws_per_message_deflate: bool = option(
        True, kinds.SWITCH, WEBSOCKET, "Compress messages where the client offers it (RFC 7692)."
    )
