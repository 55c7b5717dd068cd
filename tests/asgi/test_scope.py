"""The scopes: every key of ASGI HTTP and WebSocket 2.5 with its type, and what root_path does."""

from __future__ import annotations

import pytest

SERVER = ("127.0.0.1", 8000)
CLIENT = ("127.0.0.1", 50000)


def make_scope(impl, target, *, headers=((b"host", b"a"),), version="1.1", **options):
    factory = impl.scope.ScopeFactory("http", SERVER, CLIENT, None, {}, **options)
    return factory.http(impl.http1_head.RequestHead("GET", target, version, list(headers)))


def test_scope_has_every_key_with_its_type(impl):
    state = {"pool": object()}
    factory = impl.scope.ScopeFactory("http", SERVER, CLIENT, state, {"http.response.trailers": {}})
    headers = [(b"host", b"a"), (b"x", b"1"), (b"x", b"2")]
    scope = factory.http(impl.http1_head.RequestHead("POST", b"/a%20b?c=d%20e", "1.0", headers))
    assert scope == {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.5"},
        "http_version": "1.0",
        "method": "POST",
        "scheme": "http",
        "path": "/a b",
        "raw_path": b"/a%20b",
        "query_string": b"c=d%20e",
        "root_path": "",
        "headers": headers,
        "client": CLIENT,
        "server": SERVER,
        "state": state,
        "extensions": {"http.response.trailers": {}},
    }
    assert type(scope) is dict


def test_scopes_share_nothing_that_middleware_changes(impl):
    factory = impl.scope.ScopeFactory("http", SERVER, CLIENT, {"a": 1}, {})
    head = impl.http1_head.RequestHead("GET", b"/", "1.1", [])
    first = factory.http(head)
    first["state"]["a"] = 2
    first["asgi"]["version"] = "0"
    first["extensions"]["mine"] = {}
    first["path"] = "/changed"
    second = factory.http(head)
    assert second["state"] == {"a": 1}
    assert second["asgi"]["version"] == "3.0"
    assert second["extensions"] == {}
    assert second["path"] == "/"


def test_scope_without_lifespan_has_no_state(impl):
    assert "state" not in make_scope(impl, b"/")


@pytest.mark.parametrize(
    ("target", "path", "raw_path", "query_string"),
    [
        (b"/", "/", b"/", b""),
        (b"/?", "/", b"/", b""),
        (b"/a?b?c", "/a", b"/a", b"b?c"),
        (b"/caf%C3%A9", "/caf\u00e9", b"/caf%C3%A9", b""),
        (b"/%ff", "/\ufffd", b"/%ff", b""),
        (b"/%2F%zz%", "//%zz%", b"/%2F%zz%", b""),
        (b"//a/b", "//a/b", b"//a/b", b""),
        (b"/?a=http://b/c", "/", b"/", b"a=http://b/c"),
        (b"*", "*", b"*", b""),
        (b"http://b/c?d", "/c", b"/c", b"d"),
        (b"http://b", "/", b"/", b""),
        (b"http://b?d", "/", b"/", b"d"),
    ],
)
def test_target_is_split_and_decoded(impl, target, path, raw_path, query_string):
    scope = make_scope(impl, target)
    assert (scope["path"], scope["raw_path"], scope["query_string"]) == (
        path,
        raw_path,
        query_string,
    )


@pytest.mark.parametrize(
    ("target", "host"),
    [
        (b"http://b/c", b"b"),
        (b"http://b:80", b"b:80"),
        (b"http://u:p@b/", b"b"),
        (b"/http://b", b"a"),
    ],
)
def test_host_of_an_absolute_target_replaces_the_field(impl, target, host):  # RFC 9112 3.2.2
    scope = make_scope(impl, target, headers=[(b"x", b"y"), (b"host", b"a")])
    assert scope["headers"] == [(b"x", b"y"), (b"host", host)]


def test_host_of_an_absolute_target_is_added_where_the_field_is_missing(impl):
    scope = make_scope(impl, b"http://b/", headers=[(b"x", b"y")], version="1.0")
    assert scope["headers"] == [(b"host", b"b"), (b"x", b"y")]


