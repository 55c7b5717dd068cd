"""From sockets to transports: plain ones are the event loop's own, TLS is put on here."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asgiserve.server.tls import TlsSettings

__all__ = ["connect_accepted", "create_server"]

logger = logging.getLogger("asgiserve.error")


async def create_server(
    loop: asyncio.AbstractEventLoop,
    factory: Callable[[], asyncio.Protocol],
    sock: socket.socket,
    *,
    backlog: int,
    tls: TlsSettings | None,
) -> asyncio.Server:
    """Accept at *sock*, which listens already, and make a connection of *factory* of each."""
    if tls is None:
        return await loop.create_server(factory, sock=sock, backlog=backlog)
    return await loop.create_server(
        factory,
        sock=sock,
        backlog=backlog,
        ssl=tls.context,
        ssl_handshake_timeout=tls.handshake_timeout_s,
    )


async def connect_accepted(
    loop: asyncio.AbstractEventLoop,
    factory: Callable[[], asyncio.Protocol],
    sock: socket.socket,
    *,
    tls: TlsSettings | None,
) -> None:
    """Make a connection of *factory* of the accepted *sock*, which it owns from here on.

    What a peer does wrong is logged, never raised.
    """
    try:
        if tls is None:
            await loop.connect_accepted_socket(factory, sock)
        else:
            await loop.connect_accepted_socket(
                factory,
                sock,
                ssl=tls.context,
                ssl_handshake_timeout=tls.handshake_timeout_s,
            )
    except OSError as exc:
        logger.debug("A connection ended before it began: %s", exc)
        sock.close()
