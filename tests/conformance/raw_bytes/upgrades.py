"""Upgrade that is not taken up: the request is served all the same (RFC 9110 section 7.8)."""

from __future__ import annotations

from .cases import Request, accepts

CASES = [
    accepts(
        "an upgrade to an unknown protocol",
        "RFC 9110 7.8",
        b"GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: x/1\r\n\r\n",
    ),
    accepts(
        "an upgrade to HTTP/2",
        "RFC 9113 3.1",
        b"GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade, http2-settings\r\n"
        b"upgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n\r\n",
    ),
    accepts(
        "an upgrade with a body",
        "RFC 9110 7.8",
        b"POST / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\n"
        b"upgrade: x\r\ncontent-length: 5\r\n\r\nhello",
        Request("POST", body=b"hello"),
        note="llhttp ends its work at such a head; the body is still the request's",
    ),
    accepts(
        "an upgrade with chunks",
        "RFC 9110 7.8",
        b"POST / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\n"
        b"upgrade: x\r\ntransfer-encoding: chunked\r\n\r\n"
        b"5\r\nhello\r\n0\r\n\r\n",
        Request("POST", body=b"hello"),
    ),
    accepts(
        "an upgrade, then a request",
        "RFC 9110 7.8",
        b"GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n"
        b"GET /b HTTP/1.1\r\nhost: a\r\n\r\n",
        Request(),
        Request(path="/b"),
    ),
    accepts(
        "an upgrade and close",
        "RFC 9110 7.8",
        b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close, upgrade\r\nupgrade: x\r\n\r\n",
        closes=True,
    ),
    accepts(
        "Upgrade that Connection does not name",
        "RFC 9110 7.8",
        b"GET / HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\n\r\n",
    ),
    accepts(
        "Connection that names an Upgrade that is not there",
        "RFC 9110 7.8",
        b"GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\n\r\n",
    ),
    accepts(
        "an upgrade in HTTP/1.0",
        "RFC 9110 7.8",
        b"GET / HTTP/1.0\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
        Request(http_version="1.0"),
        closes=True,
    ),
]
