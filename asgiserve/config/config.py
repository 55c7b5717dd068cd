"""The options of the server, as one frozen dataclass; uvicorn's names where uvicorn has the option.

A field carries its kind of value, group and help text once; the command line, the environment and
TOML files are derived from it in ``config_sources`` and do not belong here.
"""

# ruff: noqa: RUF009 - `option` gives a field, not a value shared by all instances.

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field, fields
from types import MappingProxyType
from typing import IO, TYPE_CHECKING, Any, ClassVar

from asgiserve.config import kinds
from asgiserve.config import values as server_kinds
from asgiserve.config.env_file import surroundings
from asgiserve.config.groups.processes import ProcessOptions, check_process_conflicts
from asgiserve.config.groups.tls import TlsOptions, check_tls_conflicts
from asgiserve.config.groups.uvicorn import UvicornOptions, apply_uvicorn_options
from asgiserve.config.kinds import choice, integer, optional, seconds, size
from asgiserve.config.logging_defaults import LOGGING_CONFIG as LOGGING_CONFIG
from asgiserve.config.option import (
    ADDRESS,
    APPLICATION,
    GROUPS,
    LIMITS,
    LOGGING,
    PROXIES,
    RESPONSES,
    TIMEOUTS,
    WEBSOCKET,
    Option,
    OptionError,
    option,
)

if TYPE_CHECKING:
    from configparser import RawConfigParser

__all__ = [
    "DEFAULTS",
    "LOGGING_CONFIG",
    "OPTIONS",
    "Config",
    "Option",
    "OptionError",
    "parse_option",
    "unknown_option_message",
]

TRUSTED_BY_DEFAULT = "127.0.0.1,::1"


