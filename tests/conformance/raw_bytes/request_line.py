"""The request line: method, spaces, line end, and what may stand before it.

RFC 9112 sections 2.2 and 3.
"""

from __future__ import annotations

from .cases import Request, accepts, refuses, waits

# The request methods of HTTP that llhttp knows (its RTSP methods come below).
METHODS = [
    *("ACL", "BIND", "CHECKOUT", "COPY", "DELETE", "GET", "LINK", "LOCK", "M-SEARCH", "MERGE"),
    *("MKACTIVITY", "MKCALENDAR", "MKCOL", "MOVE", "NOTIFY", "OPTIONS", "PATCH", "POST"),
    *("PROPFIND", "PROPPATCH", "PURGE", "PUT", "QUERY", "REBIND", "REPORT", "SEARCH", "SOURCE"),
    *("SUBSCRIBE", "TRACE", "UNBIND", "UNLINK", "UNLOCK", "UNSUBSCRIBE"),
]

CASES = [
    accepts("a minimal request", "RFC 9112 3", b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"),
    *(
        accepts(
            f"the method {method}",
            "RFC 9110 9.1",
            b"%s / HTTP/1.1\r\nhost: a\r\n\r\n" % method.encode(),
            Request(method),
        )
        for method in METHODS
    ),
    accepts("HEAD", "RFC 9110 9.3.2", b"HEAD / HTTP/1.1\r\nhost: a\r\n\r\n", Request("HEAD")),
    refuses("an unknown method", "RFC 9110 9.1", 501, b"FOO / HTTP/1.1\r\nhost: a\r\n\r\n"),
    refuses("a lower-case method", "RFC 9110 9.1", 501, b"get / HTTP/1.1\r\nhost: a\r\n\r\n"),
    refuses("a capitalised method", "RFC 9110 9.1", 501, b"Get / HTTP/1.1\r\nhost: a\r\n\r\n"),
    refuses("a method and more", "RFC 9110 9.1", 501, b"GETS / HTTP/1.1\r\nhost: a\r\n\r\n"),
    refuses("half a method", "RFC 9110 9.1", 501, b"GE / HTTP/1.1\r\nhost: a\r\n\r\n"),
    refuses("a method of one letter", "RFC 9110 9.1", 501, b"X / HTTP/1.1\r\nhost: a\r\n\r\n"),
    refuses(
        "a method of every kind of token character",
        "RFC 9110 5.6.2",
        501,
        b"!#$%&'*+-.^_`|~09azAZ / HTTP/1.1\r\nhost: a\r\n\r\n",
    ),
    refuses(
        "an unknown method of 64 bytes",
        "RFC 9112 3",
        501,
        b"A" * 64 + b" / HTTP/1.1\r\nhost: a\r\n\r\n",
    ),
    refuses(
        "a method without end",
        "RFC 9112 3",
        400,
        b"A" * 65 + b" / HTTP/1.1\r\nhost: a\r\n\r\n",
        note="501 is allowed too; 64 bytes is where asgiserve stops to look for the method's end",
    ),
    refuses(
        "an RTSP method",
        "RFC 9110 9.1",
        501,
        b"PLAY / HTTP/1.1\r\nhost: a\r\n\r\n",
        note="llhttp has it in its list, but not for HTTP",
    ),
    refuses("CONNECT", "RFC 9110 9.3.6", 501, b"CONNECT a:443 HTTP/1.1\r\nhost: a:443\r\n\r\n"),
    refuses("a method that is no token", "RFC 9112 3", 400, b"G@T / HTTP/1.1\r\nhost: a\r\n\r\n"),
    refuses("a method with a colon", "RFC 9112 3", 400, b"GET: / HTTP/1.1\r\nhost: a\r\n\r\n"),
    refuses("a NUL in the method", "RFC 9112 3", 400, b"GE\0T / HTTP/1.1\r\nhost: a\r\n\r\n"),
    refuses(
        "a byte over 127 in the method", "RFC 9112 3", 400, b"GET\xe9 / HTTP/1.1\r\nhost: a\r\n\r\n"
    ),
    refuses("a method in quotes", "RFC 9112 3", 400, b'"GET" / HTTP/1.1\r\nhost: a\r\n\r\n'),
    refuses("a space before the method", "RFC 9112 3", 400, b" GET / HTTP/1.1\r\nhost: a\r\n\r\n"),
    refuses("a tab before the method", "RFC 9112 3", 400, b"\tGET / HTTP/1.1\r\nhost: a\r\n\r\n"),
    refuses("a tab behind the method", "RFC 9112 3", 400, b"GET\t/ HTTP/1.1\r\nhost: a\r\n\r\n"),
    refuses("a tab before the version", "RFC 9112 3", 400, b"GET /\tHTTP/1.1\r\nhost: a\r\n\r\n"),
    refuses(
        "two spaces behind the method",
        "RFC 9112 3",
        400,
        b"GET  / HTTP/1.1\r\nhost: a\r\n\r\n",
        note="the grammar has one space; recipients may be lenient, and most are not",
    ),
    refuses(
        "two spaces before the version",
        "RFC 9112 3",
        400,
        b"GET /  HTTP/1.1\r\nhost: a\r\n\r\n",
        note="the grammar has one space; recipients may be lenient, and most are not",
    ),
    refuses("a space behind the version", "RFC 9112 3", 400, b"GET / HTTP/1.1 \r\nhost: a\r\n\r\n"),
    refuses(
        "an RTSP request",
        "RFC 9110 9.1",
        501,
        b"SETUP / RTSP/1.0\r\nhost: a\r\n\r\n",
        note="llhttp would take it",
    ),
    refuses("no method", "RFC 9112 3", 400, b"/ HTTP/1.1\r\nhost: a\r\n\r\n"),
    refuses("no target", "RFC 9112 3", 400, b"GET HTTP/1.1\r\nhost: a\r\n\r\n"),
    refuses("a method alone", "RFC 9112 3", 400, b"GET\r\nhost: a\r\n\r\n"),
    refuses("an HTTP/0.9 request line", "RFC 9112 3", 400, b"GET /\r\n"),
    refuses("an HTTP/0.9 request line with a space", "RFC 9112 3", 400, b"GET / \r\n"),
    refuses("an HTTP/0.9 request line with fields", "RFC 9112 3", 400, b"GET /\r\nhost: a\r\n\r\n"),
    refuses(
        "a third word in the target", "RFC 9112 3.2", 400, b"GET /a b HTTP/1.1\r\nhost: a\r\n\r\n"
    ),
    refuses("a line that is no request", "RFC 9112 3", 400, b"hello, world\r\n\r\n"),
    refuses("a status line", "RFC 9112 3", 400, b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"),
    refuses("a field line first", "RFC 9112 3", 400, b"host: a\r\nGET / HTTP/1.1\r\n\r\n"),
    refuses(
        "a TLS ClientHello",
        "RFC 9112 2.1",
        400,
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 32,
    ),
    refuses("an SSH greeting", "RFC 9112 2.1", 400, b"SSH-2.0-OpenSSH_9.9\r\n"),
    refuses(
        "the preface of HTTP/2",
        "RFC 9113 3.4",
        505,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        note="until HTTP/2 is served",
    ),
    refuses(
        "a byte-order mark first",
        "RFC 9112 3",
        400,
        b"\xef\xbb\xbfGET / HTTP/1.1\r\nhost: a\r\n\r\n",
    ),
    refuses("a NUL first", "RFC 9112 3", 400, b"\0GET / HTTP/1.1\r\nhost: a\r\n\r\n"),
    accepts("a CRLF first", "RFC 9112 2.2", b"\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n"),
    accepts(
        "many CRLFs first", "RFC 9112 2.2", b"\r\n" * 20 + b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"
    ),
    accepts(
        "a bare LF first",
        "RFC 9112 2.2",
        b"\nGET / HTTP/1.1\r\nhost: a\r\n\r\n",
        note="2.2 lets a recipient take a LF for a line end; llhttp skips CR and LF here",
    ),
    refuses(
        "a CRLF and a space first", "RFC 9112 2.2", 400, b"\r\n GET / HTTP/1.1\r\nhost: a\r\n\r\n"
    ),
    refuses(
        "a bare LF behind the request line", "RFC 9112 2.2", 400, b"GET / HTTP/1.1\nhost: a\r\n\r\n"
    ),
    refuses(
        "a bare CR behind the request line", "RFC 9112 2.2", 400, b"GET / HTTP/1.1\rhost: a\r\n\r\n"
    ),
    refuses(
        "CR CR LF behind the request line",
        "RFC 9112 2.2",
        400,
        b"GET / HTTP/1.1\r\r\nhost: a\r\n\r\n",
    ),
    refuses("bare LFs everywhere", "RFC 9112 2.2", 400, b"GET / HTTP/1.1\nhost: a\n\n"),
    refuses("bare CRs everywhere", "RFC 9112 2.2", 400, b"GET / HTTP/1.1\rhost: a\r\r"),
    refuses(
        "whitespace between request line and fields",
        "RFC 9112 2.2",
        400,
        b"GET / HTTP/1.1\r\n host: a\r\n\r\n",
    ),
    waits("half a method and silence", "RFC 9112 2.2", b"GE"),
    waits("a request line and silence", "RFC 9112 2.2", b"GET / HTTP/1.1\r\n"),
    waits("a head but for its last LF", "RFC 9112 2.2", b"GET / HTTP/1.1\r\nhost: a\r\n\r"),
    waits("a CRLF alone", "RFC 9112 2.2", b"\r\n"),
]
