"""What an HTTP/1.1 connection is doing, and the times and sizes that go with it."""

from __future__ import annotations

from enum import IntEnum

from asgiserve.connection.context import to_ticks

__all__ = ["DRAIN_LIMIT_BYTES", "EOF_GRACE_TICKS", "LINGER_TICKS", "QUIET_TICKS", "Phase"]

# An application that answers without reading leaves this much of a body to be read and dropped; a
# client that sends more than that is told by the connection's end.
DRAIN_LIMIT_BYTES = 65536

# A client that ended its side may be gone, or wait for its answer. The application is told after
# a moment, since some frameworks, once told, drop an answer that is nearly ready.
EOF_GRACE_TICKS = to_ticks(0.5)

# How long a refused client may go on sending before the socket is closed (RFC 9112 section 9.6).
LINGER_TICKS = to_ticks(2.0)

# A stopping server closes connections on which nothing happens for so long. The next request of
# any other may be on its way, and closing would lose it: it is answered, with "connection: close".
QUIET_TICKS = to_ticks(1.0)


class Phase(IntEnum):
    """What the connection is doing, and so which time-out runs."""

    NEW = 0  # nothing has come yet
    HEAD = 1  # a request head has begun
    REQUEST = 2  # a request is being served; its body may still be coming
    DRAIN = 3  # the answer is complete, the rest of the request body is dropped
    IDLE = 4  # between two requests
    LINGER = 5  # our side is closed, what still comes is dropped
    CLOSED = 6
