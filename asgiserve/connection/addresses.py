"""Socket addresses as ASGI scopes and logs name them."""

from __future__ import annotations

from typing import Any, NamedTuple

__all__ = ["Addresses", "address_pair", "address_text", "forwarded_text", "local_address"]

IPV4_MAPPED = "::ffff:"  # RFC 4291 section 2.5.5.2


class Addresses(NamedTuple):
    """Both ends of a connection, as somebody says who knows better than the socket.

    Args:
        client: host and port; None for a Unix socket.
        server: host and port, or the path of a Unix socket and None; None if it is not known.
    """

    client: tuple[str, int] | None
    server: tuple[str, int | None] | None


def address_pair(address: Any) -> tuple[str, int] | None:
    """Host and port of a socket address; None for a Unix socket."""
    if isinstance(address, tuple) and len(address) >= 2:
        host = str(address[0])
        # IPv4 at a socket of IPv6, which applications and lists of addresses should not see.
        if len(address) == 4 and host.startswith(IPV4_MAPPED) and "." in host:
            host = host.removeprefix(IPV4_MAPPED)
        return host, int(address[1])
    return None


def local_address(address: Any) -> tuple[str, int | None] | None:
    """What a scope names as ``server``: host and port, or the path of a Unix socket and None."""
    if isinstance(address, str) and address:
        return address, None
    return address_pair(address)


def address_text(client: tuple[str, int] | None, server: tuple[str, int | None] | None) -> str:
    """How logs name the peer of a socket whose own end is *server*."""
    if client:
        return f"{client[0]}:{client[1]}"
    # A peer that has gone at once has no address any more.
    return "unknown" if server and server[1] is not None else "unix"


def forwarded_text(scope: dict[str, Any] | None, peer_text: str) -> str:
    """How logs name the client of a request that a proxy has passed on.

    Args:
        scope: by now with the client that trusted proxies tell; None: it was never made.
        peer_text: the proxy, or whoever pretends to be one.
    """
    client = None if scope is None else scope.get("client")
    # An application may have put anything there.
    if isinstance(client, (tuple, list)) and len(client) == 2:
        return f"{client[0]}:{client[1]}"
    return peer_text
