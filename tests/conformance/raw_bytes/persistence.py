"""Whether a connection outlives a message, and pipelining on it (RFC 9112 section 9)."""

from __future__ import annotations

from .cases import Case, Request, accepts, refuses, waits

GET = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"
OLD = Request(http_version="1.0")


def http_1_1(value: bytes, *, closes: bool, section: str = "RFC 9112 9.3", note: str = "") -> Case:
    wire = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: %s\r\n\r\n" % value
    return accepts(f"connection: {value!r} in HTTP/1.1", section, wire, closes=closes, note=note)


def http_1_0(value: bytes, *, closes: bool, section: str = "RFC 9112 9.3", note: str = "") -> Case:
    wire = b"GET / HTTP/1.0\r\nconnection: %s\r\n\r\n" % value
    return accepts(
        f"connection: {value!r} in HTTP/1.0", section, wire, OLD, closes=closes, note=note
    )


CONNECTION = [
    http_1_1(b"close", closes=True, section="RFC 9112 9.6"),
    http_1_1(b"Close", closes=True, section="RFC 9110 7.6.1"),
    http_1_1(b"CLOSE", closes=True, section="RFC 9110 7.6.1"),
    http_1_1(b"close, x", closes=True, section="RFC 9110 7.6.1"),
    http_1_1(b"x, close", closes=True, section="RFC 9110 7.6.1"),
    http_1_1(b"x,close,y", closes=True, section="RFC 9110 7.6.1"),
    http_1_1(b"  close  ", closes=True, section="RFC 9112 5"),
    http_1_1(b"keep-alive, close", closes=True),
    http_1_1(b"close, keep-alive", closes=True),
    http_1_1(b"keep-alive", closes=False),
    http_1_1(b"x", closes=False),
    http_1_1(b"", closes=False),
    http_1_1(b"closed", closes=False, section="RFC 9110 7.6.1"),
    http_1_1(b"x-close", closes=False, section="RFC 9110 7.6.1"),
    http_1_1(b"te, x-y", closes=False),
    accepts(
        "close in the second Connection field",
        "RFC 9110 5.3",
        b"GET / HTTP/1.1\r\nhost: a\r\nconnection: x\r\nconnection: close\r\n\r\n",
        closes=True,
    ),
    accepts(
        "close in the first Connection field, keep-alive in the second",
        "RFC 9110 5.3",
        b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\nconnection: keep-alive\r\n\r\n",
        closes=True,
    ),
    accepts(
        "close with a body",
        "RFC 9112 9.6",
        b"POST / HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 5\r\n\r\nhello",
        Request("POST", body=b"hello"),
        closes=True,
    ),
    accepts(
        "HTTP/1.0 without Connection", "RFC 9112 9.3", b"GET / HTTP/1.0\r\n\r\n", OLD, closes=True
    ),
    http_1_0(b"keep-alive", closes=False),
    http_1_0(b"Keep-Alive", closes=False),
    http_1_0(b"x, keep-alive", closes=False),
    http_1_0(b"close", closes=True),
    http_1_0(b"keep-alive, close", closes=True),
    http_1_0(b"close, keep-alive", closes=True),
    http_1_0(b"x", closes=True),
    accepts(
        "Proxy-Connection in HTTP/1.0",
        "RFC 9112 C.2.2",
        b"GET / HTTP/1.0\r\nproxy-connection: keep-alive\r\n\r\n",
        OLD,
        closes=True,
    ),
    accepts(
        "HTTP/1.0 with a body",
        "RFC 9112 6.3",
        b"POST / HTTP/1.0\r\ncontent-length: 5\r\n\r\nhello",
        Request("POST", body=b"hello", http_version="1.0"),
        closes=True,
    ),
    accepts(
        "HTTP/1.0 with a body and keep-alive",
        "RFC 9112 9.3",
        b"POST / HTTP/1.0\r\nconnection: keep-alive\r\ncontent-length: 5\r\n\r\nhello",
        Request("POST", body=b"hello", http_version="1.0"),
    ),
    accepts(
        "HTTP/1.0 with HEAD",
        "RFC 9110 9.3.2",
        b"HEAD / HTTP/1.0\r\n\r\n",
        Request("HEAD", http_version="1.0"),
        closes=True,
    ),
    accepts(
        "HTTP/1.0 with POST and no length",
        "RFC 9112 6.3",
        b"POST / HTTP/1.0\r\n\r\n",
        Request("POST", http_version="1.0"),
        closes=True,
        note="without a length a request has no body; RFC 1945 7.2.2 wanted 400",
    ),
]

