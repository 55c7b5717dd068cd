"""The settings of gunicorn as options of `Config`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from asgiserve.config.config import DEFAULTS

__all__ = ["find_unused", "read_settings"]

# Settings whose values mean the same here. An old gunicorn has not all of them.
SAME_VALUE = {
    "asgi_lifespan": "lifespan",
    "asgi_loop": "loop",
    "backlog": "backlog",
    "keepalive": "timeout_keep_alive",
    "root_path": "root_path",
}
TLS_SETTINGS = {
    "ca_certs": "ssl_ca_certs",
    "cert_reqs": "ssl_cert_reqs",
    "certfile": "ssl_certfile",
    "ciphers": "ssl_ciphers",
    "keyfile": "ssl_keyfile",
}
# Settings that change nothing where asgiserve serves.
UNUSED = (
    "asgi_disconnect_grace_period",
    "casefold_http_method",
    "do_handshake_on_connect",
    "forwarder_headers",
    "header_map",
    "http2_cleartext",
    "http_parser",
    "http_protocols",
    "permit_obsolete_folding",
    "permit_unconventional_http_method",
    "permit_unconventional_http_version",
    "post_request",
    "pre_request",
    "protocol",
    "secure_scheme_headers",
    "sendfile",
    "ssl_version",
    "statsd_host",
    "strip_header_spaces",
    "suppress_ragged_eofs",
    "threads",
)
# "GET " and " HTTP/1.1", which the limit of gunicorn counts too.
AROUND_TARGET_BYTES = 13
# gunicorn's own largest numbers; its 0 is "as many as possible".
MAX_REQUEST_LINE_BYTES = 8190
MAX_REQUEST_FIELDS = 32768
# gunicorn kills at the end of its graceful_timeout: some of it is the application's shutdown's.
GRACE_SHARE = 0.9
# A reload for development does not wait for the streams that a browser has open.
RELOAD_GRACE_S = 2.0


def read_settings(cfg: Any) -> dict[str, Any]:
    """The options that say what the settings *cfg* of gunicorn mean."""
    grace_s = cfg.graceful_timeout * GRACE_SHARE
    options = {
        **read_same(cfg, SAME_VALUE),
        "workers": 1,
        "log_config": None,
        "access_log": has_access_log(cfg),
        "forwarded_allow_ips": [str(each) for each in cfg.forwarded_allow_ips],
        "timeout_graceful_shutdown": min(grace_s, RELOAD_GRACE_S) if cfg.reload else grace_s,
        **read_limits(cfg),
    }
    if cfg.is_ssl:
        options |= read_tls(cfg)
    if (getattr(cfg, "proxy_protocol", None) or "off") != "off":
        options["proxy_protocol"] = True
        options["proxy_protocol_allow_ips"] = [str(each) for each in cfg.proxy_allow_ips]
    return options


def find_unused(cfg: Any) -> list[str]:
    """The names of settings that were changed, and change nothing where asgiserve serves."""
    return [name for name in UNUSED if is_changed(cfg, name)]


def read_same(cfg: Any, names: dict[str, str]) -> dict[str, Any]:
    """The settings of *names* that this gunicorn has, under the names of the options."""
    return {
        option: cfg.settings[setting].get()
        for setting, option in names.items()
        if setting in cfg.settings
    }


def read_limits(cfg: Any) -> dict[str, Any]:
    """The options of limits."""
    line_bytes = cfg.limit_request_line or MAX_REQUEST_LINE_BYTES
    head_bytes = max(cfg.limit_request_field_size, DEFAULTS["limit_request_head"])
    options = {
        "limit_request_target": max(line_bytes - AROUND_TARGET_BYTES, 1),
        "limit_request_fields": cfg.limit_request_fields or MAX_REQUEST_FIELDS,
        "limit_request_head": head_bytes,
    }
    # gunicorn's default of 1,000 is not meant for workers such as this one, says its manual.
    if is_changed(cfg, "worker_connections"):
        options["limit_connections"] = cfg.worker_connections
    if "websocket_max_message_size" in cfg.settings:
        # 0 is "no limit", which is not to be had here.
        size_bytes = cfg.websocket_max_message_size or DEFAULTS["ws_max_size"]
        options["ws_max_size"] = size_bytes
    return options


def read_tls(cfg: Any) -> dict[str, Any]:
    """The options of TLS."""
    options = read_same(cfg, TLS_SETTINGS)
    if is_changed(cfg, "ssl_context"):
        make_context: Callable[..., Any] = cfg.ssl_context

        def make(config: Any, make_default: Callable[[], Any]) -> Any:
            return make_context(cfg, make_default)

        options["ssl_context_factory"] = make
    return options


def has_access_log(cfg: Any) -> bool:
    """Whether gunicorn would write access lines."""
    names = ("accesslog", "logconfig", "logconfig_dict", "logconfig_json")
    return any(getattr(cfg, name, None) for name in names) or (
        cfg.syslog and not cfg.disable_redirect_access_to_syslog
    )


def is_changed(cfg: Any, name: str) -> bool:
    """Whether the setting *name* has another value than by default; False where there is none."""
    setting = cfg.settings.get(name)
    return setting is not None and setting.get() != type(setting)().get()