@dataclass(frozen=True)
class Config(ProcessOptions, TlsOptions, UvicornOptions):
    """The options of one server, checked, in their normal form.

    Args:
        app: an import string ``module:attribute``, or an application.

    Raises:
        ConfigError: an option is unknown, has a bad value, or conflicts with another.
    """

    app: str | Callable[..., Any] = field(
        metadata={
            "option": Option(
                server_kinds.APP,
                APPLICATION,
                "Application to serve: an import string MODULE:ATTRIBUTE.",
            )
        }
    )
    _: KW_ONLY

    factory: bool = option(
        False, kinds.SWITCH, APPLICATION, "Call APP without arguments to get the application."
    )
    app_dir: str | os.PathLike[str] | None = option(
        ".",
        optional(kinds.DIRECTORY),
        APPLICATION,
        "Directory that APP is imported from; none leaves sys.path alone.",
    )
    interface: str = option(
        "auto",
        choice("auto", "asgi3", "asgi2", "wsgi"),
        APPLICATION,
        "How the application is called.",
    )
    wsgi_underscore_headers: bool = option(
        False,
        kinds.SWITCH,
        APPLICATION,
        "Pass headers with an underscore in their name to a WSGI application, which cannot tell "
        "X_User from X-User.",
    )
    lifespan: str = option(
        "auto",
        choice("auto", "on", "off"),
        APPLICATION,
        "Run startup and shutdown of APP; auto: unless it raises before it receives.",
    )
    loop: str = option(
        "auto",
        server_kinds.LOOP,
        APPLICATION,
        "Event loop, or a factory of one; auto: uvloop where installed.",
    )
    env_file: str | os.PathLike[str] | None = option(
        None,
        optional(kinds.EXISTING_FILE),
        APPLICATION,
        "Set the application's environment, and $FORWARDED_ALLOW_IPS and $WEB_CONCURRENCY, from "
        "this file.",
    )

    host: str = option(
        "127.0.0.1",
        kinds.TEXT,
        ADDRESS,
        "Bind a TCP socket to this host; :: is every interface, for IPv6 and IPv4.",
    )
    port: int = option(
        8000, integer(0, 65535), ADDRESS, "Bind a TCP socket to this port; 0 picks a free one."
    )
    uds: str | os.PathLike[str] | None = option(
        None, optional(kinds.PATH), ADDRESS, "Bind a unix socket at this path."
    )
    uds_permissions: int = option(
        0o666, kinds.FILE_MODE, ADDRESS, "File mode of unix sockets, in octal."
    )
    fd: int | None = option(
        None, optional(integer(0)), ADDRESS, "Listen on the socket of this file descriptor."
    )
    bind: Sequence[str] = option(
        (),
        server_kinds.BINDS,
        ADDRESS,
        "Listen here: HOST:PORT, [IPV6]:PORT, unix:PATH or fd://NUMBER; may be repeated.",
    )
    backlog: int = option(2048, integer(1), ADDRESS, "Connections that may wait to be accepted.")

    headers: Iterable[tuple[str, str]] = option(
        (),
        server_kinds.FIELDS,
        RESPONSES,
        "Default response header; may be repeated.",
        flag="--header",
    )
    server_header: bool = option(True, kinds.SWITCH, RESPONSES, "Send a Server header.")
    date_header: bool = option(True, kinds.SWITCH, RESPONSES, "Send a Date header.")
    request_trailers: bool = option(
        False,
        kinds.SWITCH,
        RESPONSES,
        "Give request trailers to the application instead of dropping them.",
    )

    proxy_headers: bool = option(
        True,
        kinds.SWITCH,
        PROXIES,
        "Take client address and scheme from the headers of trusted proxies.",
    )
    forwarded_allow_ips: Sequence[str] | None = option(
        None,
        server_kinds.HOSTS,
        PROXIES,
        "Trusted proxies: addresses, networks or socket paths, with commas; * trusts all. "
        f"[default: $FORWARDED_ALLOW_IPS or {TRUSTED_BY_DEFAULT}]",
        fallback_env="FORWARDED_ALLOW_IPS",
        fallback=TRUSTED_BY_DEFAULT,
    )
    forwarded_header: str = option(
        "x-forwarded",
        choice("x-forwarded", "forwarded"),
        PROXIES,
        "Which headers trusted proxies send: X-Forwarded-For and -Proto, or Forwarded (RFC 7239).",
    )
    forwarded_fields: Sequence[str] = option(
        ("for", "proto"),
        server_kinds.FORWARDED_FIELDS,
        PROXIES,
        "What to take from trusted proxies: for, proto, host, port, prefix.",
    )
    proxy_protocol: bool = option(
        False,
        kinds.SWITCH,
        PROXIES,
        "Expect the PROXY protocol, version 1 or 2, at the start of each connection.",
    )
    proxy_protocol_allow_ips: Sequence[str] = option(
        ("127.0.0.1", "::1"),
        server_kinds.PEERS,
        PROXIES,
        "Who may send the PROXY protocol: addresses, networks or socket paths; * allows all.",
    )
    root_path: str = option(
        "", server_kinds.ROOT_PATH, PROXIES, "Path below which the application is mounted."
    )
    root_path_mode: str = option(
        "auto",
        choice("auto", "keep", "strip", "prepend"),
        PROXIES,
        "What root_path does to the request's path: auto prepends it where it is missing.",
    )

    limit_concurrency: int | None = option(
        None,
        optional(integer(1)),
        LIMITS,
        "Requests in progress above which more are answered 503.",
    )
    limit_queue: int = option(
        0,
        integer(0),
        LIMITS,
        "Requests above limit_concurrency that wait for their turn before more are answered 503.",
    )
    limit_connections: int | None = option(
        None,
        optional(integer(1)),
        LIMITS,
        "Open connections of a worker above which it accepts no more.",
    )
    limit_max_requests: int | None = option(
        None,
        optional(integer(1)),
        LIMITS,
        "Stop after this number of requests; a worker of several is replaced.",
    )
    limit_max_requests_jitter: int = option(
        0, integer(0), LIMITS, "Add up to this number, by chance, to limit_max_requests."
    )
    limit_request_target: int = option(
        8192, size(1), LIMITS, "Longest request target; above it 414."
    )
    limit_request_head: int = option(65536, size(1), LIMITS, "Largest request head; above it 431.")
    limit_request_fields: int = option(
        128, integer(1), LIMITS, "Most header fields of a request; above it 431."
    )
    limit_request_body: int | None = option(
        None, optional(size(0, kinds.MAX_SIZE_BYTES)), LIMITS, "Largest request body; above it 413."
    )

    timeout_request_header: float = option(
        30,
        seconds(),
        TIMEOUTS,
        "Deadline for a whole request head, from connection or first byte on; then 408.",
    )
    timeout_keep_alive: float = option(
        5,
        seconds(is_zero_allowed=True),
        TIMEOUTS,
        "Close a connection that is idle between requests.",
    )
    timeout_request_body: float = option(
        60, seconds(), TIMEOUTS, "Longest pause within a request body."
    )
    timeout_write: float = option(
        60, seconds(), TIMEOUTS, "Longest pause of a client that should read."
    )
    timeout_queue: float = option(
        5, seconds(), TIMEOUTS, "Longest wait of a request in limit_queue; then 503."
    )
    timeout_graceful_shutdown: float | None = option(
        30,
        optional(seconds(is_zero_allowed=True)),
        TIMEOUTS,
        "Time for running requests to end; none: no limit.",
    )
    drain_delay: float = option(
        0,
        seconds(is_zero_allowed=True),
        TIMEOUTS,
        "Time between the signal to stop, from which on readiness_path says 503, and the end of "
        "accepting.",
    )
    readiness_path: str | None = option(
        None,
        optional(server_kinds.URL_PATH),
        RESPONSES,
        "Answer this path with 200, or 503 while stopping, without asking the application.",
    )
    timeout_lifespan_startup: float | None = option(
        60, optional(seconds()), TIMEOUTS, "Time for the application's startup; none: no limit."
    )
    timeout_lifespan_shutdown: float | None = option(
        30, optional(seconds()), TIMEOUTS, "Time for the application's shutdown; none: no limit."
    )

    ws: str = option(
        "auto",
        server_kinds.WS,
        WEBSOCKET,
        "Serve WebSockets; none answers their handshakes as plain requests.",
    )
    ws_max_size: int = option(
        16 * 1024 * 1024, size(1), WEBSOCKET, "Largest message, inflated; above it close code 1009."
    )
    ws_max_queue: int = option(
        32, integer(1), WEBSOCKET, "Messages that wait for the application before reading pauses."
    )
    ws_ping_interval: float | None = option(
        20.0,
        optional(seconds(is_zero_allowed=True)),
        WEBSOCKET,
        "Time between pings; none or 0: no pings.",
    )
    ws_ping_timeout: float | None = option(
        20.0,
        optional(seconds(is_zero_allowed=True)),
        WEBSOCKET,
        "Time for the answer to a ping, then close code 1011; none or 0: no limit.",
    )
    ws_per_message_deflate: bool = option(
        True, kinds.SWITCH, WEBSOCKET, "Compress messages where the client offers it (RFC 7692)."
    )

    log_config: Mapping[str, Any] | str | os.PathLike[str] | RawConfigParser | IO[Any] | None = (
        option(
            "default",
            optional(server_kinds.LOG_CONFIG),
            LOGGING,
            "Logging configuration: .ini, .json, .yaml or .toml.",
        )
    )
    log_format: str = option(
        "text",
        choice("text", "json", "logfmt"),
        LOGGING,
        "How log lines look; json: an object a line.",
    )
    log_level: str | int | None = option(
        None, optional(server_kinds.LOG_LEVEL), LOGGING, "Log this level and above. [default: info]"
    )
    access_log: bool = option(True, kinds.SWITCH, LOGGING, "Log a line for each request.")
    use_colors: bool | None = option(
        None,
        optional(kinds.SWITCH),
        LOGGING,
        "Colour the log. [default: as NO_COLOR or FORCE_COLOR says, else on a terminal]",
    )

    # No options: what was loaded for this configuration, if anything was.
    loaded: ClassVar[bool] = False
    loaded_app: ClassVar[Any] = None

    def __new__(cls, *args: object, **options: object) -> Config:
        """Refuse unknown options as such, where ``__init__`` would raise a TypeError."""
        for name in options:
            if name not in OPTIONS:
                raise OptionError(unknown_option_message(name), name)
        return super().__new__(cls)

    def __post_init__(self) -> None:
        if self.workers is None and parse_option("reload", self.reload):
            # What the environment says of workers is meant for production.
            object.__setattr__(self, "workers", 1)
        environ = _surroundings(parse_option("env_file", self.env_file))
        for name in OPTIONS:
            object.__setattr__(self, name, parse_option(name, getattr(self, name), environ))
        _check_conflicts(self)

    def __getstate__(self) -> dict[str, Any]:
        """The options; what was loaded stays in the process that has loaded it."""
        return {name: getattr(self, name) for name in OPTIONS}


