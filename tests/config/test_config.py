"""Options in Python: accepted forms, refused values, conflicts."""

from __future__ import annotations

import pickle
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import pytest

from asgiserve.config.bind_address import FdAddress, TcpAddress, UnixAddress, parse_bind_address
from asgiserve.config.config import LOGGING_CONFIG, OPTIONS, Config
from asgiserve.errors import ConfigError

APP = "main:app"


@pytest.fixture(autouse=True)
def no_proxy_in_environment(monkeypatch):
    monkeypatch.delenv("FORWARDED_ALLOW_IPS", raising=False)


def test_defaults_are_uvicorns_where_it_has_the_option():
    config = Config(APP)
    assert (config.host, config.port, config.backlog) == ("127.0.0.1", 8000, 2048)
    assert (config.timeout_keep_alive, config.lifespan, config.interface) == (5, "auto", "auto")
    assert config.forwarded_allow_ips == ["127.0.0.1", "::1"]
    assert config.log_config is LOGGING_CONFIG
    assert (config.access_log, config.proxy_headers, config.server_header) == (True, True, True)
    assert (config.ws, config.ws_max_size, config.ws_max_queue) == ("auto", 16777216, 32)
    assert (config.ws_ping_interval, config.ws_ping_timeout) == (20.0, 20.0)
    assert config.ws_per_message_deflate is True


@pytest.mark.parametrize(
    ("name", "given", "kept"),
    [
        ("port", "0", 0),
        ("port", 65535, 65535),
        ("backlog", " 64 ", 64),
        ("access_log", "off", False),
        ("access_log", "YES", True),
        ("use_colors", "none", None),
        ("use_colors", "1", True),
        ("uds", Path("run/s.sock"), "run/s.sock"),
        ("uds", "None", None),
        ("app_dir", "", "."),
        ("app_dir", None, None),
        ("limit_concurrency", None, None),
        ("limit_request_body", "none", None),
        ("limit_request_body", 2**63 - 1, 2**63 - 1),
        ("timeout_keep_alive", "0.5", 0.5),
        ("timeout_keep_alive", 0, 0),
        ("timeout_graceful_shutdown", None, None),
        ("timeout_lifespan_startup", "none", None),
        ("interface", "ASGI3", "asgi3"),
        ("loop", "uvloop", "uvloop"),
        ("loop", "my.loops:make", "my.loops:make"),
        ("ws", "none", "none"),
        ("ws", "Auto", "auto"),
        ("ws", "websockets", "auto"),
        ("ws", "websockets-sansio", "auto"),
        ("ws", "wsproto", "auto"),
        ("ws_max_size", "1", 1),
        ("ws_ping_interval", None, None),
        ("ws_ping_interval", "none", None),
        ("ws_ping_timeout", "0", 0),
        ("ws_ping_timeout", 0.5, 0.5),
        ("ws_per_message_deflate", "no", False),
        ("log_level", "DEBUG", "debug"),
        ("log_level", "15", 15),
        ("log_level", 5, 5),
        ("log_config", None, None),
        ("log_config", {"version": 1}, {"version": 1}),
        ("log_config", "default", LOGGING_CONFIG),
        ("root_path", "/api/", "/api"),
        ("root_path", "/", ""),
        ("bind", "127.0.0.1:80, [::1]:80", ("127.0.0.1:80", "[::1]:80")),
        ("bind", ["unix:/run/a.sock", "fd://3"], ("unix:/run/a.sock", "fd://3")),
        ("forwarded_allow_ips", "*", ["*"]),
        ("forwarded_allow_ips", "10.0.0.0/8, ::1,unix", ["10.0.0.0/8", "::1", "unix"]),
        ("forwarded_allow_ips", ["/run/100%.sock"], ["/run/100%.sock"]),
        ("forwarded_allow_ips", "", []),
        ("headers", [("X-One", " 1 ")], [("X-One", "1")]),
        ("headers", [["x-one", "a:b"]], [("x-one", "a:b")]),
        ("headers", "x-one: 1, 2", [("x-one", "1, 2")]),
        ("headers", {"x-one": "1"}, [("x-one", "1")]),
        ("headers", None, []),
        ("bind", None, ()),
    ],
)
def test_every_form_of_a_value_has_one_normal_form(name, given, kept):
    assert getattr(Config(APP, **{name: given}), name) == kept


