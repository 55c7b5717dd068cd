"""The Host field: exactly one, with a host that RFC 3986 knows.

RFC 9110 section 7.2 and RFC 9112 section 3.2.
"""

from __future__ import annotations

from .cases import Request, accepts, refuses

VALID = [
    b"example.com",
    b"example.com:8080",
    b"example.com:",
    b"example.com.",
    b"EXAMPLE.com",
    b"localhost",
    b"a-b_c.d~e",
    b"127.0.0.1:80",
    b"[::1]",
    b"[::1]:8080",
    b"[2001:db8::192.0.2.1]",
    b"[v1.a:b]",
    b"caf%C3%A9.example",
    b"!$&'()*+,;=",
    b"",
]
MALFORMED = [
    b"a b",
    b"a/b",
    b"a?b",
    b"a#b",
    b"a@b",
    b"user:secret@a",
    b"http://a",
    b"a:b",
    b"a:80:80",
    b"a:80x",
    b"a:-80",
    b"a: 80",
    b"::1",
    b"[::1",
    b"::1]",
    b"[::1]x",
    b"[::1]80",
    b"[]",
    b"[a]",
    b"[::g]",
    b"[1:2:3]",
    b"a[0]",
    b"a%",
    b"a%zz",
    b"a\\b",
    b'"a"',
    b"<a>",
    b"a|b",
    b"{a}",
    b"a^b",
    b"a`b",
    b"caf\xe9",
    b"a\tb",
]

CASES = [
    *(
        accepts(
            f"the host {value.decode()!r}",
            "RFC 3986 3.2.2",
            b"GET / HTTP/1.1\r\nhost: %s\r\n\r\n" % value,
            Request(headers=((b"host", value),)),
        )
        for value in VALID
    ),
    *(
        refuses(
            f"the malformed host {value.decode('latin-1')!r}",
            "RFC 9112 3.2",
            400,
            b"GET / HTTP/1.1\r\nhost: %s\r\n\r\n" % value,
        )
        for value in MALFORMED
    ),
    accepts(
        "whitespace around the host",
        "RFC 9112 5",
        b"GET / HTTP/1.1\r\nhost:  a \t\r\n\r\n",
        Request(headers=((b"host", b"a"),)),
    ),
    accepts(
        "Host behind other fields", "RFC 9110 7.2", b"GET / HTTP/1.1\r\nx: y\r\nHOST: a\r\n\r\n"
    ),
    refuses("no Host", "RFC 9112 3.2", 400, b"GET / HTTP/1.1\r\nx: y\r\n\r\n"),
    refuses("no field at all", "RFC 9112 3.2", 400, b"GET / HTTP/1.1\r\n\r\n"),
    refuses("no Host with OPTIONS", "RFC 9112 3.2", 400, b"OPTIONS * HTTP/1.1\r\n\r\n"),
    refuses("two Hosts", "RFC 9112 3.2", 400, b"GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n"),
    refuses(
        "two equal Hosts", "RFC 9112 3.2", 400, b"GET / HTTP/1.1\r\nhost: a\r\nHost: a\r\n\r\n"
    ),
    refuses(
        "an empty and a full Host",
        "RFC 9112 3.2",
        400,
        b"GET / HTTP/1.1\r\nhost:\r\nhost: a\r\n\r\n",
    ),
    refuses("a folded Host", "RFC 9112 5.2", 400, b"GET / HTTP/1.1\r\nhost:\r\n a\r\n\r\n"),
    refuses(
        "Host with a space before its colon",
        "RFC 9112 5.1",
        400,
        b"GET / HTTP/1.1\r\nhost : a\r\n\r\n",
    ),
    accepts(
        "HTTP/1.0 without Host",
        "RFC 9112 3.2",
        b"GET / HTTP/1.0\r\n\r\n",
        Request(http_version="1.0", headers=()),
        closes=True,
    ),
    accepts(
        "HTTP/1.0 with Host",
        "RFC 9112 3.2",
        b"GET / HTTP/1.0\r\nhost: a\r\n\r\n",
        Request(http_version="1.0", headers=((b"host", b"a"),)),
        closes=True,
    ),
    refuses(
        "HTTP/1.0 with two Hosts",
        "RFC 9112 3.2",
        400,
        b"GET / HTTP/1.0\r\nhost: a\r\nhost: b\r\n\r\n",
    ),
    refuses(
        "HTTP/1.0 with a malformed Host",
        "RFC 9112 3.2",
        400,
        b"GET / HTTP/1.0\r\nhost: a b\r\n\r\n",
    ),
]