OPTIONS: dict[str, Option] = dict(
    sorted(
        ((each.name, each.metadata["option"]) for each in fields(Config)),
        key=lambda item: GROUPS.index(item[1].group),
    )
)
DEFAULTS: dict[str, Any] = {each.name: each.default for each in fields(Config)}


def parse_option(
    name: str, value: object, environ: Mapping[str, str] = MappingProxyType({})
) -> Any:
    """Give *value* of the option *name* in its normal form.

    Args:
        environ: has the variables that stand for options without a value.

    Raises:
        OptionError: the value is not allowed.
    """
    details = OPTIONS[name]
    if value is None and details.fallback_env:
        value = environ.get(details.fallback_env, details.fallback)
    try:
        return details.kind.parse(value)
    except ValueError as error:
        raise OptionError(f"{name}: {error}", name) from None


def unknown_option_message(name: str) -> str:
    """Say that *name* is no option, and which it resembles."""
    import difflib

    similar = difflib.get_close_matches(name, OPTIONS, n=1)
    return f"{name}: no such option" + (f"; did you mean {similar[0]}?" if similar else "")


def _surroundings(env_file: str | None) -> Mapping[str, str]:
    try:
        return surroundings(env_file)
    except ValueError as error:
        raise OptionError(f"env_file: {error}", "env_file") from None


