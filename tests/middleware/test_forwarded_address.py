"""Host, port and prefix behind proxies: what is taken when it is asked for, what is nonsense."""

from __future__ import annotations

from typing import Any

import pytest

from asgiserve.middleware.forwarded_values import parse_host, parse_port, parse_prefix
from asgiserve.middleware.proxy_headers import ProxyHeadersMiddleware

PROXY = ("127.0.0.1", 40000)
SERVER = ("127.0.0.1", 8000)
ALL = ("for", "proto", "host", "port", "prefix")


async def pass_through(
    *,
    fields: tuple[str, ...] = ALL,
    use_forwarded: bool = False,
    mode: str = "auto",
    scope: dict[str, Any] | None = None,
    **values: str,
) -> dict[str, Any]:
    """The scope that the application gets; *values* are the fields, by their names."""
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope)

    headers = [
        (name.replace("_", "-").encode(), line.encode("latin-1"))
        for name, value in values.items()
        for line in value.split("\n")
    ]
    given = {
        "type": "http",
        "scheme": "http",
        "client": PROXY,
        "server": SERVER,
        "root_path": "",
        "path": "/page",
        "raw_path": b"/page",
        "headers": [(b"accept", b"*/*"), (b"host", b"upstream:8000"), *headers],
        **(scope or {}),
    }
    middleware = ProxyHeadersMiddleware(
        app, "127.0.0.1, 10.0.0.0/8", use_forwarded, fields=fields, root_path_mode=mode
    )
    await middleware(given, None, None)
    return seen[0]


def hosts(scope: dict[str, Any]) -> list[bytes]:
    return [value for name, value in scope["headers"] if name == b"host"]


async def test_host_port_and_prefix_are_left_alone_unless_they_are_named() -> None:
    scope = await pass_through(
        fields=("for", "proto"),
        x_forwarded_for="203.0.113.7",
        x_forwarded_host="site.example",
        x_forwarded_port="8443",
        x_forwarded_prefix="/api",
    )
    assert scope["client"] == ("203.0.113.7", 0)
    assert (scope["server"], hosts(scope)) == (SERVER, [b"upstream:8000"])
    assert (scope["root_path"], scope["path"]) == ("", "/page")


async def test_client_and_scheme_are_left_alone_when_they_are_not_named() -> None:
    scope = await pass_through(
        fields=("host",),
        x_forwarded_for="203.0.113.7",
        x_forwarded_proto="https",
        x_forwarded_host="site.example",
    )
    assert (scope["client"], scope["scheme"]) == (PROXY, "http")
    assert hosts(scope) == [b"site.example"]


@pytest.mark.parametrize(
    ("host", "proto", "server"),
    [
        ("site.example", "http", ("site.example", 80)),
        ("site.example", "https", ("site.example", 443)),
        ("site.example:8443", "https", ("site.example", 8443)),
        ("[2001:db8::1]:8443", "https", ("2001:db8::1", 8443)),
        ("[2001:db8::1]", "http", ("2001:db8::1", 80)),
        ("203.0.113.1:", "http", ("203.0.113.1", 80)),
    ],
)
@pytest.mark.parametrize("kind", ["http", "websocket"])
async def test_host_replaces_the_host_field_and_the_server(
    host: str, proto: str, server: Any, kind: str
) -> None:
    schemes = {"http": "http", "websocket": "ws"}
    scope = await pass_through(
        x_forwarded_host=host,
        x_forwarded_proto=proto,
        scope={"type": kind, "scheme": schemes[kind]},
    )
    assert scope["server"] == server
    assert hosts(scope) == [host.encode()]
    assert (b"accept", b"*/*") in scope["headers"]


async def test_host_is_known_on_a_unix_socket() -> None:
    details = {"client": None, "server": ("/run/site.sock", None)}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["server"])

    seen: list[Any] = []
    middleware = ProxyHeadersMiddleware(app, "unix", fields=ALL)
    for name, value in ((b"host", b"site.example"), (b"port", b"81")):
        headers = [(b"x-forwarded-" + name, value)]
        scope = {"type": "http", "scheme": "http", "headers": headers, **details}
        await middleware(scope, None, None)
    assert seen == [("site.example", 80), ("/run/site.sock", None)]


@pytest.mark.parametrize(
    ("values", "server"),
    [
        ({"x_forwarded_port": "8443"}, ("127.0.0.1", 8443)),
        ({"x_forwarded_port": "8443", "x_forwarded_host": "a.example"}, ("a.example", 8443)),
        ({"x_forwarded_port": "8443", "x_forwarded_host": "a.example:1"}, ("a.example", 8443)),
        ({"x_forwarded_port": "x", "x_forwarded_host": "a.example:1"}, ("a.example", 1)),
    ],
)
async def test_port_replaces_the_port_of_the_server(values: Any, server: Any) -> None:
    assert (await pass_through(**values))["server"] == server


async def test_each_value_is_the_one_of_the_proxy_that_the_client_spoke_with() -> None:
    scope = await pass_through(
        x_forwarded_for="6.6.6.6, 203.0.113.7, 10.0.0.1",
        x_forwarded_proto="gopher, https, http",
        x_forwarded_host="evil.example, site.example, inner.example",
        x_forwarded_port="66\n8443, 8000",
        x_forwarded_prefix="/evil, /api, /inner",
    )
    assert scope["client"] == ("203.0.113.7", 0)
    assert scope["scheme"] == "https"
    assert scope["server"] == ("site.example", 8443)
    assert (scope["root_path"], scope["path"]) == ("/api", "/api/page")


