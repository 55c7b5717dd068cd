"""Reads the header of the PROXY protocol from a connection, before TLS and HTTP begin on it.

It is expected of every connection, and taken only from peers that ``proxy_protocol_allow_ips``
names: by address or network; peers on a Unix socket by the path that they connect to, or by
``unix``.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import TYPE_CHECKING, Any

from asgiserve.codecs.proxy_protocol import ProxyHeader, ProxyHeaderParser
from asgiserve.connection.addresses import Addresses, address_pair, address_text
from asgiserve.errors import PeerError
from asgiserve.logs.rate_limit import RareLog
from asgiserve.middleware.trusted_hosts import TrustedHosts
from asgiserve.net.transports import wait_readable

if TYPE_CHECKING:
    from asgiserve.config.config import Config

__all__ = ["ProxyProtocol", "addresses_of"]

logger = logging.getLogger("asgiserve.error")

# A header with its addresses, and the beginning of a request; longer ones are read piece by piece.
PEEK_BYTES = 1024


class ProxyProtocol:
    """Who may send the header, and how long they may take for it.

    Args:
        config: read once, here.
    """

    def __init__(self, config: Config) -> None:
        self._trusted = TrustedHosts(config.proxy_protocol_allow_ips)
        self._timeout_s = config.timeout_request_header
        self._strangers = RareLog(logger, logging.WARNING)
        self._malformed = RareLog(logger, logging.WARNING)

    async def read(
        self, loop: asyncio.AbstractEventLoop, sock: socket.socket, peer: Any
    ) -> Addresses | None:
        """Read the header from *sock*, and no byte more.

        Args:
            sock: accepted and non-blocking; stays the caller's.
            peer: its address, as accept() gave it.

        Returns:
            What the header says; None if it leaves that to the socket.

        Raises:
            PeerError: the peer may not send a header, or has not; it is logged already.
            OSError: the connection broke.
        """
        name = address_text(address_pair(peer), None)
        if not self.is_allowed(sock, peer):
            self._strangers.write(
                "%s - closed: proxy_protocol_allow_ips does not name this peer", name
            )
            raise PeerError("not allowed to send a PROXY header")
        parser = ProxyHeaderParser()
        try:
            async with asyncio.timeout(self._timeout_s):
                while parser.header is None:
                    await self._read_on(loop, sock, parser)
        except TimeoutError:
            logger.debug("%s - no PROXY header in %g s", name, self._timeout_s)
            raise PeerError("the PROXY header took too long") from None
        except PeerError as exc:
            self._malformed.write("%s - closed: %s", name, exc.reason)
            raise
        return addresses_of(parser.header)

    def is_allowed(self, sock: socket.socket, peer: Any) -> bool:
        """Whether *peer*, connected by *sock*, may send a header."""
        client = address_pair(peer)
        if client is not None:
            return bool(self._trusted[client[0]])
        names = self._trusted.names
        return "unix" in names or sock.getsockname() in names

    async def _read_on(
        self, loop: asyncio.AbstractEventLoop, sock: socket.socket, parser: ProxyHeaderParser
    ) -> None:
        """Give *parser* what has come, or wait for more."""
        try:
            # Looked at first, since what follows the header is for others to read.
            data = sock.recv(PEEK_BYTES, socket.MSG_PEEK)
        except (BlockingIOError, InterruptedError):
            await wait_readable(loop, sock)
            return
        if not data:
            # Such as a load balancer that only tries whether it can connect.
            raise ConnectionResetError("the peer has ended before its PROXY header")
        size = parser.feed(data)
        while size:
            size -= len(sock.recv(size))


def addresses_of(header: ProxyHeader) -> Addresses | None:
    """What a scope names as client and server by *header*; None: what the socket says."""
    source, destination = header.source, header.destination
    if source is None or destination is None:
        return None
    return Addresses(
        None if isinstance(source, str) else source,
        (destination, None) if isinstance(destination, str) else destination,
    )