@pytest.mark.parametrize(
    ("mode", "target", "path", "raw_path"),
    [
        ("keep", b"/x", "/x", b"/x"),
        ("keep", b"/api/x", "/api/x", b"/api/x"),
        ("strip", b"/api/x", "/x", b"/x"),
        ("strip", b"/api", "/", b"/"),
        ("strip", b"/%61pi/x", "/x", b"/%61pi/x"),
        ("strip", b"/apis", "/apis", b"/apis"),
        ("strip", b"/x", "/x", b"/x"),
        ("prepend", b"/x", "/api/x", b"/api/x"),
        ("prepend", b"/api/x", "/api/api/x", b"/api/api/x"),
        ("auto", b"/x", "/api/x", b"/api/x"),
        ("auto", b"/api/x", "/api/x", b"/api/x"),
        ("auto", b"/api", "/api", b"/api"),
        ("auto", b"/apis", "/api/apis", b"/api/apis"),
        ("auto", b"/x%20y", "/api/x y", b"/api/x%20y"),
        ("auto", b"http://a/x", "/api/x", b"/api/x"),
        # Not a path, so nothing is mounted below it (RFC 9112 section 3.2.4).
        ("auto", b"*", "*", b"*"),
        ("prepend", b"*", "*", b"*"),
    ],
)
def test_root_path_mode_says_what_becomes_of_path(impl, mode, target, path, raw_path):
    scope = make_scope(impl, target, root_path="/api", root_path_mode=mode)
    assert (scope["path"], scope["raw_path"]) == (path, raw_path)
    assert scope["root_path"] == "/api"


def make_websocket_scope(impl, target, scheme="http", state=None, **options):
    factory = impl.scope.ScopeFactory(
        scheme, SERVER, CLIENT, state, {"http.response.trailers": {}}, **options
    )
    head = impl.http1_head.RequestHead("GET", target, "1.1", [(b"host", b"a")])
    return factory.websocket(head, ["chat", "superchat"])


def test_websocket_scope_has_every_key_with_its_type(impl):
    state = {"pool": object()}
    scope = make_websocket_scope(impl, b"/a%20b?c=d%20e", state=state)
    assert scope == {
        "type": "websocket",
        "asgi": {"version": "3.0", "spec_version": "2.5"},
        "http_version": "1.1",
        "scheme": "ws",
        "path": "/a b",
        "raw_path": b"/a%20b",
        "query_string": b"c=d%20e",
        "root_path": "",
        "headers": [(b"host", b"a")],
        "client": CLIENT,
        "server": SERVER,
        "subprotocols": ["chat", "superchat"],
        "state": state,
        "extensions": {"websocket.http.response": {}},
    }
    assert type(scope) is dict
    assert scope["state"] is not state


@pytest.mark.parametrize(("scheme", "expected"), [("http", "ws"), ("https", "wss")])
def test_websocket_scope_has_its_own_scheme(impl, scheme, expected):
    assert make_websocket_scope(impl, b"/", scheme)["scheme"] == expected


def test_websocket_scope_without_lifespan_has_no_state(impl):
    assert "state" not in make_websocket_scope(impl, b"/")


def test_websocket_scope_is_mounted_like_that_of_a_request(impl):
    scope = make_websocket_scope(impl, b"/x", root_path="/api", root_path_mode="prepend")
    assert (scope["root_path"], scope["path"], scope["raw_path"]) == ("/api", "/api/x", b"/api/x")


def test_websocket_scopes_share_nothing_with_those_of_requests(impl):
    factory = impl.scope.ScopeFactory("https", SERVER, CLIENT, {"a": 1}, {})
    head = impl.http1_head.RequestHead("GET", b"/", "1.1", [])
    first = factory.websocket(head, [])
    for name in ("state", "asgi", "extensions"):
        first[name]["mine"] = {}
    assert "mine" not in str(factory.websocket(head, []))
    scope = factory.http(head)
    assert (scope["type"], scope["scheme"], scope["method"]) == ("http", "https", "GET")
    assert "mine" not in str(scope)
