"""Request bytes for differential tests: made by a grammar, then damaged, then cut into pieces.

All choices come from the ``random.Random`` that is passed in, so that a seed, or Hypothesis,
repeats and shrinks them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

__all__ = ["Sample", "make_extensions", "make_sample"]

METHODS = (
    *(b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"PATCH", b"TRACE", b"M-SEARCH"),
    *(b"UNSUBSCRIBE", b"MKCALENDAR", b"SOURCE", b"QUERY", b"ACL"),
)
OTHER_METHODS = (
    *(b"CONNECT", b"PRI", b"DESCRIBE", b"FLUSH", b"GET_PARAMETER", b"FOO", b"get", b"GETX", b"POS"),
    *(b"!", b"-", b"", b"G\x00T", b"A" * 64, b"B" * 65),
)
TARGETS = (
    *(
        b"/",
        b"*",
        b"/a/b?c=d&e",
        b"/?",
        b"/[]",
        b"/a?b?c/d",
        b"/%2f%zz",
        b"/?\\^`{|}~",
        b"//x",
    ),
    *(b"http://a", b"http://a:80/b?c", b"HTTPS://u:p@h/", b"http://[::1]:8000/?x", b"x://h?q{"),
)
OTHER_TARGETS = (
    *(b"x://?q#f", b"http://:80/", b"http://u@/", b"http://[::g]/", b"http://%4/", b"http://a:b/"),
    *(b"http://", b"http:/", b"http:", b"http", b"ht1p://a", b"http://a@@b", b"http://a@", b"a:1"),
    *(b"http://a#b", b"*foo", b"?x", b"#", b".", b"/\xc3\xa9", b"/a\tb", b"/\x7f", b"", b"/a b"),
    *(b"/#", b"/a?b#c", b"/a#b?c", b"http://a/#", b"/a|b", b'/"', b"/<", b"/?a>", b'/?"', b"/\\"),
    *(b"/" + b"t" * 30, b"/?" + b"q" * 30, b"http://" + b"h" * 30, b"http://a/" + b"p" * 30),
)
OTHER_VERSIONS = (
    *(b"HTTP/1.0", b"HTTP/1.0", b"HTTP/0.9", b"HTTP/2.0", b"HTTP/1.2", b"HTTP/3.1", b"HTTP/1.10"),
    *(b"HTTP/1.2", b"HTTP/1.9"),
    *(b"HTTP/11", b"HTTP/1", b"HTTP/1.", b"HTTP/", b"HTTP", b"http/1.1", b"RTSP/1.0", b"ICE/1.0"),
    *(b"RTS", b"IC", b"HTTQ/1.1", b"HTTP/a.1", b"HTTP/1.x", b"HTTP/1,1", b"X", b""),
)
PLAIN_NAMES = (
    *(b"Accept", b"X-Y", b"!#$%&'*+-.^_`|~", b"Connection", b"Upgrade", b"TE", b"Expect", b"a"),
    *(b"X-Forwarded-For", b"Content-Length2", b"content-lengt", b"Transfer-Encodin", b"Connectio"),
)
NAMES = (
    *(b"Connection", b"host", b"HOST", b"Content-Length", b"Transfer-Encoding", b"eXpEcT"),
    *(b"Proxy-Connection", b"Upgrade", b"TE"),
)
OTHER_NAMES = (b"", b"a b", b"a(", b"\xe9", b"a\x00", b" a", b"Host ", b"Content-Length ")
# For each name values to take, then values to refuse; some wrong only in company.
VALUES: dict[bytes, tuple[tuple[bytes, ...], tuple[bytes, ...]]] = {
    b"host": (
        (b"a", b"a.b:80", b"", b":80", b"[::1]", b"[::1]:1", b"[v1.x]:", b"%41", b"a,b", b"a_b~"),
        (
            b"a b",
            b"a@b",
            b"a/b",
            b"%4",
            b"[::1",
            b"[1:2]",
            b"[::g]",
            b"a:b",
            b"a:1:2",
            b"\xe9",
            b"[]",
        ),
    ),
    b"content-length": (
        (b"5", b"5\t", b"5 \t "),
        (
            *(
                b"5\t5",
                b"0",
                b"007",
                b"1",
                b"+5",
                b"-1",
                b"5,5",
                b"5 5",
                b"0x5",
                b"5\t",
                b"",
                b"5.0",
                b"five",
            ),
            *(b"9223372036854775807", b"9223372036854775808", b"18446744073709551615", b"\xb2"),
            *(b"18446744073709551616", b"99999999999999999999999", b"0" * 40 + b"3"),
        ),
    ),
    b"transfer-encoding": (
        (b"chunked", b"Chunked", b"chunked ", b",chunked", b", ,chunked", b"chunked\t"),
        (
            *(b"chunked\tx", b"gzip, chunked", b"gzip", b"chunked, chunked", b"chunked,gzip"),
            *(b"identity", b"", b"chunked,", b"x,,", b"gzip,\t chunked", b"gzip chunked"),
            *(b"chunked;a=b", b"xchunked", b"chunkedx", b"chunke", b"chunked\t, chunked"),
            *(b', "a, chunked', b"chunked , x"),
        ),
    ),
    b"connection": (
        (b"keep-alive", b"Upgrade", b"TE, upgrade", b"closed", b"x close", b"", b","),
        (b"close", b"keep-alive, close", b"close\t", b"\tkeep-alive ,upgrade"),
    ),
    b"expect": (
        (b"100-continue", b"100-Continue", b"", b",100-continue,", b"100-continue, 100-continue"),
        (b"100-continue, x", b"foo", b"100-continue;a", b"100 continue"),
    ),
    b"proxy-connection": ((b"keep-alive", b"upgrade"), (b"close",)),
    b"upgrade": ((b"h2c", b"websocket", b"a, b", b""), (b"\x80",)),
    b"te": ((b"trailers", b"gzip;q=0.5, Trailers", b"trailers;q=1", b""), (b"trailers\t",)),
}
PLAIN_VALUES = (
    (b"x", b"", b"a b", b"a\tb", b"text/html, */*;q=0.1", b"\x80\xff", b'"q"', b"v" * 40, b" x \t"),
    (b"x\t", b"a\x7fb", b"a\x00", b"\x01", b"a\rb", b"a\nb", b"a\r\n b", b"a\r\n\tb", b"\x0b"),
)
SIZES = (
    *(b"5", b"5", b"0005", b"0000000000000005", b"5;a", b"5;a=b", b"5 ;\ta", b"5;a \t= b\t;c"),
    *(b'5;a="b\\"c";d', b'5;a=b"c d"', b'5;a="\t\xff"', b"5;a;c=d", b'5;a="b" ;c'),
)
OTHER_SIZES = (
    *(b"5;a= ", b"5;a b", b"5 ", b"5\t", b"5;a=\r", b'5;a="b"c', b'5;a="\x01"', b'5;a="\\\x7f"'),
    *(b"", b" 5", b"g", b"5g", b"-5", b"0x5", b"+5", b"5;\ta", b"5;\xe9", b"5,", b'5;"a"', b"6"),
    *(b"5;=", b"5;;a", b"5;a=", b"5;a=;b", b'5;a="\x7f"', b"00000000000000005", b"5;a ", b"5;a=b "),
    *(b"ffffffffffffffff", b"10000000000000000", b"5;a==b", b"5;a=b c", b"5;", b"5;;", b"5;=="),
)
STRAY_BYTES = tuple(
    bytes((byte,))
    for byte in b'\r\n\t \0\x01\x0b\x0c\x1f\x7f\x80\xff:;,="\\()/?#@[]{}<>*%+-.0a9FGZ_'
)


@dataclass(frozen=True)
class Sample:
    """Bytes for a parser: the pieces to feed, and the limits to set."""

    pieces: tuple[bytes, ...]
    max_target_bytes: int
    max_head_bytes: int
    max_fields: int

    @property
    def data(self) -> bytes:
        """The pieces joined."""
        return b"".join(self.pieces)


def make_sample(random: Random) -> Sample:
    """Make one sample; most have few faults, so that a parser comes far."""
    odds = random.choice((0, 2, 2, 10))
    data = b"".join(make_request(random, odds) for _ in range(random.choice((1, 1, 2, 3))))
    for _ in range(random.choice((0, 0, 1, 1, 2, 4))):
        data = damage(random, data)
    has_small_limits = random.randrange(6) == 0
    return Sample(
        pieces=tuple(cut(random, data)),
        max_target_bytes=random.randrange(1, 40) if has_small_limits else 8192,
        max_head_bytes=random.randrange(16, 200) if has_small_limits else 65536,
        max_fields=random.randrange(0, 5) if has_small_limits else 128,
    )


def make_extensions(random: Random, limit: int = 16384) -> Sample:
    """Make one sample with about *limit* bytes of chunk extensions, the last ones random."""
    head = b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5"
    start, filler, cost = random.choice(
        ((b";", b"x", 1), (b";a=", b"x", 3), (b';a="', b"x", 4), (b"", b" ", 0), (b"", b";a", 0))
    )
    filled = head + start + filler * ((limit - cost - random.randrange(-3, 12)) // len(filler))
    end = bytes(
        random.choice(b'xx;=""\\\\ \r\n\t\x01\x7f\x80,5') for _ in range(random.randrange(14))
    )
    pieces = (filled + end, b"\r\nhello")
    if random.randrange(2):
        pieces = (filled, *(end[i : i + 1] for i in range(len(end))), b"\r\nhello")
    return Sample(pieces, max_target_bytes=8192, max_head_bytes=65536, max_fields=128)


def pick(random: Random, usual: tuple[bytes, ...], other: tuple[bytes, ...], odds: int) -> bytes:
    """One of *usual*, or in *odds* of 100 cases one of *other*."""
    return random.choice(other if random.randrange(100) < odds else usual)


def make_request(random: Random, odds: int) -> bytes:
    """A request in which each part is unusual in *odds* of 100 cases."""
    head = (
        pick(random, (b"",), (b"\r\n", b"\n\r\r\n", b" "), 10),
        pick(random, METHODS, OTHER_METHODS, odds),
        pick(random, (b" ",), (b"  ", b"\t", b""), odds),
        pick(random, TARGETS, OTHER_TARGETS, odds),
        pick(random, (b" ",), (b"   ", b"\t", b""), odds),
        pick(random, (b"HTTP/1.1",), OTHER_VERSIONS, odds),
        b"\r\n",
    )
    lines = [make_field(random, odds) for _ in range(random.choice((0, 0, 1, 2, 3)))]
    lines.append(pick(random, (b"Host: a\r\n",), (b"",), odds))
    body = b""
    kind = random.randrange(4)
    if kind == 1:
        body = b"hello"[: random.randrange(6)]
        lines.append(b"Content-Length: %d\r\n" % len(body))
    elif kind > 1:
        lines.append(b"Transfer-Encoding: chunked\r\n")
        body = make_chunks(random, odds)
    random.shuffle(lines)
    return b"".join((*head, *lines, b"\r\n", body))


def make_field(random: Random, odds: int) -> bytes:
    """A field line, its value one that its name makes interesting."""
    name = pick(random, PLAIN_NAMES, (*NAMES, *OTHER_NAMES), odds * 3)
    usual, other = VALUES.get(name.lower(), PLAIN_VALUES)
    space = random.choice((b" ", b" ", b"", b"\t", b"  \t"))
    after = random.choice((b"", b"", b"", b" ", b"\t", b" \t "))
    return name + b":" + space + pick(random, usual, other, odds) + after + b"\r\n"


def make_chunks(random: Random, odds: int) -> bytes:
    """A chunked body with its trailer section."""
    parts = []
    for _ in range(random.randrange(3)):
        size = pick(random, SIZES, OTHER_SIZES, odds)
        parts.append(size + b"\r\nhello" + pick(random, (b"\r\n",), (b"", b"\n", b"\r"), odds))
    parts.append(pick(random, (b"0\r\n",), (b"000\r\n", b"0;a=b\r\n", b"0;;a\r\n", b"0\n"), 30))
    if random.randrange(3) == 0:
        parts.extend(make_field(random, odds) for _ in range(random.randrange(3)))
    parts.append(b"\r\n")
    return b"".join(parts)


def damage(random: Random, data: bytes) -> bytes:
    """Make one small change."""
    change: Callable[[Random, bytes, int], bytes] = random.choice(
        (replace_byte, insert_bytes, delete_bytes, repeat_bytes, replace_line_end, truncate)
    )
    return change(random, data, random.randrange(len(data) + 1))


def replace_byte(random: Random, data: bytes, place: int) -> bytes:
    return data[:place] + random.choice(STRAY_BYTES) + data[place + 1 :]


def insert_bytes(random: Random, data: bytes, place: int) -> bytes:
    return data[:place] + random.choice((*STRAY_BYTES, b"\r\n", b"\r\n\r\n")) + data[place:]


def delete_bytes(random: Random, data: bytes, place: int) -> bytes:
    return data[:place] + data[place + random.choice((1, 1, 2, 5, 20)) :]


def repeat_bytes(random: Random, data: bytes, place: int) -> bytes:
    piece = data[place : place + random.choice((1, 4, 16, 64))]
    return data[:place] + piece * random.choice((2, 2, 8)) + data[place + len(piece) :]


def replace_line_end(random: Random, data: bytes, place: int) -> bytes:
    place = data.find(b"\r\n", place)
    if place < 0:
        return data
    end = random.choice((b"\n", b"\r", b"\r\r\n", b"\n\r", b"\r\n\r\n", b"", b"\r\n ", b" \r\n"))
    return data[:place] + end + data[place + 2 :]


def truncate(random: Random, data: bytes, place: int) -> bytes:
    return data[:place]


def cut(random: Random, data: bytes) -> list[bytes]:
    """Cut *data* into pieces: whole, byte by byte, or at a few places."""
    way = random.randrange(4)
    if way == 0:
        return [data]
    if way == 1:
        return [data[i : i + 1] for i in range(len(data))]
    cuts = sorted(random.randrange(len(data) + 1) for _ in range(random.choice((1, 2, 5))))
    return [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]
