"""Headers of the PROXY protocol, versions 1 and 2."""

from __future__ import annotations

import random
import socket
import struct
from collections.abc import Iterator

import pytest

from asgiserve.codecs.proxy_protocol import (
    MAX_HEADER_BYTES,
    ProxyHeader,
    ProxyHeaderError,
    ProxyHeaderParser,
)

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
REQUEST = b"GET / HTTP/1.1\r\n\r\nPROXY TCP4 is no header here\r\n"

IPV4 = (
    socket.inet_pton(socket.AF_INET, "203.0.113.7")
    + socket.inet_pton(socket.AF_INET, "198.51.100.1")
    + struct.pack("!HH", 40000, 443)
)
IPV6 = (
    socket.inet_pton(socket.AF_INET6, "2001:db8::7")
    + socket.inet_pton(socket.AF_INET6, "2001:db8::1")
    + struct.pack("!HH", 40000, 443)
)
UNIX = b"/run/client.sock".ljust(108, b"\0") + b"/run/front.sock".ljust(108, b"\0")

IPV4_HEADER = ProxyHeader(("203.0.113.7", 40000), ("198.51.100.1", 443))
IPV6_HEADER = ProxyHeader(("2001:db8::7", 40000), ("2001:db8::1", 443))

# A type, a length and a value: PP2_TYPE_AUTHORITY, PP2_TYPE_CRC32C, and one for private use.
TLVS = b"\x02\0\x0bexample.com\x03\0\x04\x8b\x01\x02\x03\xe0\0\0"


def v2(command: int, family: int, rest: bytes) -> bytes:
    return SIGNATURE + bytes((command, family)) + struct.pack("!H", len(rest)) + rest


def feed_every_split(data: bytes) -> Iterator[tuple[ProxyHeader | None, bytes]]:
    """What each way to split *data* gives: the header, and what is left for the next protocol."""
    rng = random.Random(7)
    splits = [[len(data)], [1] * len(data)]
    splits += [[rng.randint(1, 40) for _ in data] for _ in range(20)]
    for sizes in splits:
        parser = ProxyHeaderParser()
        at = 0
        for size in sizes:
            if parser.header is not None or at == len(data):
                break
            at += parser.feed(data[at : at + size])
        yield parser.header, data[at:]


def feed_in_steps(data: bytes, size: int) -> None:
    """Give a parser *size* bytes of *data* at a time."""
    parser = ProxyHeaderParser()
    for at in range(0, len(data), size):
        parser.feed(data[at : at + size])


def read_header(data: bytes) -> ProxyHeader | None:
    """The header of *data*, the same one however it is split, and exactly as long as it is."""
    results = {header for header, _ in feed_every_split(data)}
    assert len(results) == 1
    assert all(rest == REQUEST for _, rest in feed_every_split(data + REQUEST))
    return results.pop()


@pytest.mark.parametrize(
    ("line", "header"),
    [
        (b"PROXY TCP4 203.0.113.7 198.51.100.1 40000 443\r\n", IPV4_HEADER),
        (b"PROXY TCP6 2001:db8::7 2001:db8::1 40000 443\r\n", IPV6_HEADER),
        (
            b"PROXY TCP6 2001:0DB8:0000:0000:0000:0000:0000:0007 2001:db8:0::1 40000 443\r\n",
            IPV6_HEADER,
        ),
        (
            b"PROXY TCP4 255.255.255.255 0.0.0.0 65535 0\r\n",
            ProxyHeader(("255.255.255.255", 65535), ("0.0.0.0", 0)),
        ),
        (b"PROXY UNKNOWN\r\n", ProxyHeader()),
        (b"PROXY UNKNOWN ffff:f...f:ffff whatever 1 2\r\n", ProxyHeader()),
        (b"PROXY UNKNOWN " + b"f" * 91 + b"\r\n", ProxyHeader()),
    ],
)
def test_line_of_version_1_tells_the_addresses(line: bytes, header: ProxyHeader) -> None:
    assert read_header(line) == header


