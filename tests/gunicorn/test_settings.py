"""What gunicorn's settings mean as options; gunicorn's own classes hold them."""

from __future__ import annotations

from typing import Any

import pytest

from asgiserve.config.config import Config

pytest.importorskip("gunicorn.config")

from gunicorn.config import Config as Settings

from asgiserve.gunicorn.settings import find_unused, read_settings


def read(**settings: Any) -> Config:
    return Config("main:app", **read_settings(configure(**settings)))


def configure(**settings: Any) -> Settings:
    cfg = Settings()
    for name, value in settings.items():
        cfg.set(name, value)
    return cfg


def test_settings_by_default_are_gunicorns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FORWARDED_ALLOW_IPS", raising=False)
    config = read()
    assert config.timeout_keep_alive == 2
    assert config.limit_request_fields == 100
    assert config.limit_request_target + len("GET  HTTP/1.1") == 4094
    assert config.forwarded_allow_ips == ["127.0.0.1", "::1"]
    assert config.backlog == 2048
    assert config.limit_connections is None
    assert not config.access_log
    assert not config.proxy_protocol
    assert not config.is_ssl


@pytest.mark.parametrize(
    ("settings", "options"),
    [
        ({"keepalive": 75}, {"timeout_keep_alive": 75}),
        ({"backlog": 64}, {"backlog": 64}),
        ({"limit_request_line": 0}, {"limit_request_target": 8177}),
        ({"limit_request_fields": 0}, {"limit_request_fields": 32768}),
        ({"limit_request_field_size": 100}, {"limit_request_head": 65536}),
        ({"limit_request_field_size": 100_000}, {"limit_request_head": 100_000}),
        ({"worker_connections": 50}, {"limit_connections": 50}),
        ({"forwarded_allow_ips": "10.0.0.1,::1"}, {"forwarded_allow_ips": ["10.0.0.1", "::1"]}),
        ({"forwarded_allow_ips": "*"}, {"forwarded_allow_ips": ["*"]}),
        (
            {"proxy_protocol": True, "proxy_allow_ips": "10.0.0.1"},
            {"proxy_protocol": True, "proxy_protocol_allow_ips": ("10.0.0.1",)},
        ),
        ({"accesslog": "-"}, {"access_log": True}),
        ({"syslog": True}, {"access_log": True}),
        ({"syslog": True, "disable_redirect_access_to_syslog": True}, {"access_log": False}),
        # The rest is for the application's shutdown: gunicorn kills at the end of all.
        ({"graceful_timeout": 100}, {"timeout_graceful_shutdown": 90}),
        ({"graceful_timeout": 100, "reload": True}, {"timeout_graceful_shutdown": 2}),
    ],
)
def test_setting_means_an_option(settings: dict[str, Any], options: dict[str, Any]) -> None:
    config = read(**settings)
    assert {name: getattr(config, name) for name in options} == options


@pytest.mark.parametrize(
    ("settings", "options"),
    [
        ({"root_path": "/api"}, {"root_path": "/api"}),
        ({"asgi_loop": "asyncio"}, {"loop": "asyncio"}),
        ({"asgi_lifespan": "off"}, {"lifespan": "off"}),
        ({"websocket_max_message_size": 1000}, {"ws_max_size": 1000}),
        ({"websocket_max_message_size": 0}, {"ws_max_size": 16 * 1024 * 1024}),
    ],
)
def test_setting_of_newer_versions_means_an_option(
    settings: dict[str, Any], options: dict[str, Any]
) -> None:
    if not settings.keys() <= Settings().settings.keys():
        pytest.skip("this version of gunicorn has no such setting")
    config = read(**settings)
    assert {name: getattr(config, name) for name in options} == options


def test_tls_is_read_with_its_context(tmp_path: Any) -> None:
    paths = {name: str(tmp_path / name) for name in ("certfile", "keyfile", "ca_certs")}
    for path in paths.values():
        with open(path, "w"):
            pass
    config = read(**paths, cert_reqs=2, ciphers="HIGH")
    assert config.ssl_certfile == paths["certfile"]
    assert config.ssl_keyfile == paths["keyfile"]
    assert config.ssl_ca_certs == paths["ca_certs"]
    assert config.ssl_cert_reqs == "required"
    assert config.ssl_ciphers == "HIGH"
    assert config.ssl_context_factory is None


def test_hook_for_the_tls_context_is_called_with_gunicorns_settings(tmp_path: Any) -> None:
    (tmp_path / "certificate").touch()

    def ssl_context(conf: Any, make_default: Any) -> Any:
        return conf.certfile, make_default()

    cfg = configure(certfile=str(tmp_path / "certificate"), ssl_context=ssl_context)
    config = Config("main:app", **read_settings(cfg))
    made = config.ssl_context_factory(config, lambda: "default")
    assert made == (str(tmp_path / "certificate"), "default")


def test_settings_that_were_changed_in_vain_are_found() -> None:
    assert find_unused(configure()) == []
    cfg = configure(threads=4, pre_request=lambda worker, request: None, keepalive=3)
    assert find_unused(cfg) == ["pre_request", "threads"]