PIPELINING = [
    accepts("two requests in one read", "RFC 9112 9.3.2", GET + GET, Request(), Request()),
    accepts("ten requests in one read", "RFC 9112 9.3.2", GET * 10, *[Request()] * 10),
    accepts(
        "requests told apart by their targets",
        "RFC 9112 9.3.2",
        b"".join(b"GET /%d HTTP/1.1\r\nhost: a\r\n\r\n" % number for number in range(5)),
        *(Request(path=f"/{number}") for number in range(5)),
    ),
    accepts(
        "a body, then a request",
        "RFC 9112 9.3.2",
        b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello" + GET,
        Request("POST", body=b"hello"),
        Request(),
    ),
    accepts(
        "chunks, then a request",
        "RFC 9112 9.3.2",
        b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n"
        b"5\r\nhello\r\n0\r\nx: y\r\n\r\n" + GET,
        Request("POST", body=b"hello"),
        Request(),
    ),
    accepts(
        "chunks, then a length, then chunks",
        "RFC 9112 9.3.2",
        b"POST /1 HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"
        b"POST /2 HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\n\r\nb"
        b"POST /3 HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n1\r\nc\r\n0\r\n\r\n",
        Request("POST", path="/1", body=b"a"),
        Request("POST", path="/2", body=b"b"),
        Request("POST", path="/3", body=b"c"),
    ),
    accepts(
        "HEAD, then GET",
        "RFC 9110 9.3.2",
        b"HEAD / HTTP/1.1\r\nhost: a\r\n\r\n" + GET,
        Request("HEAD"),
        Request(),
    ),
    accepts("a CRLF between requests", "RFC 9112 2.2", GET + b"\r\n" + GET, Request(), Request()),
    accepts(
        "a CRLF behind a body",
        "RFC 9112 2.2",
        b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello\r\n" + GET,
        Request("POST", body=b"hello"),
        Request(),
        note="old user agents sent one that Content-Length did not count",
    ),
    accepts(
        "HTTP/1.0 with keep-alive, then HTTP/1.1",
        "RFC 9112 9.3",
        b"GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n" + GET,
        OLD,
        Request(),
    ),
    accepts(
        "a request behind close",
        "RFC 9112 9.6",
        b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n" + GET,
        closes=True,
    ),
    accepts(
        "a request behind HTTP/1.0",
        "RFC 9112 9.3",
        b"GET / HTTP/1.0\r\n\r\n" + GET,
        OLD,
        closes=True,
    ),
    accepts(
        "garbage behind close",
        "RFC 9112 9.6",
        b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n\0\0 garbage\r\n\r\n",
        closes=True,
        note="what follows close is not a request, hence no 400",
    ),
    refuses(
        "garbage behind a request", "RFC 9112 9.3.2", 400, GET + b"garbage\r\n\r\n" + GET, Request()
    ),
    refuses(
        "more body than the length says",
        "RFC 9112 6.3",
        400,
        b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello!!\r\n" + GET,
        Request("POST", body=b"hello"),
    ),
    refuses(
        "a bad chunk behind a request",
        "RFC 9112 7.1",
        400,
        GET + b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nx\r\n\r\n" + GET,
        Request(),
        begins=True,
    ),
    refuses(
        "an unknown method behind two requests",
        "RFC 9110 9.1",
        501,
        GET + GET + b"FOO / HTTP/1.1\r\nhost: a\r\n\r\n",
        Request(),
        Request(),
    ),
    waits("a request and a half", "RFC 9112 9.3.2", GET + b"GET / HTTP/1.1\r\nho", Request()),
]

CASES = [*CONNECTION, *PIPELINING]
