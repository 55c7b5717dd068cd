"""Bodies that Content-Length delimits (RFC 9110 section 8.6, RFC 9112 section 6)."""

from __future__ import annotations

from .cases import Request, accepts, refuses, waits

POST = b"POST / HTTP/1.1\r\nhost: a\r\n"
HELLO = Request("POST", body=b"hello")

MALFORMED = [
    b"",
    b" ",
    b"+5",
    b"-5",
    b"- 5",
    b"5 5",
    b"5,5",
    b"5, 5",
    b"5,6",
    b"5;",
    b"5;x=y",
    b"5.0",
    b"0x5",
    b"5h",
    b"1e1",
    b"5_0",
    b"'5'",
    b'"5"',
    b"five",
    b"\xa05",
    b"5\xa0",
    b"\xd9\xa5",
    b"\xef\xbc\x95",
    b"9223372036854775808",
    b"18446744073709551615",
    b"18446744073709551616",
    b"18446744073709551621",
    b"99999999999999999999999999999999",
    b"-18446744073709551611",
]

CASES = [
    accepts("a body", "RFC 9112 6.2", POST + b"content-length: 5\r\n\r\nhello", HELLO),
    accepts(
        "a body of no bytes", "RFC 9112 6.2", POST + b"content-length: 0\r\n\r\n", Request("POST")
    ),
    accepts("no length and no body", "RFC 9112 6.3", POST + b"\r\n", Request("POST")),
    accepts(
        "a body with GET",
        "RFC 9110 9.3.1",
        b"GET / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello",
        Request(body=b"hello"),
    ),
    accepts(
        "a body with HEAD",
        "RFC 9110 9.3.2",
        b"HEAD / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello",
        Request("HEAD", body=b"hello"),
    ),
    accepts(
        "a body with OPTIONS",
        "RFC 9110 9.3.7",
        b"OPTIONS * HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello",
        Request("OPTIONS", path="*", body=b"hello"),
    ),
    accepts(
        "a body that looks like a request",
        "RFC 9112 6.2",
        POST + b"content-length: 31\r\n\r\nGET /smuggled HTTP/1.1\r\nhost: a",
        Request("POST", body=b"GET /smuggled HTTP/1.1\r\nhost: a"),
    ),
    accepts(
        "a body of CRLFs",
        "RFC 9112 6.2",
        POST + b"content-length: 4\r\n\r\n\r\n\r\n",
        Request("POST", body=b"\r\n\r\n"),
    ),
    accepts(
        "a body of every byte",
        "RFC 9112 6.2",
        POST + b"content-length: 256\r\n\r\n" + bytes(range(256)),
        Request("POST", body=bytes(range(256))),
    ),
    accepts(
        "the name in capitals", "RFC 9110 5.1", POST + b"CONTENT-LENGTH: 5\r\n\r\nhello", HELLO
    ),
    accepts("leading zeros", "RFC 9110 8.6", POST + b"content-length: 005\r\n\r\nhello", HELLO),
    accepts(
        "more leading zeros than a number has digits",
        "RFC 9110 8.6",
        POST + b"content-length: " + b"0" * 40 + b"5\r\n\r\nhello",
        HELLO,
    ),
    accepts(
        "no space behind the colon of the length",
        "RFC 9112 5",
        POST + b"content-length:5\r\n\r\nhello",
        HELLO,
    ),
    accepts(
        "spaces around the length", "RFC 9112 5", POST + b"content-length:  5  \r\n\r\nhello", HELLO
    ),
    accepts(
        "a tab before the length", "RFC 9112 5", POST + b"content-length:\t5\r\n\r\nhello", HELLO
    ),
    accepts(
        "a tab behind the length",
        "RFC 9112 5",
        POST + b"content-length: 5\t\r\n\r\nhello",
        HELLO,
        note="llhttp refuses it",
    ),
    accepts(
        "tabs and spaces around the length",
        "RFC 9112 5",
        POST + b"content-length: \t 5 \t \r\n\r\nhello",
        HELLO,
    ),
    refuses(
        "a tab within the length", "RFC 9110 8.6", 400, POST + b"content-length: 5\t5\r\n\r\nhello"
    ),
    *(
        refuses(
            f"the malformed length {value!r}",
            "RFC 9110 8.6",
            400,
            POST + b"content-length: %s\r\n\r\nhello" % value,
            note="llhttp takes lengths up to 2**64-1, asgiserve up to 2**63-1"
            if value in (b"9223372036854775808", b"18446744073709551615")
            else "",
        )
        for value in MALFORMED
    ),
    refuses(
        "two different lengths",
        "RFC 9112 6.3",
        400,
        POST + b"content-length: 5\r\ncontent-length: 6\r\n\r\nhello!",
    ),
    refuses(
        "two equal lengths",
        "RFC 9112 6.3",
        400,
        POST + b"content-length: 5\r\ncontent-length: 5\r\n\r\nhello",
        note="RFC 9110 8.6 leaves the choice; llhttp refuses",
    ),
    refuses(
        "two lengths apart from each other",
        "RFC 9112 6.3",
        400,
        POST + b"content-length: 5\r\nx: y\r\nContent-Length: 0\r\n\r\nhello",
    ),
    refuses(
        "a length with a space before its colon",
        "RFC 9112 5.1",
        400,
        POST + b"content-length : 5\r\n\r\nhello",
    ),
    refuses("a folded length", "RFC 9112 5.2", 400, POST + b"content-length:\r\n 5\r\n\r\nhello"),
    refuses(
        "a length ended by a NUL", "RFC 9110 5.5", 400, POST + b"content-length: 5\0\r\n\r\nhello"
    ),
    refuses(
        "a length behind a vertical tab",
        "RFC 9110 5.5",
        400,
        POST + b"content-length: \x0b5\r\n\r\nhello",
    ),
    refuses(
        "a malformed length with GET",
        "RFC 9110 8.6",
        400,
        b"GET / HTTP/1.1\r\nhost: a\r\ncontent-length: x\r\n\r\n",
    ),
    refuses(
        "a malformed length in HTTP/1.0",
        "RFC 9110 8.6",
        400,
        b"POST / HTTP/1.0\r\ncontent-length: x\r\n\r\n",
    ),
    waits(
        "a body that has not come", "RFC 9112 6.2", POST + b"content-length: 5\r\n\r\n", begins=True
    ),
    waits(
        "a body but for its last byte",
        "RFC 9112 6.2",
        POST + b"content-length: 5\r\n\r\nhell",
        begins=True,
    ),
    waits(
        "the longest body of all",
        "RFC 9110 8.6",
        POST + b"content-length: 9223372036854775807\r\n\r\nh",
        begins=True,
    ),
]
