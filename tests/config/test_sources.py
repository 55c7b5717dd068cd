"""Where options come from: which source wins, what is refused, what --print-config shows."""

from __future__ import annotations

import os
import sys
import tomllib

import pytest

from asgiserve import Config
from asgiserve.config.config import OPTIONS
from asgiserve.config.sources import Settings, Sourced, collect_settings, format_config
from asgiserve.errors import ConfigError


@pytest.fixture(autouse=True)
def empty_directory(tmp_path, monkeypatch):
    """Run in a directory without configuration files."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FORWARDED_ALLOW_IPS", raising=False)
    return tmp_path


def collect(command_line=None, environ=None, config_file=None) -> Settings:
    given = {name: Sourced(value, f"--{name}") for name, value in (command_line or {}).items()}
    return collect_settings(given, config_file, environ or {})


def test_command_line_comes_before_environment_before_file(empty_directory):
    (empty_directory / "asgiserve.toml").write_text(
        "port = 1\nbacklog = 1\nfd = 1\nlog_level = 1\n"
    )
    environ = {"ASGISERVE_PORT": "2", "ASGISERVE_BACKLOG": "2"}
    settings = collect({"app": "main:app", "port": "3"}, environ)
    assert settings.values == {
        "app": ("main:app", "--app"),
        "port": (3, "--port"),
        "backlog": (2, "ASGISERVE_BACKLOG"),
        "fd": (1, "asgiserve.toml"),
        "log_level": (1, "asgiserve.toml"),
    }
    assert settings.source_of("host") == "default"


def test_every_option_can_come_from_the_environment(empty_directory):
    (empty_directory / "x").touch()
    texts = {
        "app": "main:app",
        "app_dir": ".",
        "bind": "a:1,unix:s",
        "callback_notify": "site:notify",
        "env_file": "x",
        "fd": "3",
        "forwarded_allow_ips": "*",
        "forwarded_fields": "for,host",
        "forwarded_header": "forwarded",
        "headers": "x-a: 1, 2\n x-b: 3 \n",
        "host": "::",
        "http": "h11",
        "interface": "wsgi",
        "lifespan": "off",
        "log_config": "x",
        "log_format": "logfmt",
        "log_level": "trace",
        "loop": "none",
        "proxy_protocol_allow_ips": "10.0.0.0/8",
        "readiness_path": "/readyz",
        "reload_dirs": ".",
        "root_path": "/r",
        "root_path_mode": "keep",
        "ssl_ca_certs": "x",
        "ssl_cert_reqs": "required",
        "ssl_certfile": "x",
        "ssl_context_factory": "tls:make",
        "ssl_keyfile": "x",
        "ssl_min_version": "1.3",
        "ssl_version": "17",
        "ssl_sni": "*.example.com=x:x",
        "uds": "s",
        "uds_permissions": "600",
        "ws": "none",
    }
    for name, option in OPTIONS.items():
        text = texts.get(name, "true" if option.kind.is_switch else "7")
        sourced = collect(environ={f"ASGISERVE_{name.upper()}": text}).values[name]
        assert sourced.source == f"ASGISERVE_{name.upper()}"
    environ = {"ASGISERVE_HEADERS": texts["headers"], "ASGISERVE_BIND": texts["bind"]}
    values = collect(environ=environ).values
    assert values["headers"].value == [("x-a", "1, 2"), ("x-b", "3")]
    assert values["bind"].value == ("a:1", "unix:s")


def test_empty_variable_counts_as_not_set():
    assert collect(environ={"ASGISERVE_PORT": "", "ASGISERVE_UDS": ""}).values == {}


@pytest.mark.parametrize(
    "name", ["SPEEDUPS", "BUILD", "LLHTTP", "CFLAGS", "TEST_COLUMNS", "TEST_ANYTHING"]
)
def test_variables_that_are_not_options_are_left_alone(name):
    assert collect(environ={f"ASGISERVE_{name}": "x", "PORT": "1"}).values == {}


@pytest.mark.parametrize("variable", ["ASGISERVE_PROT", "ASGISERVE_WORKER"])
def test_unknown_variable_is_refused(variable):
    with pytest.raises(ConfigError, match=rf"no such option.*\(from {variable}\)"):
        collect(environ={variable: "1"})


def test_bad_value_names_its_source(empty_directory):
    with pytest.raises(ConfigError) as caught:
        collect(environ={"ASGISERVE_PORT": "x"})
    assert str(caught.value) == "port: 'x' is not an integer from 0 to 65535 (from ASGISERVE_PORT)"
    (empty_directory / "asgiserve.toml").write_text("port = true\n")
    with pytest.raises(ConfigError, match=r"^port: True is not .* \(from asgiserve.toml\)$"):
        collect()


def test_value_that_is_overridden_is_not_judged(empty_directory):
    (empty_directory / "asgiserve.toml").write_text("port = true\nbacklog = true\n")
    environ = {"ASGISERVE_PORT": "x", "ASGISERVE_BACKLOG": "2"}
    assert collect({"port": "1"}, environ).values == {
        "port": (1, "--port"),
        "backlog": (2, "ASGISERVE_BACKLOG"),
    }


# As Kubernetes writes them for Services called asgiserve, asgiserve-web and asgiserve-reuse.
SERVICE_LINKS = {
    "ASGISERVE_PORT": "tcp://10.3.0.5:80",
    "ASGISERVE_PORT_53_UDP": "udp://10.3.0.5:53",
    "ASGISERVE_PORT_80_TCP": "tcp://[fd00::5]:80",
    "ASGISERVE_PORT_80_TCP_ADDR": "10.3.0.5",
    "ASGISERVE_PORT_80_TCP_PORT": "80",
    "ASGISERVE_PORT_80_TCP_PROTO": "tcp",
    "ASGISERVE_REUSE_PORT": "tcp://10.3.0.7:80",
    "ASGISERVE_SERVICE_HOST": "10.3.0.5",
    "ASGISERVE_SERVICE_PORT": "80",
    "ASGISERVE_SERVICE_PORT_HTTP": "80",
    "ASGISERVE_WEB_PORT": "tcp://10.3.0.6:80",
    "ASGISERVE_WEB_SERVICE_HOST": "10.3.0.6",
}


def test_service_links_of_kubernetes_are_no_options():
    settings = collect(environ=SERVICE_LINKS)
    assert settings.values == {}
    assert settings.service_links == sorted(SERVICE_LINKS)


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("ASGISERVE_PORT", "tcp://10.3.0.5"),
        ("ASGISERVE_PORT", "http://10.3.0.5:80"),
        ("ASGISERVE_HOST_PORT", "80"),
        ("ASGISERVE_PORT_80", "80"),
        ("ASGISERVE_SERVICE", "10.3.0.5"),
    ],
)
def test_what_only_resembles_a_service_link_is_refused(variable, text):
    with pytest.raises(ConfigError, match=rf"\(from {variable}\)"):
        collect(environ={variable: text})


def test_environment_file_is_a_source(empty_directory, monkeypatch):
    pytest.importorskip("dotenv")
    for name in ("WEB_CONCURRENCY", "FORWARDED_ALLOW_IPS"):
        monkeypatch.delenv(name, raising=False)
    (empty_directory / "app.env").write_text("WEB_CONCURRENCY=3\nFORWARDED_ALLOW_IPS=10.0.0.1\n")
    settings = collect({"app": "main:app", "env_file": "app.env", "forwarded_allow_ips": "::1"})
    config = settings.make_config(Config)
    assert (config.workers, config.forwarded_allow_ips) == (3, ["::1"])
    assert settings.source_of("workers") == "WEB_CONCURRENCY in app.env"
    assert settings.source_of("forwarded_allow_ips") == "--forwarded_allow_ips"
    monkeypatch.setenv("WEB_CONCURRENCY", "2")
    assert settings.make_config(Config).workers == 2
    assert settings.source_of("workers") == "WEB_CONCURRENCY"


@pytest.mark.parametrize("library", ["dotenv", None])
def test_environment_file_that_cannot_be_read(empty_directory, monkeypatch, library):
    if library is None:
        # That it is missing is told when the application's environment is to be set.
        monkeypatch.setitem(sys.modules, "dotenv", None)
    else:
        pytest.importorskip(library)
    (empty_directory / "app.env").write_bytes(b"A=\xff\n")
    settings = collect({"app": "main:app", "env_file": "app.env", "workers": "3"})
    if library is None:
        assert settings.make_config(Config).workers == 3
    else:
        with pytest.raises(ConfigError, match=r"^env_file: app.env: .*utf-8.*from --env_file"):
            settings.make_config(Config)


def test_conflict_names_both_sources():
    settings = collect({"app": "main:app", "uds": "s"}, {"ASGISERVE_FD": "3"})
    with pytest.raises(ConfigError) as caught:
        settings.make_config(Config)
    assert str(caught.value).endswith("(fd from ASGISERVE_FD, uds from --uds)")


def test_missing_application_is_refused():
    with pytest.raises(ConfigError, match="app: missing"):
        collect().make_config(Config)


def test_pyproject_is_read_when_there_is_no_asgiserve_toml(empty_directory):
    pyproject = empty_directory / "pyproject.toml"
    pyproject.write_text('[project]\nname = "x"\n[tool.asgiserve]\nport = 1\n')
    source = "[tool.asgiserve] in pyproject.toml"
    assert collect().values == {"port": (1, source)}
    (empty_directory / "asgiserve.toml").write_text("port = 2\n")
    assert collect().values == {"port": (2, "asgiserve.toml")}
    pyproject.write_text('[project]\nname = "x"\n')
    (empty_directory / "asgiserve.toml").unlink()
    assert collect().values == {}


def test_named_file_is_read_alone(empty_directory):
    (empty_directory / "asgiserve.toml").write_text("port = 2\n")
    (empty_directory / "other.toml").write_text("backlog = 3\n")
    assert collect(config_file="other.toml").values == {"backlog": (3, "other.toml")}
    environ = {"ASGISERVE_CONFIG": "other.toml"}
    assert collect(environ=environ).values == {"backlog": (3, "other.toml")}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("prot = 1\n", "prot: no such option; did you mean port? (from asgiserve.toml)"),
        ("log-level = 1\n", "log-level: no such option; did you mean log_level?"),
        ("port = \n", "config: asgiserve.toml: "),
        ("[table]\nport = 1\n", "table: no such option"),
        ("port = 1\nport = 2\n", "config: asgiserve.toml: "),
        ("host = '\udcff'\n", "config: asgiserve.toml: "),
    ],
)
def test_malformed_file_is_refused(empty_directory, text, message):
    (empty_directory / "asgiserve.toml").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ConfigError) as caught:
        collect()
    assert str(caught.value).startswith(message)


def test_directory_that_is_closed_holds_no_file(empty_directory, monkeypatch):
    (empty_directory / "asgiserve.toml").write_text("port = 1\n")

    def refuse(*arguments, **options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "stat", refuse)
    assert collect().values == {}


def test_missing_named_file_is_refused():
    with pytest.raises(ConfigError, match=r"^config: nowhere.toml: No such file"):
        collect(config_file="nowhere.toml")


def test_table_of_the_wrong_type_is_refused(empty_directory):
    (empty_directory / "pyproject.toml").write_text("[tool]\nasgiserve = 1\n")
    with pytest.raises(ConfigError, match="is not a table"):
        collect()


def test_toml_gives_lists_tables_and_none(empty_directory):
    (empty_directory / "asgiserve.toml").write_text(
        'app = "main:app"\nbind = ["a:1", "[::1]:2"]\ntimeout_graceful_shutdown = "none"\n'
        'uds_permissions = 0o666\nforwarded_allow_ips = ["10.0.0.0/8"]\n[headers]\nX-A = "1"\n'
    )
    config = collect().make_config(Config)
    assert config.bind == ("a:1", "[::1]:2")
    assert config.timeout_graceful_shutdown is None
    assert config.headers == [("X-A", "1")]
    assert config.forwarded_allow_ips == ["10.0.0.0/8"]


def test_printed_configuration_names_each_source(monkeypatch):
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "10.0.0.1")
    text = format_config(collect({"port": "3"}, {"ASGISERVE_BACKLOG": "666"}))
    sources = {
        line.split(" = ")[0]: line.split(" # ")[1].strip()
        for line in text.splitlines()
        if " = " in line
    }
    assert sources.keys() == OPTIONS.keys() - {"app"}
    assert {name: source for name, source in sources.items() if source != "default"} == {
        "port": "--port",
        "backlog": "ASGISERVE_BACKLOG",
        "forwarded_allow_ips": "FORWARDED_ALLOW_IPS",
    }
    assert "# app is not given" in text


def test_printed_configuration_is_a_file_that_gives_it_again(empty_directory):
    command_line = {
        "app": "main:app",
        "bind": ("unix:a \U0001f600\x7f.sock", "[::1]:80"),
        "uds_permissions": "640",
        "headers": ['x-a: "quoted" \\ back', "x-b: é"],
        "limit_request_body": "none",
        "timeout_keep_alive": "2.5",
        "log_level": "trace",
        "log_format": "json",
        "use_colors": "false",
    }
    settings = collect(command_line)
    text = format_config(settings)
    assert tomllib.loads(text).keys() == OPTIONS.keys()
    (empty_directory / "asgiserve.toml").write_text(text, "utf-8")
    assert collect().make_config(Config) == settings.make_config(Config)


def test_settings_of_nothing_are_the_defaults():
    assert collect({"app": "main:app"}).make_config(Config) == Config("main:app")