def test_file_mode_is_octal_in_text():
    assert Config(APP, uds="s", uds_permissions="660").uds_permissions == 0o660
    assert Config(APP, uds="s", uds_permissions=0o600).uds_permissions == 0o600


def test_file_options_want_a_file_that_is_there(tmp_path):
    path = tmp_path / "app.env"
    with pytest.raises(ConfigError, match=r"env_file: .* is not the path of a file"):
        Config(APP, env_file=path)
    path.touch()
    assert Config(APP, env_file=path).env_file == str(path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("port", 65536),
        ("port", -1),
        ("port", "http"),
        ("port", True),
        ("port", 80.0),
        ("port", None),
        ("host", 1),
        ("host", "a\0b"),
        ("fd", -1),
        ("backlog", 0),
        ("backlog", 2**31),
        ("access_log", "maybe"),
        ("access_log", 1),
        ("access_log", None),
        ("app_dir", "no/such/directory"),
        ("interface", "rsgi"),
        ("loop", "trio"),
        ("loop", "a:b:c"),
        ("lifespan", None),
        ("limit_concurrency", 0),
        ("limit_max_requests", "many"),
        ("limit_request_head", 0),
        ("limit_request_body", -1),
        ("limit_request_body", 2**63),
        ("timeout_keep_alive", -1),
        ("timeout_keep_alive", "nan"),
        ("timeout_keep_alive", "inf"),
        ("timeout_keep_alive", True),
        ("timeout_keep_alive", None),
        ("timeout_write", 0),
        ("timeout_request_header", "soon"),
        ("ws", "h11"),
        ("ws", None),
        ("ws", True),
        ("ws_max_size", 0),
        ("ws_max_size", None),
        ("ws_max_queue", 0),
        ("ws_ping_interval", -1),
        ("ws_ping_timeout", "soon"),
        ("ws_per_message_deflate", None),
        ("log_level", "loud"),
        ("log_level", -1),
        ("log_level", True),
        ("log_config", "no-such-file.json"),
        ("root_path", "api"),
        ("root_path", "/a?b"),
        ("root_path", "/a\r\nb"),
        ("bind", "8000"),
        ("bind", "host:99999"),
        ("bind", "::1:80"),
        ("bind", "unix:"),
        ("bind", "fd://x"),
        ("forwarded_allow_ips", "10.0.0.1/8"),
        ("forwarded_allow_ips", "10.0.0.0/33"),
        ("forwarded_allow_ips", "fe80::1%eth0"),
        ("forwarded_allow_ips", "fe80::%eth0/64"),
        ("proxy_protocol_allow_ips", "::1%evil"),
        ("forwarded_allow_ips", 1),
        ("forwarded_header", "via"),
        ("headers", "no colon"),
        ("headers", [("", "x")]),
        ("headers", [("bad name", "x")]),
        ("headers", [("x-a", "1\r\nx-b: 2")]),
        ("headers", "x-a: 1\nx-b: 2"),
        ("headers", [("x-a", "\0")]),
        ("headers", [("x-a", "€")]),
        ("headers", [("x-a", "1", "2")]),
        ("headers", [("Content-Length", "5")]),
        ("headers", [("transfer-encoding", "chunked")]),
        ("headers", 5),
    ],
)
def test_bad_value_is_one_line_that_names_option_and_value(name, value):
    with pytest.raises(ConfigError) as caught:
        Config(APP, **{name: value})
    message = str(caught.value)
    assert message.startswith(f"{name}: {value!r} is not ")
    assert "\n" not in message


def test_message_about_a_long_value_is_bounded():
    with pytest.raises(ConfigError) as caught:
        Config(APP, host=("x" * 10_000,))
    assert len(str(caught.value)) < 150


@pytest.mark.parametrize(
    "app", ["main", "main:", ":app", "a b:c", "a..b:c", "a:b..c", "a:b:c", None]
)
def test_malformed_import_string_is_refused(app):
    with pytest.raises(ConfigError, match=r"^app: .* is not MODULE:ATTRIBUTE"):
        Config(app)


