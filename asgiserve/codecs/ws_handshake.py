"""The opening handshake of a WebSocket: its request and the 101 answer (RFC 6455 section 4).

Whether to accept is the application's decision; how a refusal looks, the connection's.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from asgiserve.codecs.request_fields import list_members
from asgiserve.codecs.response_fields import checked_fields
from asgiserve.codecs.ws_deflate import DeflateParams, negotiate_deflate
from asgiserve.errors import AppError, HttpRequestError

if TYPE_CHECKING:
    # Either column's.
    from asgiserve.codecs.http1_framing import DefaultFields
    from asgiserve.codecs.http1_head import RequestHead

__all__ = ["Handshake", "frame_accept", "is_websocket", "read_handshake"]

VERSION = b"13"
KEY_BYTES = 16

# "A sender of Upgrade MUST also send an 'Upgrade' connection option", RFC 9110 section 7.8.
UPGRADE_REQUIRED_FIELDS = (
    (b"sec-websocket-version", VERSION),
    (b"upgrade", b"websocket"),
    (b"connection", b"upgrade"),
)

SERVERS_PREFIX = b"sec-websocket-"
SERVERS_NAMES = frozenset((b"connection", b"content-length", b"transfer-encoding", b"upgrade"))


@dataclass(frozen=True, slots=True)
class Handshake:
    """A client's half of the handshake, and what the server's half has to say to it.

    Args:
        accept: the value of Sec-WebSocket-Accept.
        subprotocols: those offered, in the client's order.
        deflate: how messages may be compressed, None when they may not.
        extension: the value of Sec-WebSocket-Extensions, empty without `deflate`.
    """

    accept: bytes
    subprotocols: list[str]
    deflate: DeflateParams | None
    extension: bytes


def is_websocket(head: RequestHead) -> bool:
    """Whether a request asks for a WebSocket, rightly or not."""
    return head.upgrade is not None and b"websocket" in list_members(head.upgrade.lower())


def read_handshake(head: RequestHead, *, allows_deflate: bool) -> Handshake:
    """Check a request that `is_websocket` (RFC 6455 section 4.2.1), and negotiate.

    Raises:
        HttpRequestError: the request is not such a handshake: 426 when the version is not 13, with
            the fields that then belong to the answer, otherwise 400.
    """
    if head.method != "GET":
        raise HttpRequestError(f"WebSocket handshake by {head.method}")
    if head.is_chunked or head.content_length > 0:
        raise HttpRequestError("WebSocket handshake with a body")
    # First, since older versions have other fields.
    versions = field_values(head, b"sec-websocket-version")
    if versions != [VERSION]:
        raise HttpRequestError(
            f"WebSocket version {b', '.join(versions)[:64]!r} is not served",
            status=426,
            fields=UPGRADE_REQUIRED_FIELDS,
        )
    keys = field_values(head, b"sec-websocket-key")
    if len(keys) != 1:
        raise HttpRequestError(f"{len(keys) or 'no'} Sec-WebSocket-Key fields")
    if not is_key(keys[0]):
        raise HttpRequestError(f"malformed Sec-WebSocket-Key {keys[0][:64]!r}")
    # Not before the first WebSocket: it would be a tenth of the server's start.
    from websockets.utils import accept_key

    agreed = None
    if allows_deflate:
        agreed = negotiate_deflate(field_values(head, b"sec-websocket-extensions"))
    deflate, extension = agreed or (None, b"")
    return Handshake(
        accept=accept_key(keys[0].decode("ascii")).encode("ascii"),
        subprotocols=read_subprotocols(field_values(head, b"sec-websocket-protocol")),
        deflate=deflate,
        extension=extension,
    )


def frame_accept(
    handshake: Handshake, subprotocol: str | None, headers: Iterable[Any], defaults: DefaultFields
) -> bytes:
    """Frame the answer that opens the WebSocket: 101 (RFC 6455 section 4.2.2).

    Args:
        subprotocol: the application's choice among those offered, None for none of them.
        headers: the application's fields, pairs of bytes.

    Raises:
        AppError: *subprotocol* was not offered; *headers* are malformed or the server's business.
    """
    lines = [
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
        b"sec-websocket-accept: %s\r\n" % handshake.accept
    ]
    if subprotocol is not None:
        if subprotocol not in handshake.subprotocols:
            raise AppError(
                f"subprotocol {str(subprotocol)[:64]!r} is none of those that the client offers:"
                f" {', '.join(handshake.subprotocols)[:200]!r}"
            )
        lines.append(b"sec-websocket-protocol: %s\r\n" % subprotocol.encode("ascii"))
    if handshake.extension:
        lines.append(b"sec-websocket-extensions: %s\r\n" % handshake.extension)
    names = set()
    for name, value in checked_fields(headers):
        if name in SERVERS_NAMES or name.startswith(SERVERS_PREFIX):
            raise AppError(f"header {name[:64]!r} of a handshake is for the server to set")
        names.add(name)
        lines.append(b"%s: %s\r\n" % (name, value))
    lines.append(defaults.select(names))
    lines.append(b"\r\n")
    return b"".join(lines)


def field_values(head: RequestHead, wanted: bytes) -> list[bytes]:
    """The values of the fields called *wanted*, in order."""
    return [value for name, value in head.headers if name == wanted]


def is_key(value: bytes) -> bool:
    """Whether *value* is 16 bytes in base64."""
    try:
        return len(base64.b64decode(value, validate=True)) == KEY_BYTES
    except binascii.Error:
        return False


def read_subprotocols(values: list[bytes]) -> list[str]:
    """The subprotocols that a client offers; an empty field offers none.

    Raises:
        HttpRequestError: one is not a token.
    """
    value = b", ".join(filter(None, values))
    if not value:
        return []
    from websockets.exceptions import InvalidHeaderFormat
    from websockets.headers import parse_subprotocol

    try:
        return [str(subprotocol) for subprotocol in parse_subprotocol(value.decode("latin-1"))]
    except InvalidHeaderFormat:
        raise HttpRequestError(f"malformed Sec-WebSocket-Protocol {value[:64]!r}") from None
