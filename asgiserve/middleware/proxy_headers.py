"""Takes client, scheme, host, port and prefix of a request from what trusted proxies say."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Any, TypeAlias

from asgiserve._twins import header_fields
from asgiserve.middleware.forwarded import Origin, read_forwarded, read_x_forwarded
from asgiserve.middleware.trusted_hosts import TrustedHosts

__all__ = ["ProxyHeadersMiddleware"]

# A global name is found sooner than an attribute of a module.
select_fields = header_fields.select_fields

X_FORWARDED = b"x-forwarded-"
FORWARDED = b"forwarded"

# Proxies name the scheme of HTTP for WebSockets too, and the other way round.
HTTP_SCHEMES = {"http": "http", "https": "https", "ws": "http", "wss": "https"}
WEBSOCKET_SCHEMES = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}
DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}

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
        fields: what to take: for, proto, host, port, prefix; the proxies have to set each of them,
            or a client could. ``Forwarded`` has neither port nor prefix.
        root_path_mode: what a prefix does to the path, as root_path itself does.
    """

    def __init__(
        self,
        app: Any,
        trusted_hosts: str | Sequence[str] = "127.0.0.1",
        use_forwarded: bool = False,
        *,
        fields: Sequence[str] = ("for", "proto"),
        root_path_mode: str = "auto",
    ) -> None:
        self.app = app
        self._trusted = TrustedHosts(trusted_hosts)
        self._use_forwarded = use_forwarded
        self._wanted = frozenset(fields)
        names = [FORWARDED] if use_forwarded else [X_FORWARDED + name.encode() for name in fields]
        # In a request common names are these objects, which makes them quick to compare.
        self._names = tuple(map(header_fields.lower_name, names))
        self._root_path_mode = root_path_mode
        self._origins: dict[Fields, Origin] = {}

    # Not a coroutine function: one that only awaits another costs every request a coroutine.
    def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> Awaitable[None]:
        """Call the application with *scope*, changed where a trusted proxy says so."""
        client = scope.get("client")
        if self._trusted[client[0]] if client else self._is_unix_peer_trusted(scope):
            fields = select_fields(scope.get("headers", ()), self._names)
            if fields:
                # Fast lane, when the same client was here before: a third of what reading costs.
                origin = self._origins.get(fields) or self._read(fields)
                apply_origin(origin, scope)
                if origin.prefix is not None:
                    apply_prefix(origin.prefix, scope, self._root_path_mode)
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
        if self._use_forwarded:
            lines = [value.decode("latin-1") for _, value in fields]
            origin = read_forwarded(lines, self._wanted, self._trusted)
        else:
            origin = read_x_forwarded(lines_by_word(fields), self._trusted)
        if sum(len(value) for _, value in fields) <= MAX_CHARS_OF_ORIGIN:
            if len(self._origins) >= MAX_ORIGINS:
                self._origins.clear()
            self._origins[fields] = origin
        return origin


def apply_origin(origin: Origin, scope: dict[str, Any]) -> None:
    """Put into *scope* what is known of the client and of the address that it asked."""
    if origin.client is not None:
        scope["client"] = origin.client
    schemes = WEBSOCKET_SCHEMES if scope["type"] == "websocket" else HTTP_SCHEMES
    if origin.proto in schemes:
        scope["scheme"] = schemes[origin.proto]
    if origin.authority is not None:
        host = (b"host", origin.authority.encode("latin-1"))
        scope["headers"] = [host, *(field for field in scope["headers"] if field[0] != b"host")]
        scope["server"] = origin.host, origin.port or DEFAULT_PORTS[scope["scheme"]]
    elif origin.port is not None and is_tcp_address(scope.get("server")):
        scope["server"] = scope["server"][0], origin.port


def apply_prefix(prefix: str, scope: dict[str, Any], root_path_mode: str) -> None:
    """Put *prefix* in front of root_path in *scope*, and of the path, as *root_path_mode* says.

    Like `ScopeFactory`, which knows the root_path of the options alone.
    """
    scope["root_path"] = prefix + scope["root_path"]
    path: str = scope["path"]
    # An asterisk is no path.
    if root_path_mode == "keep" or path == "*":
        return
    is_below = path == prefix or path.startswith(f"{prefix}/")
    raw_path: bytes = scope["raw_path"]
    raw_prefix = prefix.encode("ascii")
    if root_path_mode == "strip":
        if is_below:
            scope["path"] = path[len(prefix) :] or "/"
            if raw_path.startswith(raw_prefix):
                scope["raw_path"] = raw_path[len(raw_prefix) :] or b"/"
    elif root_path_mode == "prepend" or not is_below:
        scope["path"] = prefix + path
        scope["raw_path"] = raw_prefix + raw_path


def is_tcp_address(server: tuple[str, int | None] | None) -> bool:
    """Whether *server* of a scope has a port; a unix socket has none to change."""
    return server is not None and server[1] is not None


def lines_by_word(fields: Fields) -> dict[str, list[str]]:
    """The values of ``X-Forwarded-*`` in their order, by what stands for the asterisk."""
    lines: dict[str, list[str]] = {}
    for name, value in fields:
        word = name.removeprefix(X_FORWARDED).decode("ascii")
        lines.setdefault(word, []).append(value.decode("latin-1"))
    return lines