def test_unknown_option_is_a_config_error_that_suggests_a_known_one():
    with pytest.raises(ConfigError, match=r"^prot: no such option; did you mean port\?$"):
        Config(APP, prot=1)
    with pytest.raises(ConfigError, match=r"^qqqq: no such option$"):
        Config(APP, qqqq=1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"uds": "s", "fd": 3}, "fd and uds exclude each other"),
        ({"bind": "a:1", "port": 80}, "bind and port exclude each other"),
        ({"uds": "s", "host": "::"}, "uds and host exclude each other"),
        ({"uds_permissions": 0o600}, "uds_permissions: there is no unix socket"),
        ({"bind": "a:1", "uds_permissions": "600"}, "uds_permissions: there is no unix socket"),
        ({"limit_max_requests_jitter": 5}, "limit_max_requests_jitter: needs limit_max_requests"),
        ({"forwarded_header": "forwarded", "proxy_headers": False}, "forwarded_header: has no"),
        (
            {"forwarded_header": "forwarded", "forwarded_fields": "for,prefix"},
            "forwarded_fields: Forwarded (RFC 7239) has no port",
        ),
        ({"interface": "wsgi", "lifespan": "on"}, "lifespan: a WSGI application has no lifespan"),
        (
            {"interface": "asgi3", "wsgi_underscore_headers": True},
            "wsgi_underscore_headers: has no effect without a WSGI application",
        ),
    ],
)
def test_options_in_conflict_are_refused(options, message):
    with pytest.raises(ConfigError) as caught:
        Config(APP, **options)
    assert str(caught.value).startswith(message)


def test_options_that_go_together_are_accepted():
    assert Config(APP, bind=["unix:s", "a:1"], uds_permissions="600").uds_permissions == 0o600
    assert Config(APP, limit_max_requests=9, limit_max_requests_jitter=5).limit_max_requests == 9
    assert Config(APP, uds="s", port=8000).uds == "s"


def test_trusted_proxies_come_from_the_environment_when_not_given(monkeypatch):
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "10.1.2.3")
    assert Config(APP).forwarded_allow_ips == ["10.1.2.3"]
    assert Config(APP, forwarded_allow_ips="::1").forwarded_allow_ips == ["::1"]
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "")
    assert Config(APP).forwarded_allow_ips == []


def test_config_is_frozen_copied_and_pickled():
    config = Config(APP, port=1, headers=[("a", "b")])
    with pytest.raises(FrozenInstanceError):
        config.port = 2
    assert replace(config, port=2) == Config(APP, port=2, headers=[("a", "b")])
    assert pickle.loads(pickle.dumps(config)) == config


def test_every_option_has_a_group_and_a_help_text_of_one_sentence():
    for name, option in OPTIONS.items():
        assert option.group, name
        assert option.help[0].isupper(), name
        assert "\n" not in option.help, name


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:8000", TcpAddress("127.0.0.1", 8000)),
        (":0", TcpAddress("", 0)),
        ("localhost:65535", TcpAddress("localhost", 65535)),
        ("[::1]:80", TcpAddress("::1", 80)),
        ("[fe80::1%eth0]:80", TcpAddress("fe80::1%eth0", 80)),
        ("unix:run/a b.sock", UnixAddress("run/a b.sock")),
        ("fd://12", FdAddress(12)),
    ],
)
def test_bind_address_is_read(text, address):
    assert parse_bind_address(text) == address


@pytest.mark.parametrize(
    "text",
    ["", "80", "a:", "a:65536", "a:-1", "::1:80", "[::1]", "unix:", "unix:\0", "a/b:1"],
)
def test_malformed_bind_address_is_refused(text):
    with pytest.raises(ValueError, match="is not HOST:PORT"):
        parse_bind_address(text)


def test_reloading_has_one_worker_whatever_the_environment_says(monkeypatch):
    monkeypatch.setenv("WEB_CONCURRENCY", "4")
    assert Config(APP).workers == 4
    assert Config(APP, reload=True).workers == 1
    with pytest.raises(ConfigError, match="reload and workers"):
        Config(APP, reload=True, workers=4)
