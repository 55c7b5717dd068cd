"""What a request head says: RequestHead, and its attributes from its fields (RFC 9110, RFC 9112).

Which heads are right is decided before, in ``http1_syntax.py`` and ``request_fields.py``.
"""

from __future__ import annotations

from asgiserve.codecs.header_fields import has_list_member, parse_content_length
from asgiserve.codecs.request_fields import CHECKED_NAMES

__all__ = ["RequestHead"]

# What proxies say of the client.
FORWARDING_NAMES = frozenset(
    (
        b"forwarded",
        b"x-forwarded-for",
        b"x-forwarded-host",
        b"x-forwarded-port",
        b"x-forwarded-prefix",
        b"x-forwarded-proto",
    )
)
MEANINGFUL_NAMES = CHECKED_NAMES | FORWARDING_NAMES | {b"connection", b"te", b"upgrade"}


class RequestHead:
    """A complete request head.

    Attributes:
        method: one that llhttp knows, e.g. "GET".
        target: the request-target as received.
        http_version: "1.1" or "1.0".
        headers: in the order received; names in lower case, values without whitespace at both ends.
        content_length: -1 without Content-Length.
        is_chunked: the body comes in chunks.
        keep_alive: what version and Connection say about the connection after this request.
        expects_continue: the peer waits for 100 (Continue) before it sends the body.
        upgrade: the value of Upgrade when Connection lists it, else None.
        accepts_trailers: TE lists ``trailers``.
        is_forwarded: Forwarded or an X-Forwarded field is there.
    """

    __slots__ = (
        "accepts_trailers",
        "content_length",
        "expects_continue",
        "headers",
        "http_version",
        "is_chunked",
        "is_forwarded",
        "keep_alive",
        "method",
        "target",
        "upgrade",
    )

    def __init__(
        self,
        method: str,
        target: bytes,
        http_version: str,
        headers: list[tuple[bytes, bytes]],
        content_length: int = -1,
        is_chunked: bool = False,
        keep_alive: bool = True,
        expects_continue: bool = False,
        upgrade: bytes | None = None,
        accepts_trailers: bool = False,
        is_forwarded: bool = False,
    ) -> None:
        self.method = method
        self.target = target
        self.http_version = http_version
        self.headers = headers
        self.content_length = content_length
        self.is_chunked = is_chunked
        self.keep_alive = keep_alive
        self.expects_continue = expects_continue
        self.upgrade = upgrade
        self.accepts_trailers = accepts_trailers
        self.is_forwarded = is_forwarded


def read_meaning(head: RequestHead, meaningful: list[tuple[bytes, bytes]]) -> None:
    """Set the attributes of a checked head that its fields speak of.

    Args:
        meaningful: its fields, at least those of MEANINGFUL_NAMES.
    """
    fields = dict(meaningful)
    if len(fields) < len(meaningful):
        fields = join_fields(meaningful)
    head.is_forwarded = not FORWARDING_NAMES.isdisjoint(fields)
    is_http_1_1 = head.keep_alive = head.http_version == "1.1"
    if b"connection" in fields:
        connection = fields[b"connection"]
        if has_list_member(connection, b"close"):
            head.keep_alive = False
        elif not is_http_1_1:
            head.keep_alive = has_list_member(connection, b"keep-alive")
        # An HTTP/1.0 peer cannot upgrade (RFC 9110 section 7.8).
        if b"upgrade" in fields and is_http_1_1 and has_list_member(connection, b"upgrade"):
            head.upgrade = fields[b"upgrade"]
    if b"content-length" in fields:
        head.content_length = parse_content_length(fields[b"content-length"])
    elif b"transfer-encoding" in fields:
        head.is_chunked = True
    if b"expect" in fields and is_http_1_1:
        head.expects_continue = has_list_member(fields[b"expect"], b"100-continue")
    if b"te" in fields:
        head.accepts_trailers = has_list_member(fields[b"te"], b"trailers")


def join_fields(headers: list[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """The value of each field; fields of one name are one list (RFC 9110 section 5.3)."""
    values: dict[bytes, bytes] = {}
    for name, value in headers:
        values[name] = values[name] + b", " + value if name in values else value
    return values
