"""The end of a TCP connection by a reset (RFC 9293 section 3.10.7), in place of an orderly one."""

from __future__ import annotations

import socket
import struct
import sys
from typing import Any

__all__ = ["reset"]

# Linger for no time: closing drops what is unsent, and resets the connection.
NO_LINGERING = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)


def reset(transport: Any) -> None:
    """Abort *transport* so that its peer sees an error, not the end of what was sent.

    ``transport.abort()`` alone drops what the transport holds. What the kernel holds would go on to
    the peer, an orderly end behind it, and would be kept for minutes for one that does not read.
    """
    sock = transport.get_extra_info("socket")
    if sock is not None:
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGERING)
        except OSError:
            # It is closed already.
            pass
    transport.abort()