def _check_conflicts(config: Config) -> None:
    def is_changed(name: str) -> bool:
        return bool(getattr(config, name) != DEFAULTS[name])

    sockets = [name for name in ("bind", "fd", "uds") if is_changed(name)]
    if sockets:
        sockets += [name for name in ("host", "port") if is_changed(name)]
    if len(sockets) > 1:
        raise OptionError(
            f"{' and '.join(sockets)} exclude each other; bind takes several addresses", *sockets
        )
    has_unix_socket = config.uds is not None or any(
        address.startswith("unix:") for address in config.bind
    )
    if is_changed("uds_permissions") and not has_unix_socket:
        raise OptionError(
            "uds_permissions: there is no unix socket; give uds or bind=unix:PATH",
            "uds_permissions",
        )
    if config.limit_max_requests_jitter and config.limit_max_requests is None:
        raise OptionError(
            "limit_max_requests_jitter: needs limit_max_requests", "limit_max_requests_jitter"
        )
    for name in ("limit_queue", "timeout_queue"):
        if is_changed(name) and config.limit_concurrency is None:
            raise OptionError(f"{name}: needs limit_concurrency", name)
    if is_changed("proxy_protocol_allow_ips") and not config.proxy_protocol:
        raise OptionError(
            "proxy_protocol_allow_ips: has no effect without proxy_protocol",
            "proxy_protocol_allow_ips",
        )
    if is_changed("forwarded_fields") and not config.proxy_headers:
        names = ("forwarded_fields", "proxy_headers")
        raise OptionError("forwarded_fields: has no effect while proxy_headers is false", *names)
    if is_changed("forwarded_header") and not config.proxy_headers:
        names = ("forwarded_header", "proxy_headers")
        raise OptionError("forwarded_header: has no effect while proxy_headers is false", *names)
    if config.forwarded_header == "forwarded" and {"port", "prefix"} & set(config.forwarded_fields):
        raise OptionError(
            "forwarded_fields: Forwarded (RFC 7239) has no port, but in its host, and no prefix",
            "forwarded_fields",
            "forwarded_header",
        )
    if config.interface == "wsgi" and config.lifespan == "on":
        raise OptionError(
            "lifespan: a WSGI application has no lifespan to turn on", "lifespan", "interface"
        )
    if config.wsgi_underscore_headers and config.interface in ("asgi3", "asgi2"):
        raise OptionError(
            "wsgi_underscore_headers: has no effect without a WSGI application",
            "wsgi_underscore_headers",
            "interface",
        )
    _check_log_conflicts(config)
    apply_uvicorn_options(config, is_changed)
    check_process_conflicts(config)
    check_tls_conflicts(config)


def _check_log_conflicts(config: Config) -> None:
    if config.log_format == "text":
        return
    if config.log_config != LOGGING_CONFIG:
        raise OptionError(
            f"log_format {config.log_format} and log_config exclude each other: a logging "
            "configuration says itself how lines look",
            "log_format",
            "log_config",
        )
    if config.use_colors:
        raise OptionError(
            f"use_colors: log_format {config.log_format} has no colours", "use_colors", "log_format"
        )
