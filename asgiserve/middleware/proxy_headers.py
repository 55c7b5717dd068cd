"""Takes the client and the scheme of a request from what trusted proxies say."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Any, TypeAlias

from asgiserve.middleware.forwarded import Origin, read_forwarded, read_x_forwarded
from asgiserve.middleware.trusted_hosts import TrustedHosts

__all__ = ["ProxyHeadersMiddleware"]

X_FORWARDED_FIELDS = frozenset({b"x-forwarded-for", b"x-forwarded-proto"})
FORWARDED_FIELDS = frozenset({b"forwarded"})

# Proxies name the scheme of HTTP for WebSockets too, and the other way round.
HTTP_SCHEMES = {"http": "http", "https": "https", "ws": "http", "wss": "https"}
WEBSOCKET_SCHEMES = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}

# What was read is remembered, for about as many clients as a site has at a time; header fields
# longer than this, of many proxies or of a client that means to fill the memory, are not.
MAX_ORIGINS = 4096
MAX_CHARS_OF_ORIGIN = 256

Fields: TypeAlias = tuple[tuple[bytes, bytes], ...]


class ProxyHeadersMiddleware:
    """An application that gives *app* scopes with the client, not the proxy, in them.

    Args:
        app: an ASGI 3 application.
        trusted_hosts: the proxies, see `TrustedHosts`; peers beside them are not listened to.
        use_forwarded: read ``Forwarded`` (RFC 7239). Only one of the two kinds of header is read,
            since a client can freely send the one that its proxy does not know.
    """

    def __init__(
        self,
        app: Any,
        trusted_hosts: str | Sequence[str] = "127.0.0.1",
        use_forwarded: bool = False,
    ) -> None:
        self.app = app
        self._trusted = TrustedHosts(trusted_hosts)
        self._names = FORWARDED_FIELDS if use_forwarded else X_FORWARDED_FIELDS
        self._origins: dict[Fields, Origin] = {}

    # Not a coroutine function: one that only awaits another costs every request a coroutine.
    def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> Awaitable[None]:
        """Call the application with *scope*, changed where a trusted proxy says so."""
        client = scope.get("client")
        if self._trusted[client[0]] if client else self._is_unix_peer_trusted(scope):
            names = self._names
            fields = tuple([(name, v) for name, v in scope.get("headers", ()) if name in names])
            if fields:
                # Fast lane, when the same client was here before: a third of what reading costs.
                apply_origin(self._origins.get(fields) or self._read(fields), scope)
        result: Awaitable[None] = self.app(scope, receive, send)
        return result

    def _is_unix_peer_trusted(self, scope: dict[str, Any]) -> bool:
        """Whether a peer without an address is one on a unix socket, and trusted."""
        names = self._trusted.names
        server = scope.get("server")
        if server is None:
            return "unix" in names
        # With a port it is a TCP client that was gone before its address could be asked for.
        return server[1] is None and ("unix" in names or server[0] in names)

    def _read(self, fields: Fields) -> Origin:
        """What the proxies' *fields* say."""
        if self._names is FORWARDED_FIELDS:
            origin = read_forwarded(lines_of(fields, b"forwarded"), self._trusted)
        else:
            origin = read_x_forwarded(
                lines_of(fields, b"x-forwarded-for"),
                lines_of(fields, b"x-forwarded-proto"),
                self._trusted,
            )
        if sum(len(value) for _, value in fields) <= MAX_CHARS_OF_ORIGIN:
            if len(self._origins) >= MAX_ORIGINS:
                self._origins.clear()
            self._origins[fields] = origin
        return origin


def apply_origin(origin: Origin, scope: dict[str, Any]) -> None:
    """Put into *scope* what is known of the client."""
    if origin.client is not None:
        scope["client"] = origin.client
    schemes = WEBSOCKET_SCHEMES if scope["type"] == "websocket" else HTTP_SCHEMES
    if origin.proto in schemes:
        scope["scheme"] = schemes[origin.proto]


def lines_of(fields: Fields, name: bytes) -> list[str]:
    """The values of every field *name*, in their order."""
    return [value.decode("latin-1") for field, value in fields if field == name]
