"""What proxies say of the client: ``X-Forwarded-*``, and ``Forwarded`` (RFC 7239).

Both are read from the right, since every proxy appends: what stands left of the first hop that is
not trusted, or cannot be read, may be anybody's invention.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from asgiserve.middleware.forwarded_values import parse_host, parse_port, parse_prefix
from asgiserve.middleware.trusted_hosts import TrustedHosts

__all__ = ["Origin", "read_forwarded", "read_x_forwarded"]

# An element of RFC 7239 section 4. Its grammar wants quotes around ports and brackets, but not all
# proxies do. Each character can be read in one way only, for time that is linear in hostile input;
# possessive quantifiers would say so too, but PyPy 7.3 misreads them.
_VALUE = r"""(?:[\w!#$%&'*+.^`|~:\[\]-]+|"[^"\\]*(?:\\.[^"\\]*)*")"""
_PAIR = rf"[\w!#$%&'*+.^`|~-]+={_VALUE}[ \t]*"
_ELEMENT = re.compile(rf"[ \t]*(?:{_PAIR})?(?:;[ \t]*(?:{_PAIR})?)*", re.ASCII)
_NAME_AND_VALUE = re.compile(rf"([^=;\s]+)=({_VALUE})", re.ASCII)
_QUOTED_PAIR = re.compile(r"\\(.)")
# A quoted string may hold commas; looking for its beginning any further would be quadratic.
MAX_COMMAS_IN_ELEMENT = 8
MAX_PORT = 65535


@dataclass(slots=True)
class Origin:
    """Where a request came from and what it was sent to, as far as trusted proxies say so.

    Args:
        client: address and port of the client; port 0 when it is not known.
        proto: the scheme of the client's request in lower case, which may be anything.
        authority: what the client's Host said, well-formed.
        host: the host in *authority*, without brackets.
        port: the one that the client connected to.
        prefix: the path that a proxy removed, without a slash at its end.
    """

    client: tuple[str, int] | None = None
    proto: str | None = None
    authority: str | None = None
    host: str = ""
    port: int | None = None
    prefix: str | None = None


def read_x_forwarded(lines: Mapping[str, list[str]], trusted: TrustedHosts) -> Origin:
    """Read the fields of ``X-Forwarded-For`` and its like.

    Args:
        lines: field lines by the last word of the name: for, proto, host, port, prefix.
        trusted: the proxies.
    """
    origin = Origin()
    hops = 0
    for node in reversed(split_list(lines.get("for", []))):
        hops += 1
        if add_hop(origin, node, trusted):
            break
    members = {name: member_of_hop(of_name, max(hops, 1)) for name, of_name in lines.items()}
    if proto := members.get("proto"):
        origin.proto = proto.lower()
    add_host(origin, members.get("host", ""))
    # What a proxy says of the port beside the host is the more exact.
    port = parse_port(members.get("port", ""))
    if port is not None:
        origin.port = port
    origin.prefix = parse_prefix(members.get("prefix", ""))
    return origin


def read_forwarded(lines: list[str], names: frozenset[str], trusted: TrustedHosts) -> Origin:
    """Read the field lines of ``Forwarded``.

    Args:
        lines: the values.
        names: what to take of for, proto and host.
        trusted: the proxies.
    """
    origin = Origin()
    host = ""
    for element in elements_from_right(lines):
        if "proto" in element and "proto" in names:
            origin.proto = element["proto"].lower()
        host = element.get("host", host)
        if add_hop(origin, element.get("for", ""), trusted):
            break
    if "for" not in names:
        origin.client = None
    if "host" in names:
        add_host(origin, host)
    return origin


def member_of_hop(lines: list[str], hops: int) -> str:
    """What the proxy that is *hops* away said, in the list that *lines* are; "" for nothing.

    Proxies append to these lists as well, or they replace them by a single member.
    """
    members = split_list(lines)
    return members[-min(hops, len(members))] if members else ""


def add_host(origin: Origin, text: str) -> None:
    """Take the host and the port of *text* into *origin*, if it is well-formed."""
    parts = parse_host(text)
    if parts is not None:
        origin.authority = text
        origin.host, origin.port = parts


def add_hop(origin: Origin, node: str, trusted: TrustedHosts) -> bool:
    """Take one more hop to the left into *origin*; True when nothing beyond it is to be believed.

    A hop that hides its address (RFC 7239 section 6.3) or is malformed leaves the one before it.
    """
    host, port = split_node(node)
    verdict = trusted[host]
    if verdict is None:
        return True
    # A name is trusted as a hop, but it is not the address of a client.
    if host not in trusted.names:
        origin.client = host, port
    return not verdict


def split_list(lines: list[str]) -> list[str]:
    """The members of a comma-separated list that may span several lines."""
    return [member for part in ",".join(lines).split(",") if (member := part.strip())]


def split_node(node: str) -> tuple[str, int]:
    """Split ``address``, ``address:port``, ``[IPv6]`` or ``[IPv6]:port``.

    Returns:
        Host and port, 0 for none or one that is hidden; a malformed *node* is no host's name.
    """
    if node.startswith("["):
        host, bracket, port = node[1:].partition("]")
        if not bracket or ":" not in host or (port and not port.startswith(":")):
            return node, 0
        port = port[1:]
    elif node.count(":") == 1:
        # nginx writes "unix:" for a client on a unix socket.
        host, _, port = node.partition(":")
    else:
        return node, 0
    if not port or port.startswith("_"):
        return host, 0
    if port.isascii() and port.isdecimal() and len(port) <= 5 and int(port) <= MAX_PORT:
        return host, int(port)
    return node, 0


def elements_from_right(lines: list[str]) -> Iterator[dict[str, str]]:
    """The elements of ``Forwarded``, last one first, up to the first that is malformed."""
    for line in reversed(lines):
        parts = line.split(",")
        while parts:
            text = parts.pop()
            commas = 0
            while not _ELEMENT.fullmatch(text):
                if not parts or commas == MAX_COMMAS_IN_ELEMENT:
                    return
                text = f"{parts.pop()},{text}"
                commas += 1
            pairs = _NAME_AND_VALUE.findall(text)
            element = {name.lower(): unquote(value) for name, value in pairs}
            if len(element) != len(pairs):
                return
            if element:
                yield element


def unquote(value: str) -> str:
    """The content of *value*, which is a token or a quoted string."""
    return _QUOTED_PAIR.sub(r"\1", value[1:-1]) if value.startswith('"') else value