async def test_peer_that_is_not_trusted_is_not_believed() -> None:
    given = {"client": ("203.0.113.9", 1)}
    scope = await pass_through(
        scope=given, x_forwarded_host="evil", x_forwarded_port="1", x_forwarded_prefix="/evil"
    )
    assert (scope["server"], hosts(scope)) == (SERVER, [b"upstream:8000"])
    assert (scope["root_path"], scope["path"]) == ("", "/page")


@pytest.mark.parametrize(
    ("mode", "given", "result"),
    [
        # root_path, path and raw_path as the options have them, then as the application does
        ("auto", ("", "/page", b"/page"), ("/api", "/api/page", b"/api/page")),
        ("auto", ("", "/api/page", b"/api/page"), ("/api", "/api/page", b"/api/page")),
        ("auto", ("", "/api", b"/api"), ("/api", "/api", b"/api")),
        ("auto", ("", "/apiary", b"/apiary"), ("/api", "/api/apiary", b"/api/apiary")),
        ("auto", ("", "/", b"/"), ("/api", "/api/", b"/api/")),
        ("auto", ("", "*", b"*"), ("/api", "*", b"*")),
        ("auto", ("/v1", "/v1/ü", b"/v1/%C3%BC"), ("/api/v1", "/api/v1/ü", b"/api/v1/%C3%BC")),
        ("prepend", ("", "/api/page", b"/api/page"), ("/api", "/api/api/page", b"/api/api/page")),
        ("keep", ("", "/page", b"/page"), ("/api", "/page", b"/page")),
        ("strip", ("", "/page", b"/page"), ("/api", "/page", b"/page")),
        ("strip", ("", "/api/page", b"/api/page"), ("/api", "/page", b"/page")),
        ("strip", ("", "/api", b"/api"), ("/api", "/", b"/")),
        ("strip", ("", "/api/page", b"/%61pi/page"), ("/api", "/page", b"/%61pi/page")),
    ],
)
async def test_prefix_stands_before_root_path_and_path(mode: str, given: Any, result: Any) -> None:
    names = ("root_path", "path", "raw_path")
    scope = await pass_through(
        mode=mode, scope=dict(zip(names, given, strict=True)), x_forwarded_prefix="/api/"
    )
    assert tuple(scope[name] for name in names) == result


@pytest.mark.parametrize(
    ("line", "server", "client"),
    [
        ("host=site.example;for=203.0.113.7", ("site.example", 80), ("203.0.113.7", 0)),
        ('host="site.example:8443";proto=https', ("site.example", 8443), PROXY),
        # The proxy in front keeps the host, or says none of its own.
        ("for=203.0.113.7;host=a.example, for=10.0.0.1", ("a.example", 80), ("203.0.113.7", 0)),
        ("for=203.0.113.7, for=10.0.0.1;host=b.example", ("b.example", 80), ("203.0.113.7", 0)),
        ("for=6.6.6.6;host=evil.example, for=203.0.113.7", SERVER, ("203.0.113.7", 0)),
        ('host="a b"', SERVER, PROXY),
        ('host="a:70000"', SERVER, PROXY),
    ],
)
async def test_forwarded_has_a_host(line: str, server: Any, client: Any) -> None:
    scope = await pass_through(fields=("for", "proto", "host"), use_forwarded=True, forwarded=line)
    assert (scope["server"], scope["client"]) == (server, client)


async def test_only_what_is_named_is_taken_of_forwarded() -> None:
    line = "for=203.0.113.7;proto=https;host=site.example"
    scope = await pass_through(fields=("proto",), use_forwarded=True, forwarded=line)
    assert (scope["client"], scope["scheme"], scope["server"]) == (PROXY, "https", SERVER)
    scope = await pass_through(fields=("for",), use_forwarded=True, forwarded=line)
    assert (scope["client"], scope["scheme"]) == (("203.0.113.7", 0), "http")


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":80",
        "a b",
        "a/b",
        "a@b",
        "a:x",
        "a:0",
        "a:65536",
        "a:1:2",
        "[::1",
        "[::g]",
        "a\xfc",
        "[]",
    ],
)
def test_malformed_host_is_none(text: str) -> None:
    assert parse_host(text) is None


@pytest.mark.parametrize(
    "text", ["", "0", "65536", "123456", "-1", "+1", "1.0", "x", "\xb2", "80 "]
)
def test_malformed_port_is_none(text: str) -> None:
    assert parse_port(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "api",
        "//evil.example",
        "/a//b",
        "/../a",
        "/a/./b",
        "/a/..",
        "/a?b",
        "/a#b",
        "/a b",
        "/a%2fb",
        "/a\\b",
        "/a\r\nx: y",
        "/\xfc",
        "/" + "a" * 2000,
        "https://evil.example/",
    ],
)
def test_malformed_prefix_is_none(text: str) -> None:
    assert parse_prefix(text) is None


def test_prefix_loses_the_slash_at_its_end() -> None:
    assert parse_prefix("/a/b-c.d/~e//") == "/a/b-c.d/~e"
