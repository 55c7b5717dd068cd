"""The HTTP version of the request line (RFC 9112 section 2.3, RFC 9110 section 15.6.6)."""

from __future__ import annotations

from .cases import Request, accepts, refuses

WELL_FORMED = ["0.9", "0.0", "2.0", "3.0", "9.9"]
MALFORMED = [
    "HTTP/1.10",
    "HTTP/1.1.1",
    "HTTP/1.1x",
    "HTTP/11",
    "HTTP/1",
    "HTTP/1.",
    "HTTP/.1",
    "HTTP/1,1",
    "HTTP/1. 1",
    "HTTP/ 1.1",
    "HTTP /1.1",
    "HTTP/01.1",
    "HTTP/1.01",
    "HTTP/+1.1",
    "HTTP/-1.1",
    "HTTP/x.1",
    "HTTP/1.x",
    "HTTP/",
    "HTTP",
    "HTTP1.1",
    "HTTP\\1.1",
    "HTTP-1.1",
    "http/1.1",
    "Http/1.1",
    "HTTPS/1.1",
    "HTCPCP/1.0",
    "XHTTP/1.1",
    "1.1",
    "RTSP/1.0",
    "ICE/1.0",
]

CASES = [
    accepts(
        "HTTP/1.1",
        "RFC 9112 2.3",
        b"GET / HTTP/1.1\r\nhost: a\r\n\r\n",
        Request(http_version="1.1"),
    ),
    accepts(
        "HTTP/1.0",
        "RFC 9112 2.3",
        b"GET / HTTP/1.0\r\n\r\n",
        Request(http_version="1.0"),
        closes=True,
    ),
    *(
        accepts(
            f"version 1.{minor}",
            "RFC 9110 2.5",
            b"GET / HTTP/1.%d\r\nhost: a\r\n\r\n" % minor,
            note="a higher minor version is processed as the highest that is known",
        )
        for minor in (2, 9)
    ),
    refuses("version 1.2 without Host", "RFC 9112 3.2", 400, b"GET / HTTP/1.2\r\n\r\n"),
    *(
        refuses(
            f"version {version}",
            "RFC 9110 15.6.6",
            505,
            b"GET / HTTP/%s\r\nhost: a\r\n\r\n" % version.encode(),
        )
        for version in WELL_FORMED
    ),
    *(
        refuses(
            f"the malformed version {version!r}",
            "RFC 9112 2.3",
            400,
            b"GET / %s\r\nhost: a\r\n\r\n" % version.encode(),
        )
        for version in MALFORMED
    ),
    refuses(
        "an Icecast request",
        "RFC 9112 2.3",
        400,
        b"SOURCE / ICE/1.0\r\nhost: a\r\n\r\n",
        note="llhttp would take it",
    ),
]
