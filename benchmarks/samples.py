"""The requests that the benchmarks send, and the bytes that they expect back."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = [
    "API_POST_FIELDS",
    "BROWSER_FIELDS",
    "CURL_FIELDS",
    "HELLO_BODY",
    "REQUESTS",
    "WRK_FIELDS",
    "encode_chunked",
    "encode_request",
]

Fields = tuple[tuple[str, str], ...]

HELLO_BODY = b"Hello, world!"

# wrk writes the port into Host; its digits are fixed here so that a sample has one length.
WRK_FIELDS: Fields = (("Host", "127.0.0.1:8000"),)

CURL_FIELDS: Fields = (
    ("Host", "127.0.0.1:8000"),
    ("User-Agent", "curl/8.5.0"),
    ("Accept", "*/*"),
)

# A document request of Chrome on Linux, behind one proxy, with two cookies: 20 fields.
BROWSER_FIELDS: Fields = (
    ("Host", "www.example.com"),
    ("Connection", "keep-alive"),
    ("Cache-Control", "max-age=0"),
    ("sec-ch-ua", '"Chromium";v="130", "Google Chrome";v="130", "Not?A_Brand";v="99"'),
    ("sec-ch-ua-mobile", "?0"),
    ("sec-ch-ua-platform", '"Linux"'),
    ("DNT", "1"),
    ("Upgrade-Insecure-Requests", "1"),
    (
        "User-Agent",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/130.0.0.0 Safari/537.36",
    ),
    (
        "Accept",
        "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8",
    ),
    ("Sec-Fetch-Site", "same-origin"),
    ("Sec-Fetch-Mode", "navigate"),
    ("Sec-Fetch-User", "?1"),
    ("Sec-Fetch-Dest", "document"),
    ("Referer", "https://www.example.com/products/list?page=2"),
    ("Accept-Encoding", "gzip, deflate, br, zstd"),
    ("Accept-Language", "en-GB,en;q=0.9,de;q=0.8"),
    ("Cookie", "sessionid=4f9c2a7be1d84c0f9a6b3e5d7c1f8a20; csrftoken=Qm3vZt8LxYw2"),
    ("X-Forwarded-For", "203.0.113.7"),
    ("X-Forwarded-Proto", "https"),
)

API_POST_FIELDS: Fields = (
    ("Host", "api.example.com"),
    ("User-Agent", "python-httpx/0.28.1"),
    ("Accept", "*/*"),
    ("Accept-Encoding", "gzip, deflate"),
    ("Connection", "keep-alive"),
    (
        "Authorization",
        "Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N",
    ),
    ("Content-Type", "application/json"),
)


def encode_request(
    fields: Fields, *, method: str = "GET", target: str = "/", body: bytes = b""
) -> bytes:
    """Write one HTTP/1.1 request; a body is announced by Content-Length."""
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in fields)]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("ascii") + body


def encode_chunked(fields: Fields, chunks: Sequence[bytes], *, target: str = "/") -> bytes:
    """Write one HTTP/1.1 POST whose body comes in *chunks*, none of which is empty."""
    head = encode_request((*fields, ("Transfer-Encoding", "chunked")), method="POST", target=target)
    return head + b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in (*chunks, b""))


# GETs that are answered with HELLO_BODY, by name.
REQUESTS = {
    "wrk": encode_request(WRK_FIELDS),
    "curl": encode_request(CURL_FIELDS),
    "browser": encode_request(BROWSER_FIELDS),
}
