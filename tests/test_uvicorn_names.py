"""docs/migration.md against the uvicorn that is installed: each name is there, and works."""

from __future__ import annotations

import ast
import asyncio
import dataclasses
import functools
import inspect
import logging
import os
import re
import signal
import ssl
import textwrap
from pathlib import Path
from typing import Any

import click
import pytest

import asgiserve
from asgiserve.cli.command import make_command
from asgiserve.cli.options import from_command_line
from asgiserve.config.config import DEFAULTS, LOGGING_CONFIG, OPTIONS
from asgiserve.config.sources import collect_settings
from asgiserve.errors import ConfigError
from tests.certificates import Authority
from tests.logging_state import restored_logging

uvicorn = pytest.importorskip("uvicorn")

pytestmark = pytest.mark.usefixtures(restored_logging.__name__)
__all__ = ["restored_logging"]

PAGE = (Path(__file__).parent.parent / "docs" / "migration.md").read_text()

# What uvicorn's users write.
ARGUMENTS: dict[str, list[str]] = {
    "--host": ["--host", "0.0.0.0"],
    "--port": ["--port", "0"],
    "--uds": ["--uds", "app.sock"],
    "--fd": ["--fd", "3"],
    "--reload": ["--reload"],
    "--reload-dir": ["--reload", "--reload-dir", "."],
    "--reload-include": ["--reload", "--reload-include", "*.html"],
    "--reload-exclude": ["--reload", "--reload-exclude", "*.tmp"],
    "--reload-delay": ["--reload", "--reload-delay", "0.5"],
    "--workers": ["--workers", "4"],
    "--loop": ["--loop", "asyncio"],
    "--http": ["--http", "h11"],
    "--http2": [],
    "--ws": ["--ws", "auto"],
    "--ws-max-size": ["--ws-max-size", "1024"],
    "--ws-max-queue": ["--ws-max-queue", "7"],
    "--ws-ping-interval": ["--ws-ping-interval", "3.5"],
    "--ws-ping-timeout": ["--ws-ping-timeout", "4.5"],
    "--ws-per-message-deflate": ["--ws-per-message-deflate", "false"],
    "--lifespan": ["--lifespan", "on"],
    "--interface": ["--interface", "asgi2"],
    "--env-file": ["--env-file", "app.env"],
    "--log-config": ["--log-config", "log.json"],
    "--log-level": ["--log-level", "trace"],
    "--access-log": ["--no-access-log"],
    "--use-colors": ["--no-use-colors"],
    "--proxy-headers": ["--no-proxy-headers"],
    "--server-header": ["--no-server-header"],
    "--date-header": ["--no-date-header"],
    "--forwarded-allow-ips": ["--forwarded-allow-ips", "10.0.0.1"],
    "--root-path": ["--root-path", "/api"],
    "--limit-concurrency": ["--limit-concurrency", "50"],
    "--backlog": ["--backlog", "128"],
    "--limit-max-requests": ["--limit-max-requests", "1000"],
    "--limit-max-requests-jitter": [
        "--limit-max-requests", "9", "--limit-max-requests-jitter", "5",
    ],
    "--timeout-keep-alive": ["--timeout-keep-alive", "7"],
    "--timeout-graceful-shutdown": ["--timeout-graceful-shutdown", "11"],
    "--timeout-worker-healthcheck": ["--timeout-worker-healthcheck", "13"],
    "--ssl-keyfile": ["--ssl-certfile", "cert.pem", "--ssl-keyfile", "key.pem"],
    "--ssl-certfile": ["--ssl-certfile", "cert.pem"],
    "--ssl-keyfile-password": ["--ssl-certfile", "cert.pem", "--ssl-keyfile-password", "x"],
    "--ssl-version": ["--ssl-version", "17"],
    "--ssl-cert-reqs": [
        "--ssl-certfile", "cert.pem", "--ssl-ca-certs", "ca.pem", "--ssl-cert-reqs", "2",
    ],
    "--ssl-ca-certs": ["--ssl-certfile", "cert.pem", "--ssl-ca-certs", "ca.pem"],
    "--ssl-ciphers": ["--ssl-certfile", "cert.pem", "--ssl-ciphers", "ECDHE+AESGCM"],
    "--header": ["--header", "X-A: b"],
    "--app-dir": ["--app-dir", "."],
    "--h11-max-incomplete-event-size": ["--h11-max-incomplete-event-size", "4096"],
    "--reset-contextvars": ["--reset-contextvars"],
    "--factory": ["--factory"],
}  # fmt: skip
# Where uvicorn's default is another, as the page says.
OTHER_DEFAULTS = {"timeout_graceful_shutdown", "timeout_worker_healthcheck"}