@pytest.mark.parametrize(
    ("data", "header"),
    [
        (v2(0x21, 0x11, IPV4), IPV4_HEADER),
        (v2(0x21, 0x11, IPV4 + TLVS), IPV4_HEADER),
        (v2(0x21, 0x21, IPV6), IPV6_HEADER),
        (v2(0x21, 0x21, IPV6 + TLVS), IPV6_HEADER),
        (v2(0x21, 0x31, UNIX), ProxyHeader("/run/client.sock", "/run/front.sock")),
        (v2(0x21, 0x31, UNIX + TLVS), ProxyHeader("/run/client.sock", "/run/front.sock")),
        (v2(0x21, 0x31, bytes(216)), ProxyHeader("", "")),
        (v2(0x21, 0x31, b"\0name".ljust(216, b"\0")), ProxyHeader("@name", "")),
        (v2(0x21, 0x31, b"a" * 216), ProxyHeader("a" * 108, "a" * 108)),
        # A datagram's addresses are not those of a connection.
        (v2(0x21, 0x12, IPV4), ProxyHeader()),
        (v2(0x21, 0x00, b""), ProxyHeader()),
        (v2(0x21, 0x00, TLVS), ProxyHeader()),
        # LOCAL: what follows, even if it is nonsense, is skipped.
        (v2(0x20, 0x00, b""), ProxyHeader()),
        (v2(0x20, 0x11, IPV4), ProxyHeader()),
        (v2(0x20, 0xFF, b"abc"), ProxyHeader()),
    ],
)
def test_header_of_version_2_tells_the_addresses(data: bytes, header: ProxyHeader) -> None:
    assert read_header(data) == header


def test_header_of_version_2_may_be_as_long_as_the_limit() -> None:
    rest = IPV4 + bytes(MAX_HEADER_BYTES - 16 - len(IPV4))
    parser = ProxyHeaderParser()
    assert parser.feed(v2(0x21, 0x11, rest) + REQUEST) == MAX_HEADER_BYTES
    assert parser.header == IPV4_HEADER


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n",
        b"\x16\x03\x01\x02\0\x01",
        b"\r\n\r\nGET / HTTP/1.1\r\n",
        b"PROXYTCP4 203.0.113.7 198.51.100.1 40000 443\r\n",
        b"proxy TCP4 203.0.113.7 198.51.100.1 40000 443\r\n",
        b"PROXY\r\n",
        b"PROXY \r\n",
        b"PROXY UNKNOWNX\r\n",
        b"PROXY UDP4 203.0.113.7 198.51.100.1 40000 443\r\n",
        b"PROXY TCP4 203.0.113.7 198.51.100.1 40000 443\n",
        b"PROXY TCP4  203.0.113.7 198.51.100.1 40000 443\r\n",
        b"PROXY TCP4 203.0.113.7 198.51.100.1 40000 443 \r\n",
        b"PROXY TCP4 203.0.113.7 198.51.100.1 40000\r\n",
        b"PROXY TCP4 203.0.113.7 198.51.100.1 40000 65536\r\n",
        b"PROXY TCP4 203.0.113.7 198.51.100.1 040 443\r\n",
        b"PROXY TCP4 203.0.113.7 198.51.100.1 -1 443\r\n",
        b"PROXY TCP4 203.0.113.7 198.51.100.1 +1 443\r\n",
        b"PROXY TCP4 203.0.113 198.51.100.1 40000 443\r\n",
        b"PROXY TCP4 203.0.113.007 198.51.100.1 40000 443\r\n",
        b"PROXY TCP4 203.0.113.256 198.51.100.1 40000 443\r\n",
        b"PROXY TCP4 2001:db8::7 2001:db8::1 40000 443\r\n",
        b"PROXY TCP6 203.0.113.7 198.51.100.1 40000 443\r\n",
        b"PROXY TCP6 fe80::1%eth0 2001:db8::1 40000 443\r\n",
        b"PROXY TCP4 \xd9\xa1.0.0.1 198.51.100.1 40000 443\r\n",
        b"PROXY TCP4 203.0.113.7\0 198.51.100.1 40000 443\r\n",
        b"PROXY UNKNOWN " + b"f" * 92 + b"\r\n",
        b"PROXY UNKNOWN a\rb\r\n",
        v2(0x11, 0x11, IPV4),
        v2(0x22, 0x11, IPV4),
        v2(0x21, 0x41, IPV4),
        v2(0x21, 0x13, IPV4),
        v2(0x21, 0x11, IPV4[:-1]),
        v2(0x21, 0x21, IPV4),
        v2(0x21, 0x31, UNIX[:-1]),
        SIGNATURE[:11] + b"\r" + bytes(4),
        v2(0x21, 0x11, IPV4 + bytes(MAX_HEADER_BYTES)),
    ],
)
def test_what_is_no_header_is_refused(data: bytes) -> None:
    for size in (len(data), 3, 1):
        with pytest.raises(ProxyHeaderError):
            feed_in_steps(data, size)


@pytest.mark.parametrize("data", [b"PROXY UNKNOWN\r\n", v2(0x21, 0x21, IPV6 + TLVS)])
def test_beginning_of_a_header_is_no_header_yet(data: bytes) -> None:
    for size in range(len(data)):
        parser = ProxyHeaderParser()
        assert parser.feed(data[:size]) == size
        assert parser.header is None


def test_messages_of_errors_are_bounded() -> None:
    with pytest.raises(ProxyHeaderError) as caught:
        ProxyHeaderParser().feed(b"\xff" * 100_000)
    assert len(caught.value.reason) < 200
