"""The connection scope of a request (ASGI HTTP and WebSocket 2.5), made from a request head.

Percent-decoding and ``root_path`` are settled here; which requests are acceptable was settled by
the parser.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote_to_bytes

from asgiserve.codecs.http1_head import RequestHead

__all__ = ["ROOT_PATH_MODES", "ScopeFactory", "split_target"]

ASGI_VERSION = "3.0"
HTTP_SPEC_VERSION = "2.5"
WEBSOCKET_SPEC_VERSION = "2.5"

# keep: path as received. strip: without a leading root_path. prepend: root_path in front, for a
# proxy that removed it. auto: prepend unless it is there, so that path contains root_path as the
# specification has it.
ROOT_PATH_MODES = ("keep", "strip", "prepend", "auto")


class ScopeFactory:
    """Makes the scopes of one connection from a template and the request heads.

    Args:
        scheme: "http" or "https".
        server: address and port of the listening socket, path and None for a Unix socket, or None.
        client: address and port of the peer, or None.
        state: the lifespan's state, copied for each request; None when the application has no
            lifespan.
        extensions: names of the extensions to HTTP that are supported, with their parameters.
        root_path: where the application is mounted, without a trailing slash.
        root_path_mode: one of ROOT_PATH_MODES.
    """

    __slots__ = ("_extensions", "_root_path", "_root_path_mode", "_state", "_template")

    def __init__(
        self,
        scheme: str,
        server: tuple[str, int | None] | None,
        client: tuple[str, int] | None,
        state: dict[str, Any] | None,
        extensions: dict[str, Any],
        root_path: str = "",
        root_path_mode: str = "auto",
    ) -> None:
        self._state = state
        self._extensions = extensions
        self._root_path = root_path
        # With no root_path there is nothing to keep, strip or prepend.
        self._root_path_mode = root_path_mode if root_path else "keep"
        # Every key is present, so that the copy is made in its final size.
        self._template: dict[str, Any] = {
            "type": "http",
            "asgi": None,
            "http_version": "1.1",
            "server": server,
            "client": client,
            "scheme": scheme,
            "method": "GET",
            "root_path": root_path,
            "path": "/",
            "raw_path": b"/",
            "query_string": b"",
            "headers": None,
            "extensions": None,
        }
        if state is not None:
            self._template["state"] = None

    def http(self, head: RequestHead) -> dict[str, Any]:
        """The scope of the request with *head*; it belongs to the application alone."""
        raw_path, query_string, authority = split_target(head.target)
        path = decode_path(raw_path)
        # An asterisk is no path.
        if self._root_path_mode != "keep" and path != "*":
            path, raw_path = self._mount(path, raw_path)
        scope = self._template.copy()
        scope["asgi"] = {"version": ASGI_VERSION, "spec_version": HTTP_SPEC_VERSION}
        scope["http_version"] = head.http_version
        scope["method"] = head.method
        scope["path"] = path
        scope["raw_path"] = raw_path
        scope["query_string"] = query_string
        # "MUST ignore the received Host header field (if any) and instead replace it", RFC 9112
        # section 3.2.2.
        scope["headers"] = replace_host(head.headers, authority) if authority else head.headers
        scope["extensions"] = self._extensions.copy()
        if self._state is not None:
            scope["state"] = self._state.copy()
        return scope

    def websocket(self, head: RequestHead, subprotocols: list[str]) -> dict[str, Any]:
        """The scope of the WebSocket that *head* asks for; it belongs to the application alone.

        Args:
            head: a request whose handshake was read, ``codecs/ws_handshake.py``.
            subprotocols: those that the client offers, in its order.
        """
        scope = self.http(head)
        del scope["method"]
        scope["type"] = "websocket"
        scope["asgi"] = {"version": ASGI_VERSION, "spec_version": WEBSOCKET_SPEC_VERSION}
        scope["scheme"] = "wss" if scope["scheme"] == "https" else "ws"
        scope["subprotocols"] = subprotocols
        extensions: dict[str, Any] = {"websocket.http.response": {}}
        if "tls" in scope["extensions"]:
            extensions["tls"] = scope["extensions"]["tls"]
        scope["extensions"] = extensions
        return scope

    def _mount(self, path: str, raw_path: bytes) -> tuple[str, bytes]:
        root_path = self._root_path
        rest = path[len(root_path) :]
        is_below = path.startswith(root_path) and rest[:1] in ("", "/")
        if self._root_path_mode == "strip":
            if not is_below:
                return path, raw_path
            # raw_path is cut only where it spells the prefix the same way; an encoded prefix stays.
            raw_root = root_path.encode()
            if raw_path.startswith(raw_root):
                raw_path = raw_path[len(raw_root) :] or b"/"
            return rest or "/", raw_path
        if self._root_path_mode == "auto" and is_below:
            return path, raw_path
        return root_path + path, root_path.encode() + raw_path


def split_target(target: bytes) -> tuple[bytes, bytes, bytes]:
    """Split a request-target into raw path, query string and authority (RFC 9112 section 3.2).

    Only an absolute-form target has an authority, here without user information; its empty path
    means ``/``.
    """
    path, _mark, query_string = target.partition(b"?")
    if path.startswith(b"/") or b"://" not in path:
        return path, query_string, b""
    _scheme, _mark, rest = path.partition(b"://")
    authority, slash, path = rest.partition(b"/")
    return slash + path or b"/", query_string, authority.rpartition(b"@")[2]


def replace_host(headers: list[tuple[bytes, bytes]], authority: bytes) -> list[tuple[bytes, bytes]]:
    """The fields with *authority* for Host, in its place or at the start."""
    replaced = [(name, authority if name == b"host" else value) for name, value in headers]
    if (b"host", authority) not in replaced:
        replaced.insert(0, (b"host", authority))
    return replaced


def decode_path(raw_path: bytes) -> str:
    """Percent-decode, then UTF-8-decode; bytes that are not UTF-8 become U+FFFD."""
    if b"%" in raw_path:
        raw_path = unquote_to_bytes(raw_path)
    return raw_path.decode("utf-8", "replace")
