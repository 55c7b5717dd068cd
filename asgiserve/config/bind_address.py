"""The forms of ``bind``: HOST:PORT, [IPV6]:PORT, unix:PATH, fd://NUMBER. Text only: no sockets."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeAlias

__all__ = ["BindAddress", "FdAddress", "TcpAddress", "UnixAddress", "parse_bind_address"]

_TCP = re.compile(
    r"(?:\[(?P<ipv6>[0-9A-Fa-f:.]+(?:%[^\s\[\]%]+)?)\]|(?P<host>[^\s:\[\]/]*)):(?P<port>[0-9]{1,5})"
)
_FD = re.compile(r"fd://([0-9]{1,9})")


@dataclass(frozen=True, slots=True)
class TcpAddress:
    """A host and a port; an empty *host* is every interface, port 0 any free port."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class UnixAddress:
    """The path of a unix socket."""

    path: str


@dataclass(frozen=True, slots=True)
class FdAddress:
    """An inherited file descriptor of a socket."""

    fd: int


BindAddress: TypeAlias = TcpAddress | UnixAddress | FdAddress


def parse_bind_address(text: str) -> BindAddress:
    """Read one address of ``--bind``.

    Raises:
        ValueError: *text* has none of the forms.
    """
    if text.startswith("unix:") and len(text) > len("unix:") and "\0" not in text:
        return UnixAddress(text.removeprefix("unix:"))
    if match := _FD.fullmatch(text):
        return FdAddress(int(match[1]))
    match = _TCP.fullmatch(text)
    if match is None or int(match["port"]) > 65535:
        raise ValueError(f"{text!r} is not HOST:PORT, [IPV6]:PORT, unix:PATH or fd://NUMBER")
    return TcpAddress(match["ipv6"] or match["host"], int(match["port"]))
