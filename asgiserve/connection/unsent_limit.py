"""How much the kernel holds for a client that has no room for it (TCP_NOTSENT_LOWAT, tcp(7)).

Linux would take 4 MiB for each slow reader, and some thousand of them would leave it no memory for
the sockets of others. A client that reads gets more: whenever its room is full, a turn of the loop
has to fill it again.
"""

from __future__ import annotations

import socket
from typing import Any

__all__ = ["READER_BYTES", "STRANGER_BYTES", "limit_unsent", "trust_reader"]

# As much more may be on its way to a reader that takes it.
STRANGER_BYTES = 128 * 1024
# For one that has taken more than that before. An answer of 1 MiB takes 0.7 of the CPU time.
READER_BYTES = 512 * 1024


def limit_unsent(listening: socket.socket) -> None:
    """Limit it to STRANGER_BYTES for the connections to come, which inherit it."""
    if hasattr(socket, "TCP_NOTSENT_LOWAT"):
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, STRANGER_BYTES)


def trust_reader(transport: Any) -> None:
    """Raise the limit to READER_BYTES for the peer of *transport*, if it is connected by TCP."""
    sock = transport.get_extra_info("socket")
    if sock is None or not hasattr(socket, "TCP_NOTSENT_LOWAT"):
        return
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, READER_BYTES)
    except OSError:
        # A unix socket has no such limit; one that was lost this moment needs none.
        pass
