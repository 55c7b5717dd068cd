"""The scope that an application is called with (ASGI HTTP 2.5, "HTTP Connection Scope")."""

from __future__ import annotations

import contextvars

from tests.apps import RecordingApp, answer
from tests.fakes import CLIENT, SERVER, Wire

GET = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"


def scope_of(impl, request=GET, *, extra=None, state=None, **options):
    app = RecordingApp()
    with Wire(impl, app, extra=extra, state=state, **options) as wire:
        wire.feed(request)
    (seen,) = app.requests
    return seen.scope


def test_scope_has_every_key_with_its_type(impl):
    scope = scope_of(impl, b"GET /a%20b?c=%20d HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n")
    assert type(scope) is dict
    extensions = scope.pop("extensions")
    assert scope == {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.5"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/a b",
        "raw_path": b"/a%20b",
        "query_string": b"c=%20d",
        "root_path": "",
        "headers": [(b"host", b"a"), (b"x", b"y")],
        "client": CLIENT,
        "server": SERVER,
    }
    assert all(type(parameters) is dict for parameters in extensions.values())
    assert all(type(part) is bytes for pair in scope["headers"] for part in pair)
    assert type(scope["client"][1]) is int
    assert type(scope["server"][1]) is int


def test_scheme_is_https_over_tls(impl):
    assert scope_of(impl, extra={"sslcontext": object()})["scheme"] == "https"


def test_unix_socket_is_named_as_the_specification_says(impl):
    scope = scope_of(impl, extra={"peername": "", "sockname": "/run/a.sock"})
    assert scope["client"] is None
    assert scope["server"] == ("/run/a.sock", None)


def test_ipv6_addresses_are_pairs(impl):
    scope = scope_of(impl, extra={"peername": ("::1", 5, 0, 0), "sockname": ("::1", 8000, 0, 0)})
    assert scope["client"] == ("::1", 5)
    assert scope["server"] == ("::1", 8000)


def test_address_that_is_not_known_is_none(impl):
    scope = scope_of(impl, extra={"peername": None, "sockname": None})
    assert scope["client"] is None
    assert scope["server"] is None


def test_state_is_a_shallow_copy_for_each_request(impl):
    shared = []
    state = {"shared": shared}
    first = scope_of(impl, state=state)["state"]
    second = scope_of(impl, state=state)["state"]
    assert first == second == state
    assert first is not second
    assert first is not state
    assert first["shared"] is shared


def test_scopes_of_one_connection_share_nothing_that_can_be_changed(impl):
    app = RecordingApp()
    with Wire(impl, app, state={}) as wire:
        wire.feed(GET + GET)
    first, second = (seen.scope for seen in app.requests)
    assert first == second
    for key in ("asgi", "headers", "extensions", "state"):
        assert first[key] is not second[key], key


def test_application_is_not_called_before_a_request(impl):
    app = RecordingApp()
    with Wire(impl, app) as wire:
        wire.feed(b"GET / HTTP/1.1\r\nhost: a\r\n")
        assert app.requests == []


def test_context_variables_of_the_lifespan_are_seen_and_not_shared(impl):
    variable = contextvars.ContextVar("variable", default="unset")
    lifespan_context = contextvars.copy_context()
    lifespan_context.run(variable.set, "from startup")
    seen = []

    async def app(scope, receive, send):
        seen.append(variable.get())
        variable.set("from a request")
        await answer(send)

    with Wire(impl, app, task_context=lifespan_context) as wire:
        wire.feed(GET + GET)
        wire.connect()
        wire.feed(GET)
    assert seen == ["from startup"] * 3