def read_rows(heading: str) -> list[list[str]]:
    """The cells of the table under *heading*."""
    section = re.split(r"^#", PAGE.partition(f" {heading}\n")[2], maxsplit=1, flags=re.M)[0]
    rows = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row[1:-1].split("|")] for row in rows[2:]]


def names_of(heading: str, column: int = 0) -> list[str]:
    return [row[column].strip("`") for row in read_rows(heading) if row[column]]


def public_names(thing: type) -> set[str]:
    """What instances of *thing* have: methods, and what any of its methods sets."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(thing)))
    stored = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Store)
        and isinstance(node.value, ast.Name)
        and node.value.id == "self"
    }
    return {name for name in stored | set(dir(thing)) if not name.startswith("_")}


@pytest.fixture
def directory(tmp_path, monkeypatch):
    """A current directory with the files that options name, and no options from elsewhere."""
    monkeypatch.chdir(tmp_path)
    for name in ("WEB_CONCURRENCY", "FORWARDED_ALLOW_IPS"):
        monkeypatch.delenv(name, raising=False)
    for name in ("app.env", "log.json", "cert.pem", "key.pem", "ca.pem"):
        (tmp_path / name).touch()
    return tmp_path


def read_ours(arguments: list[str]) -> Any:
    """The configuration that the command makes of *arguments*."""
    given: dict[str, Any] = {}

    def keep(config, print_config, check_config, version, **values):
        given.update(values)
        return 0

    make_command(keep).main(["main:app", *arguments], "asgiserve", standalone_mode=False)
    return collect_settings(from_command_line(given), None, {}).make_config(asgiserve.Config)


def read_theirs(arguments: list[str]) -> dict[str, Any]:
    return dict(uvicorn.main.make_context("uvicorn", ["main:app", *arguments]).params)


# The tables -----------------------------------------------------------------------------------


def test_every_option_of_uvicorn_is_in_the_table():
    flags = {
        "APP" if isinstance(each, click.Argument) else each.opts[0] for each in uvicorn.main.params
    }
    assert set(names_of("Options")) == flags
    names = {
        *inspect.signature(uvicorn.Config).parameters,
        *inspect.signature(uvicorn.run).parameters,
    }
    assert set(names_of("Options", 1)) == names


def test_every_attribute_of_config_and_server_is_in_a_table():
    options = set(names_of("Options", 1))
    assert set(names_of("Config")) == public_names(uvicorn.Config) - options
    assert set(names_of("Server")) == public_names(uvicorn.Server)
    assert set(names_of("The module")) == set(uvicorn.__all__)


def test_every_attribute_is_here_but_for_those_that_are_said_to_be_missing():
    missing = {
        row[0].strip("`")
        for heading in ("Config", "Server", "The module")
        for row in read_rows(heading)
        if row[1].startswith("missing")
    }
    config = asgiserve.Config("main:app")
    server = asgiserve.Server(config)
    for heading, thing in (("Config", config), ("Server", server), ("The module", asgiserve)):
        for name in names_of(heading):
            assert hasattr(thing, name) == (name not in missing), name
    assert missing == {
        "http_protocol_class",
        "on_tick",
        "reload_dirs_excludes",
        "setup_event_loop",
        "ws_protocol_class",
    }


# Options --------------------------------------------------------------------------------------


def test_an_example_is_tried_of_every_option():
    assert ARGUMENTS.keys() == set(names_of("Options")) - {"APP", "--version"}


@pytest.mark.parametrize("flag", ARGUMENTS)
def test_option_has_the_value_that_uvicorn_gives_it(directory, flag):
    name = next(row[1].strip("`") for row in read_rows("Options") if row[0] == f"`{flag}`")
    ours = getattr(read_ours(ARGUMENTS[flag]), name)
    theirs = read_theirs(ARGUMENTS[flag])[name]
    if name == "ssl_cert_reqs":
        theirs = {ssl.CERT_NONE: "none", ssl.CERT_REQUIRED: "required"}[theirs]
    elif name == "headers":
        theirs = [tuple(part.strip() for part in each.split(":", 1)) for each in theirs]
    elif isinstance(theirs, (tuple, list)):
        theirs = tuple(theirs)
    elif name == "forwarded_allow_ips":
        theirs = theirs.split(",")
    elif name == "http":
        assert ours == theirs == "h11"
    assert ours == theirs


def test_defaults_are_those_of_uvicorn_but_for_the_ones_that_are_named(directory):
    theirs = {
        name: parameter.default
        for name, parameter in inspect.signature(uvicorn.Config).parameters.items()
        if name != "app"
    }
    config = asgiserve.Config("main:app")
    peer = uvicorn.Config("main:app", log_config=None)
    others = set()
    for name, default in theirs.items():
        ours = getattr(config, name)
        if name in ("workers", "forwarded_allow_ips"):
            default = getattr(peer, name)
            default = default.split(",") if isinstance(default, str) else default
        if name == "ssl_cert_reqs":
            default = {ssl.CERT_NONE: "none"}[default]
        if name == "log_config":
            default = LOGGING_CONFIG
        if ours != default and not (default is None and ours in ([], ())):
            others.add(name)
    assert others == OTHER_DEFAULTS
    for row in read_rows("Options"):
        assert ("default" in row[2]) == (row[1].strip("`") in OTHER_DEFAULTS), row


@pytest.mark.parametrize("value", ["1", "true", "YES", "0", "False", "off"])
@pytest.mark.parametrize("form", ["{flag} {value}", "{flag}={value}"])
def test_switch_takes_the_values_that_uvicorn_takes(form, value):
    arguments = form.format(flag="--ws-per-message-deflate", value=value).split(" ")
    expected = read_theirs(arguments)["ws_per_message_deflate"]
    assert read_ours(arguments).ws_per_message_deflate == expected


def test_switch_is_one_without_a_value_too():
    assert not read_ours(["--no-ws-per-message-deflate", "--port", "1"]).ws_per_message_deflate
    assert read_ours(["--ws-per-message-deflate", "--port", "1"]).port == 1
    given: list[dict[str, Any]] = []
    command = make_command(lambda **values: given.append(values) or 0)
    command.main(["--ws-per-message-deflate", "main:app"], "asgiserve", standalone_mode=False)
    assert given[0]["app"] == "main:app"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"http2": True}, "http2: true is not possible"),
        ({"http": "h2"}, "http: 'h2' is not one of auto, h11, httptools, zttp"),
        ({"http": asyncio.Protocol}, "http: "),
        ({"ws": asyncio.Protocol}, "ws: "),
        ({"ssl_version": 5}, "ssl_version: 5 is not 2 or 17"),
        (
            {"h11_max_incomplete_event_size": 5, "limit_request_head": 6},
            "h11_max_incomplete_event_size is another name of limit_request_head",
        ),
        ({"timeout_notify": 5}, "timeout_notify: has no effect without callback_notify"),
        ({"callback_notify": "nothing"}, "callback_notify: 'nothing' is not MODULE:ATTRIBUTE"),
    ],
)
def test_what_cannot_be_is_refused(options, message):
    with pytest.raises(ConfigError) as caught:
        asgiserve.Config("main:app", **options)
    assert str(caught.value).startswith(message)


# Line by line --------------------------------------------------------------------------------

# The lines of the tables of Config, Server and the module that say "the same" are tried on both.


def lines_that_say_the_same(heading: str) -> set[str]:
    return {row[0].strip("`") for row in read_rows(heading) if row[1].startswith("the same")}


async def site(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        scope["state"]["color"] = "blue"
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


def site_of_asgi2(scope):
    return functools.partial(site, scope)


class SiteOfAsgi2:
    def __init__(self, scope):
        self.scope = scope

    async def __call__(self, receive, send):
        await site(self.scope, receive, send)


def make_config(module: Any, app: Any = site, **options: Any) -> Any:
    return module.Config(app, log_config=None, ws="none", **options)


def look_at_config(module: Any, files: Any) -> dict[str, Any]:
    """What each attribute of the table is."""
    tls = {"ssl_certfile": str(files.certificate), "ssl_keyfile": str(files.key)}
    config = make_config(module, headers=[("Server", "mine"), ("X-A", "\xe9")], port=0, **tls)
    seen: dict[str, Any] = {"loaded": [config.loaded], "load": config.load()}
    seen["loaded"].append(config.loaded)
    seen["load_app"] = config.load_app() is site
    seen["loaded_app"] = callable(config.loaded_app)
    seen["encoded_headers"] = config.encoded_headers
    seen["ssl"] = isinstance(config.ssl, ssl.SSLContext)
    seen["get_loop_factory"] = make_config(module, loop="asyncio").get_loop_factory()
    logging.getLogger("site").setLevel("INFO")
    loggers = {"version": 1, "disable_existing_loggers": False, "loggers": {"site": {"level": 10}}}
    seen["configure_logging"] = [
        module.Config(site, log_config=loggers).configure_logging(),
        logging.getLogger("site").level,
    ]
    with config.bind_socket() as sock:
        seen["bind_socket"] = sock.family, sock.getsockname()[0], sock.get_inheritable()
    seen["is_ssl"] = [make_config(module, **each).is_ssl for each in ({}, tls)]
    seen["should_reload"] = [
        make_config(module, app, reload=reload).should_reload
        for app in (site, "site:app")
        for reload in (False, True)
    ]
    seen["use_subprocess"] = [
        make_config(module, "site:app", **each).use_subprocess
        for each in ({}, {"reload": True}, {"workers": 1}, {"workers": 2})
    ]
    seen["asgi_version"] = []
    for app, interface in (
        (site, "auto"), (SiteOfAsgi2, "auto"), (site_of_asgi2, "auto"),
        (site, "asgi3"), (SiteOfAsgi2, "asgi2"), (site, "wsgi"),
    ):  # fmt: skip
        config = make_config(module, app, interface=interface, proxy_headers=False)
        config.load()
        seen["asgi_version"].append(config.asgi_version)
    return seen


@pytest.mark.filterwarnings("ignore::DeprecationWarning:uvicorn")
def test_each_line_about_config_is_true(directory):
    files = Authority(directory).issue("localhost")
    ours = look_at_config(asgiserve, files)
    assert ours == look_at_config(uvicorn, files)
    assert ours.keys() == lines_that_say_the_same("Config")


async def look_at_server(module: Any, raised: list[int]) -> dict[str, Any]:
    """What each attribute of the table is, before, while and after it serves."""
    config = make_config(module, port=0, lifespan="on", limit_max_requests=5)
    server = module.Server(config)
    seen: dict[str, Any] = {
        "config": server.config is config,
        "started": [server.started],
        "should_exit": [server.should_exit],
        "force_exit": [server.force_exit],
        "last_notified": server.last_notified,
        "limit_max_requests": server.limit_max_requests,
    }
    task = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - as people write it
        await asyncio.sleep(0.01)
    seen["started"].append(server.started)
    address = server.servers[0].sockets[0].getsockname()
    seen["servers"] = len(server.servers), address[0]
    reader, writer = await asyncio.open_connection(*address)
    writer.write(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    await reader.read()
    writer.close()
    seen["server_state"] = server.server_state.total_requests
    seen["lifespan"] = server.lifespan.state
    before = signal.getsignal(signal.SIGTERM)
    server.handle_exit(signal.SIGTERM, None)
    seen["should_exit"].append(server.should_exit)
    seen["serve"] = await task
    # What came while it served is raised again, once the handlers are back.
    seen["capture_signals"] = before is not signal.getsignal(signal.SIGTERM)
    seen["handle_exit"] = list(raised)

    # By its pieces, as those do who wait for something of their own in between.
    config = make_config(module, port=0)
    config.load()
    server = module.Server(config)
    server.lifespan = config.lifespan_class(config)
    seen["startup"] = await server.startup(), server.started
    server.should_exit = True
    seen["main_loop"] = await server.main_loop()
    seen["shutdown"] = await server.shutdown()
    return seen


def run_server(module: Any) -> dict[str, Any]:
    """What ``run`` of a server gives, which something ends while it serves."""

    async def stop():
        server.should_exit = True

    config = make_config(module, port=0, lifespan="off", callback_notify=stop, timeout_notify=0.01)
    server = module.Server(config)
    return {"run": [server.run(), server.started, server.last_notified > 0]}


@pytest.mark.filterwarnings("ignore::DeprecationWarning:uvicorn")
def test_each_line_about_server_is_true(directory):
    def look(module: Any) -> dict[str, Any]:
        raised: list[int] = []
        previous = signal.signal(signal.SIGTERM, lambda number, frame: raised.append(number))
        try:
            return asyncio.run(look_at_server(module, raised)) | run_server(module)
        finally:
            signal.signal(signal.SIGTERM, previous)

    ours = look(asgiserve)
    assert ours == look(uvicorn)
    assert ours.keys() == lines_that_say_the_same("Server")


@pytest.mark.parametrize(
    ("file", "environ", "options"),
    [
        ("", {}, {}),
        ("WEB_CONCURRENCY=3\nFORWARDED_ALLOW_IPS='10.0.0.1,10.0.0.2'\n", {}, {}),
        ("WEB_CONCURRENCY=3\n", {"WEB_CONCURRENCY": "2"}, {}),
        ("FORWARDED_ALLOW_IPS=*\n", {"FORWARDED_ALLOW_IPS": "10.0.0.3"}, {}),
        ("FORWARDED_ALLOW_IPS=*\nWEB_CONCURRENCY=3", {}, {"forwarded_allow_ips": "::1"}),
        ("WEB_CONCURRENCY=3\n", {}, {"workers": 4}),
        ("# none\nHOST_OF_TEST=10.0.0.4\nexport FORWARDED_ALLOW_IPS=${HOST_OF_TEST}\n", {}, {}),
    ],
)
def test_environment_file_is_read_as_uvicorn_reads_it(
    directory, monkeypatch, file, environ, options
):
    pytest.importorskip("dotenv")
    (directory / "app.env").write_text(file)
    for name in ("WEB_CONCURRENCY", "FORWARDED_ALLOW_IPS", "HOST_OF_TEST"):
        # uvicorn sets them in this process; known to monkeypatch they are taken away again.
        monkeypatch.setenv(name, environ.get(name, ""))
        if name not in environ:
            monkeypatch.delenv(name)
    before = dict(os.environ)
    ours = asgiserve.Config("main:app", env_file="app.env", log_config=None, **options)
    assert dict(os.environ) == before
    theirs = uvicorn.Config("main:app", env_file="app.env", log_config=None, **options)
    assert ours.workers == theirs.workers
    assert ours.forwarded_allow_ips == theirs.forwarded_allow_ips.split(",")


def test_size_of_an_event_limits_the_head():
    config = asgiserve.Config("main:app", h11_max_incomplete_event_size=4096)
    assert config.limit_request_head == 4096
    assert dataclasses.replace(config, port=1).limit_request_head == 4096
    assert DEFAULTS["limit_request_head"] != 4096
    assert set(OPTIONS) >= {"h11_max_incomplete_event_size"}
