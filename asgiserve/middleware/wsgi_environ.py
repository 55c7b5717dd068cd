"""The environ of a WSGI application (PEP 3333), made from the scope of a request."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote_to_bytes

from asgiserve.errors import ClientDisconnected
from asgiserve.version import __version__

__all__ = ["BodyReader", "make_environ"]

SERVER_SOFTWARE = f"asgiserve/{__version__}"
DEFAULT_PORTS = {"http": 80, "https": 443}
UNPREFIXED_NAMES = {b"content-length": "CONTENT_LENGTH", b"content-type": "CONTENT_TYPE"}


class BodyReader(io.RawIOBase):
    """The body of a request as a stream, for an ``io.BufferedReader`` around it.

    Args:
        receive: gives the next event of the request, and waits for it.
    """

    def __init__(self, receive: Callable[[], dict[str, Any]]) -> None:
        super().__init__()
        self._receive = receive
        self._piece = memoryview(b"")
        self._has_more = True

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill *buffer* as far as what has come does; 0 at the end.

        Raises:
            ClientDisconnected: the client has left before the end.
        """
        while not self._piece and self._has_more:
            event = self._receive()
            if event["type"] != "http.request":
                raise ClientDisconnected("the client has left within the body of its request")
            self._piece = memoryview(event.get("body", b""))
            self._has_more = event.get("more_body", False)
        size = min(len(buffer), len(self._piece))
        buffer[:size] = self._piece[:size]
        self._piece = self._piece[size:]
        return size


def make_environ(
    scope: dict[str, Any], body: BodyReader, *, keeps_underscores: bool, is_multiprocess: bool
) -> dict[str, Any]:
    """The environ of the request with *scope*.

    Args:
        keeps_underscores: take header fields with an underscore in their name too; there
            ``X_A`` is not to be told from ``X-A``.
    """
    script_name, path_info = split_path(scope)
    scheme = scope["scheme"]
    host, port = scope.get("server") or ("localhost", None)
    if port is None:
        # A unix socket: neither may be empty, nor is a path a host.
        host, port = "localhost", DEFAULT_PORTS[scheme]
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": script_name,
        "PATH_INFO": path_info,
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        # RFC 3875 section 4.1.14.
        "SERVER_NAME": f"[{host}]" if ":" in host else host,
        "SERVER_PORT": str(port),
        "SERVER_SOFTWARE": SERVER_SOFTWARE,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scheme,
        "wsgi.input": io.BufferedReader(body),
        # There is an end without a Content-Length too: for a body in chunks.
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr or io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": is_multiprocess,
        "wsgi.run_once": False,
        "asgi.scope": scope,
    }
    if scheme == "https":
        environ["HTTPS"] = "on"
    if scope.get("client"):
        environ["REMOTE_ADDR"], environ["REMOTE_PORT"] = map(str, scope["client"])
    add_fields(environ, scope["headers"], keeps_underscores)
    return environ


def split_path(scope: dict[str, Any]) -> tuple[str, str]:
    """SCRIPT_NAME and PATH_INFO: the bytes of each, one in a character."""
    path: str = scope["path"]
    # Bytes that are not UTF-8 became this character.
    raw = unquote_to_bytes(scope["raw_path"]) if "\ufffd" in path else path.encode()
    root = scope.get("root_path", "").encode()
    if raw == root or raw.startswith(root + b"/"):
        raw = raw[len(root) :]
    return root.decode("latin-1"), raw.decode("latin-1")


def add_fields(
    environ: dict[str, Any], headers: list[tuple[bytes, bytes]], keeps_underscores: bool
) -> None:
    """Put the header fields of a request into *environ*."""
    for name, value in headers:
        if b"_" in name and not keeps_underscores:
            continue
        key = UNPREFIXED_NAMES.get(name)
        if key is None:
            key = f"HTTP_{name.decode('latin-1').upper().replace('-', '_')}"
        text = value.decode("latin-1")
        if key in environ:
            # RFC 9110 section 5.3; a comma would be part of a cookie (RFC 6265 section 4.2.1).
            separator = "; " if name == b"cookie" else ","
            text = f"{environ[key]}{separator}{text}"
        environ[key] = text
