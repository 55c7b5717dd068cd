"""The PROXY protocol, versions 1 and 2: a header by which a proxy tells whose connection it brings.

As https://www.haproxy.org/download/3.2/doc/proxy-protocol.txt describes it. Who may send it, and
how it is read from a socket, does not belong here.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from asgiserve.errors import PeerError

__all__ = ["MAX_HEADER_BYTES", "ProxyHeader", "ProxyHeaderError", "ProxyHeaderParser"]

# Section 2.1: the longest line, with its end.
V1_MAX_BYTES = 107
V1_START = b"PROXY "
V1_LINE = re.compile(rb"PROXY (TCP[46]) (\S{1,39}) (\S{1,39}) (\d{1,5}) (\d{1,5})")
V1_UNKNOWN = re.compile(rb"PROXY UNKNOWN(?: [^\r\n]*)?")

# Section 2.2: signature, version and command, family and transport, length of the rest.
V2_SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
V2_FIXED_BYTES = 16
V2_VERSION = 2
V2_LOCAL, V2_PROXY = 0, 1
V2_UNSPEC, V2_INET, V2_INET6, V2_UNIX = 0, 1, 2, 3
V2_STREAM = 1
V2_MAX_TRANSPORT = 2
V2_ADDRESS_BYTES = {V2_UNSPEC: 0, V2_INET: 12, V2_INET6: 36, V2_UNIX: 216}
UNIX_PATH_BYTES = 108

# What follows the addresses, such as a client's certificate, may be long, but is not for us.
MAX_HEADER_BYTES = 16384


@dataclass(frozen=True, slots=True)
class ProxyHeader:
    """The two ends of the connection that the proxy brings.

    Both are None when the proxy speaks for itself (LOCAL, UNKNOWN), or of something that has no
    addresses of ours: what the socket says holds then.

    Args:
        source: host and port of the client, or the path of its Unix socket, which may be empty.
        destination: where the client has connected to, likewise.
    """

    source: tuple[str, int] | str | None = None
    destination: tuple[str, int] | str | None = None


class ProxyHeaderError(PeerError):
    """The peer sent bytes that are not a header of the PROXY protocol; it gets no answer."""


class ProxyHeaderParser:
    """Reads one header, however it is split.

    Attributes:
        header: what was read; None until it is complete.
    """

    __slots__ = ("_buffer", "header")

    def __init__(self) -> None:
        self.header: ProxyHeader | None = None
        self._buffer = bytearray()

    def feed(self, data: bytes) -> int:
        """Read on in *data*.

        Returns:
            How many bytes of *data* belong to the header; the others are the client's.

        Raises:
            ProxyHeaderError: this is no header.
        """
        before = len(self._buffer)
        # No more than could belong to it: the rest may be a long request.
        self._buffer += data[: MAX_HEADER_BYTES - before]
        size = self._read_v2() if self._buffer[:1] == V2_SIGNATURE[:1] else self._read_v1()
        if not size:
            return len(data)
        self._buffer.clear()
        return size - before

    def _read_v1(self) -> int:
        """The size of a header of version 1; 0 while it is incomplete."""
        buffer = self._buffer
        start = buffer[: len(V1_START)]
        if start != V1_START[: len(start)]:
            raise ProxyHeaderError(f"no PROXY header: {bytes(buffer[:16])!r}")
        end = buffer.find(b"\n", 0, V1_MAX_BYTES)
        if end < 0:
            if len(buffer) >= V1_MAX_BYTES:
                raise ProxyHeaderError(f"the PROXY line is over {V1_MAX_BYTES} bytes")
            return 0
        if buffer[end - 1 : end] != b"\r":
            raise ProxyHeaderError("the PROXY line ends without a carriage return")
        self.header = read_v1_line(bytes(buffer[: end - 1]))
        return end + 1

    def _read_v2(self) -> int:
        """The size of a header of version 2; 0 while it is incomplete."""
        buffer = self._buffer
        start = buffer[: len(V2_SIGNATURE)]
        if start != V2_SIGNATURE[: len(start)]:
            raise ProxyHeaderError(f"no PROXY header: {bytes(buffer[:16])!r}")
        if len(buffer) < V2_FIXED_BYTES:
            return 0
        size = V2_FIXED_BYTES + int.from_bytes(buffer[14:16], "big")
        if size > MAX_HEADER_BYTES:
            raise ProxyHeaderError(f"a PROXY header of {size} bytes is over {MAX_HEADER_BYTES}")
        if len(buffer) < size:
            return 0
        self.header = read_v2_header(bytes(buffer[:size]))
        return size


def read_v1_line(line: bytes) -> ProxyHeader:
    """Read a header of version 1 without its line end.

    Raises:
        ProxyHeaderError: the line is malformed.
    """
    # Section 2.1: what a proxy says beyond this word is to be ignored.
    if V1_UNKNOWN.fullmatch(line):
        return ProxyHeader()
    match = V1_LINE.fullmatch(line)
    if not match:
        raise ProxyHeaderError(f"malformed PROXY line {line!r}")
    family, source, destination, source_port, destination_port = match.groups()
    version = 4 if family == b"TCP4" else 6
    return ProxyHeader(
        (read_host(source, version), read_port(source_port)),
        (read_host(destination, version), read_port(destination_port)),
    )


def read_host(text: bytes, version: int) -> str:
    """The address *text* of IP *version*, in its usual form."""
    try:
        host = ipaddress.ip_address(text.decode("ascii"))
    except ValueError:
        host = None
    # A zone belongs to the proxy's machine, not to ours.
    if host is None or host.version != version or b"%" in text:
        raise ProxyHeaderError(f"no IPv{version} address: {text!r}")
    return str(host)


def read_port(text: bytes) -> int:
    """The port *text*, which has no leading zeros."""
    port = int(text)
    if port > 65535 or (text[:1] == b"0" and len(text) > 1):
        raise ProxyHeaderError(f"no port: {text!r}")
    return port


def read_v2_header(data: bytes) -> ProxyHeader:
    """Read a complete header of version 2; what stands behind the addresses (TLVs) is skipped.

    Raises:
        ProxyHeaderError: it has another version, or values that the specification reserves.
    """
    version, command = data[12] >> 4, data[12] & 15
    family, transport = data[13] >> 4, data[13] & 15
    if version != V2_VERSION or command not in (V2_LOCAL, V2_PROXY):
        raise ProxyHeaderError(f"unknown version and command 0x{data[12]:02x} of a PROXY header")
    if command == V2_LOCAL:
        # Section 2.2: its addresses, if there are any, mean nothing.
        return ProxyHeader()
    if family not in V2_ADDRESS_BYTES or transport > V2_MAX_TRANSPORT:
        raise ProxyHeaderError(f"unknown family and transport 0x{data[13]:02x} of a PROXY header")
    addresses = data[V2_FIXED_BYTES : V2_FIXED_BYTES + V2_ADDRESS_BYTES[family]]
    if len(addresses) < V2_ADDRESS_BYTES[family]:
        raise ProxyHeaderError(f"the addresses of a PROXY header end after {len(addresses)} bytes")
    if family == V2_UNSPEC or transport != V2_STREAM:
        return ProxyHeader()
    if family == V2_UNIX:
        return ProxyHeader(
            read_path(addresses[:UNIX_PATH_BYTES]), read_path(addresses[UNIX_PATH_BYTES:])
        )
    size = (len(addresses) - 4) // 2
    return ProxyHeader(
        (packed_host(addresses[:size]), int.from_bytes(addresses[-4:-2], "big")),
        (packed_host(addresses[size : 2 * size]), int.from_bytes(addresses[-2:], "big")),
    )


def packed_host(packed: bytes) -> str:
    """The IPv4 or IPv6 address of 4 or 16 bytes, in its usual form."""
    return str(ipaddress.ip_address(packed))


def read_path(field: bytes) -> str:
    """The path in a field that is filled up with zeros; ``@`` begins an abstract name (Linux)."""
    is_abstract = field.startswith(b"\0") and any(field)
    path = field[1:] if is_abstract else field
    text = path.split(b"\0", 1)[0].decode("utf-8", "surrogateescape")
    return f"@{text}" if is_abstract else text
