"""The chunked coding: sizes, data, last chunk (RFC 9112 section 7.1)."""

from __future__ import annotations

from .cases import Case, Request, accepts, refuses, waits

HEAD = b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n"
HELLO = Request("POST", body=b"hello")
END = b"0\r\n\r\n"


def chunked(
    name: str, section: str, body: bytes, content: bytes = b"hello", note: str = ""
) -> Case:
    return accepts(name, section, HEAD + body, Request("POST", body=content), note=note)


def broken(name: str, section: str, body: bytes, status: int = 400, note: str = "") -> Case:
    return refuses(name, section, status, HEAD + body, begins=True, note=note)


BAD_SIZES = [
    b"",
    b" ",
    b" 5",
    b"5 ",
    b"\t5",
    b"5\t",
    b"5 5",
    b"-5",
    b"+5",
    b"-0",
    b"0x5",
    b"0X5",
    b"5h",
    b"g",
    b"five",
    b"5,",
    b"5.0",
    b"5_0",
    b"\xef\xbc\x95",
    b"5\xa0",
    b"5\0",
    b"\x0b5",
    b"10000000000000005",
    b"fffffffffffffffff",
    b"-fffffffffffffffb",
]

CASES = [
    chunked("one chunk", "RFC 9112 7.1", b"5\r\nhello\r\n" + END),
    chunked("two chunks", "RFC 9112 7.1", b"2\r\nhe\r\n3\r\nllo\r\n" + END),
    chunked(
        "a chunk for each byte",
        "RFC 9112 7.1",
        b"".join(b"1\r\n%c\r\n" % byte for byte in b"hello") + END,
    ),
    chunked("no chunk but the last", "RFC 9112 7.1", END, b""),
    chunked("a size in capitals", "RFC 9112 7.1", b"A\r\n0123456789\r\n" + END, b"0123456789"),
    chunked("a size in small letters", "RFC 9112 7.1", b"a\r\n0123456789\r\n" + END, b"0123456789"),
    chunked(
        "a size of two digits", "RFC 9112 7.1", b"1F\r\n" + b"x" * 31 + b"\r\n" + END, b"x" * 31
    ),
    chunked(
        "a size of many digits",
        "RFC 9112 7.1",
        b"0" * 14 + b"fF\r\n" + b"x" * 255 + b"\r\n" + END,
        b"x" * 255,
    ),
    chunked("leading zeros in the size", "RFC 9112 7.1", b"0005\r\nhello\r\n" + END),
    broken(
        "a size of 17 digits, 16 of them zeros",
        "RFC 9112 7.1",
        b"0" * 16 + b"5\r\nhello\r\n" + END,
        note="zeros are no way to send for ever",
    ),
    broken("a last chunk of 17 zeros", "RFC 9112 7.1", b"5\r\nhello\r\n" + b"0" * 17 + b"\r\n\r\n"),
    chunked("a last chunk of many zeros", "RFC 9112 7.1", b"5\r\nhello\r\n0000\r\n\r\n"),
    chunked(
        "line ends in the data",
        "RFC 9112 7.1",
        b"9\r\n\r\n0\r\n\r\n\r\n\r\n" + END,
        b"\r\n0\r\n\r\n\r\n",
    ),
    chunked(
        "a request in the data",
        "RFC 9112 7.1",
        b"1d\r\nGET / HTTP/1.1\r\nhost: a\r\nx: y\r\n" + END,
        b"GET / HTTP/1.1\r\nhost: a\r\nx: y",
    ),
    chunked(
        "every byte in the data",
        "RFC 9112 7.1",
        b"100\r\n" + bytes(range(256)) + b"\r\n" + END,
        bytes(range(256)),
    ),
    *(
        broken(f"the chunk size {size!r}", "RFC 9112 7.1", size + b"\r\nhello\r\n" + END)
        for size in BAD_SIZES
    ),
    broken("a size ended by a bare LF", "RFC 9112 2.2", b"5\nhello\r\n" + END),
    broken("a size ended by a bare CR", "RFC 9112 2.2", b"5\rhello\r\n" + END),
    broken("a size ended by CR CR LF", "RFC 9112 2.2", b"5\r\r\nhello\r\n" + END),
    broken("data ended by a bare LF", "RFC 9112 7.1", b"5\r\nhello\n" + END),
    broken("data ended by a bare CR", "RFC 9112 7.1", b"5\r\nhello\r" + END),
    broken("data ended by nothing", "RFC 9112 7.1", b"5\r\nhello" + END),
    broken(
        "data ended by two other bytes",
        "RFC 9112 7.1",
        b"5\r\nhelloXX" + END,
        note="CVE-2025-43859 of h11",
    ),
    broken("data longer than its size", "RFC 9112 7.1", b"5\r\nhello!\r\n" + END),
    broken("data shorter than its size", "RFC 9112 7.1", b"6\r\nhello\r\n" + END),
    broken("an empty line between chunks", "RFC 9112 7.1", b"5\r\nhello\r\n\r\n" + END),
    broken("a second chunk with a bad size", "RFC 9112 7.1", b"5\r\nhello\r\nx\r\nhello\r\n" + END),
    broken("a last chunk ended by a bare LF", "RFC 9112 2.2", b"5\r\nhello\r\n0\n\r\n"),
    broken("an end of a bare LF", "RFC 9112 2.2", b"5\r\nhello\r\n0\r\n\n"),
    broken("a last chunk of bare LFs", "RFC 9112 2.2", b"5\r\nhello\r\n0\n\n"),
    broken(
        "a last chunk without an empty line",
        "RFC 9112 7.1",
        b"5\r\nhello\r\n0\r\nGET /smuggled HTTP/1.1\r\n",
    ),
    waits("a chunk that has not come", "RFC 9112 7.1", HEAD + b"5\r\n", begins=True),
    waits("a chunk but for its last byte", "RFC 9112 7.1", HEAD + b"5\r\nhell", begins=True),
    waits("chunks but for the last", "RFC 9112 7.1", HEAD + b"5\r\nhello\r\n", begins=True),
    waits(
        "a last chunk but for the empty line",
        "RFC 9112 7.1",
        HEAD + b"5\r\nhello\r\n0\r\n",
        begins=True,
    ),
]
