"""Whether a peer has sent what the event loop has not read yet."""

from __future__ import annotations

import select
from typing import Any

__all__ = ["has_unread_input"]


def has_unread_input(transport: Any) -> bool:
    """Whether the kernel holds bytes, or the end, from the peer of *transport*.

    An event loop that is behind runs its timers first: what they take for silence may be a request
    that has arrived. False where nobody can tell.
    """
    sock = transport.get_extra_info("socket")
    if sock is None or not hasattr(select, "poll"):
        return False
    fd = sock.fileno()
    if fd < 0:
        return False
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(0))
