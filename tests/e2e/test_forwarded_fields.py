"""The address that clients see, as proxies tell it over real connections."""

import ast
import re

import pytest

from .raw_client import RawClient
from .server_process import APPS_DIR, ServerProcess

SITE = "websocket_site:app"

FIELDS = "--forwarded-fields=for,proto,host,port,prefix"


@pytest.fixture
def serve_site(asgiserve_server):
    """Serve in this process: for what is the middleware's alone, one column is enough."""

    def start_site(**options):
        return asgiserve_server("websocket_site:app", app_dir=APPS_DIR, **options)

    return start_site


def ask_scope(server, *lines):
    address = server.address if isinstance(server, ServerProcess) else (server.host, server.port)
    with RawClient(address) as raw:
        answer = raw.get("/page", "x-show-scope: yes", *lines)
    assert answer.status == 200
    return ast.literal_eval(answer.body.decode())


@pytest.mark.parametrize(
    ("line", "changes"),
    [
        # Each alone leaves the short way around the middleware.
        ("x-forwarded-host: site.example", {"server": ("site.example", 80)}),
        ("x-forwarded-port: 8443", {"server": ("127.0.0.1", 8443)}),
        ("x-forwarded-prefix: /api", {"root_path": "/api", "path": "/api/page"}),
        ("x-forwarded-prefix: //evil.example", {"root_path": "", "path": "/page"}),
    ],
)
def test_named_field_changes_the_scope_by_itself(start, line, changes):
    scope = ask_scope(start(FIELDS), line)
    assert {name: scope[name] for name in changes} == changes


def test_fields_that_are_not_named_change_nothing(serve_site):
    server = serve_site()
    scope = ask_scope(
        server,
        "x-forwarded-host: site.example",
        "x-forwarded-port: 8443",
        "x-forwarded-prefix: /api",
    )
    assert tuple(scope["server"]) == (server.host, server.port)
    assert (b"host", b"e2e") in scope["headers"]
    assert (scope["root_path"], scope["path"]) == ("", "/page")


def test_websocket_has_the_address_that_its_client_saw(start, open_raw_websocket):
    server = start(FIELDS, "--root-path=/v1", "--root-path-mode=strip")
    raw = open_raw_websocket(
        server,
        "/scope",
        x_forwarded_host="site.example",
        x_forwarded_proto="https",
        x_forwarded_prefix="/api",
    )
    scope = ast.literal_eval(raw.read_frame().payload.decode())
    assert (scope["scheme"], scope["server"]) == ("wss", ("site.example", 443))
    assert [value for name, value in scope["headers"] if name == b"host"] == [b"site.example"]
    assert (scope["root_path"], scope["path"]) == ("/api/v1", "/scope")


def test_access_lines_name_the_client_that_a_trusted_proxy_tells(start, open_raw_websocket):
    server = start()
    ask_scope(server, "x-forwarded-for: 203.0.113.7")
    with RawClient(server.address) as raw:
        raw.get("/mine")
        port = raw.socket.getsockname()[1]
    open_raw_websocket(server, "/echo", x_forwarded_for="2001:db8::1").close()
    server.wait_for_log("WEBSOCKET /echo")
    assert re.findall(r"(\S+) - \"(\w+) ", server.log()) == [
        ("203.0.113.7:0", "GET"),
        (f"127.0.0.1:{port}", "GET"),
        ("2001:db8::1:0", "GET"),
        ("2001:db8::1:0", "WEBSOCKET"),
    ]


def test_access_lines_name_a_peer_that_only_pretends_to_be_a_proxy(start):
    server = start("--forwarded-allow-ips=192.0.2.1")
    ask_scope(server, "x-forwarded-for: 203.0.113.7")
    server.wait_for_log("GET /page")
    assert "203.0.113.7" not in server.log()


def test_forwarded_names_the_host(serve_site):
    server = serve_site(forwarded_header="forwarded", forwarded_fields=["for", "proto", "host"])
    scope = ask_scope(server, 'forwarded: for=203.0.113.7;proto=https;host="site.example:8443"')
    assert scope["client"] == ("203.0.113.7", 0)
    assert (scope["scheme"], scope["server"]) == ("https", ("site.example", 8443))
