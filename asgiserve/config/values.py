"""What the values of a server's own options may be: addresses, header fields, log levels and so on.

What they are made of, and the kinds that any program could have, stand in ``kinds``.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from ipaddress import ip_network
from typing import Any

from asgiserve.config.bind_address import parse_bind_address
from asgiserve.config.kinds import (
    DIRECTORY,
    Kind,
    choice,
    integer,
    is_integer,
    to_existing_file,
    to_integer,
    to_text,
)
from asgiserve.config.logging_defaults import LOGGING_CONFIG

__all__ = [
    "APP",
    "BINDS",
    "CERT_REQS",
    "DIRECTORIES",
    "FIELDS",
    "FORWARDED_FIELDS",
    "GROUP",
    "HOSTS",
    "IMPORT_OR_CALLABLE",
    "LOG_CONFIG",
    "LOG_LEVEL",
    "LOOP",
    "PATTERNS",
    "PEERS",
    "ROOT_PATH",
    "SNI",
    "SSL_VERSION",
    "URL_PATH",
    "USER",
    "WS",
    "split_sni",
]

LOG_LEVEL_NAMES = ("critical", "error", "warning", "info", "debug", "trace")
LOOP_NAMES = ("auto", "asyncio", "uvloop", "zuvloop", "none")
WS_NAMES = ("auto", "none")
# uvicorn's names for its WebSocket layers: those who come from it still get WebSockets.
UVICORN_WS_NAMES = frozenset({"websockets", "websockets-sansio", "wsproto"})
# In the order of the numbers of ssl.CERT_NONE and its like, which uvicorn takes.
CERT_REQS_NAMES = ("none", "optional", "required")
# ssl.PROTOCOL_TLS and ssl.PROTOCOL_TLS_SERVER.
SSL_VERSIONS = (2, 17)
FORWARDED_FIELD_NAMES = ("for", "proto", "host", "port", "prefix")

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 section 5.6.2
_FIELD_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")  # RFC 9110 section 5.5
_IMPORT_STRING = re.compile(r"[^\s:.]+(\.[^\s:.]+)*:[^\s:.]+(\.[^\s:.]+)*")
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
_SNI_HOST = re.compile(r"(\*\.)?[0-9A-Za-z_-]+(\.[0-9A-Za-z_-]+)*")
# The server frames messages itself: a default header of these names would contradict it.
_FRAMING_FIELDS = frozenset(
    {"connection", "content-length", "keep-alive", "trailer", "transfer-encoding", "upgrade"}
)


def split_items(value: str | Iterable[str]) -> list[str]:
    """The items of *value*, be they separated by commas or already apart."""
    parts = [value] if isinstance(value, str) else value
    return [item.strip() for part in parts for item in part.split(",") if item.strip()]


def _to_binds(value: Any) -> tuple[str, ...]:
    texts = split_items(() if value is None else value)
    for text in texts:
        parse_bind_address(text)
    return tuple(texts)


def _to_hosts(value: Any) -> list[str]:
    hosts = [to_text(host) for host in split_items(value)]
    for host in hosts:
        if host.startswith("/"):
            continue
        # What is mistaken here would otherwise pass as the name of a socket, and trust nobody: a
        # network, or an address with a zone, which the addresses of peers do not have.
        if ":" in host and "%" in host:
            raise ValueError
        if "/" in host:
            ip_network(host)
    return hosts


def _to_fields(value: Any) -> list[tuple[str, str]]:
    if isinstance(value, Mapping):
        value = value.items()
    # uvicorn's default is None.
    items = [value] if isinstance(value, str) else () if value is None else value
    return [_to_field(item) for item in items]


def _to_field(item: str | Sequence[str]) -> tuple[str, str]:
    name, value = item.split(":", 1) if isinstance(item, str) else item
    name, value = to_text(name).strip(" \t"), to_text(value).strip(" \t")
    if (
        not _TOKEN.fullmatch(name)
        or not _FIELD_VALUE.fullmatch(value)
        or name.lower() in _FRAMING_FIELDS
    ):
        raise ValueError
    return name, value


def _to_log_level(value: Any) -> str | int:
    if is_integer(value):
        number = to_integer(value)
        if number < 0:
            raise ValueError
        return number
    return str(choice(*LOG_LEVEL_NAMES).convert(value))


def _to_log_config(value: Any) -> Any:
    if value == "default":
        return LOGGING_CONFIG
    # A parser of .ini files is a mapping too.
    if isinstance(value, Mapping) or hasattr(value, "readline"):
        return value
    return to_existing_file(value)


def _to_app(value: Any) -> Any:
    if value is None:
        raise TypeError
    return _to_import_string(value) if isinstance(value, str) else value


def _to_import_string(value: Any) -> str:
    if not _IMPORT_STRING.fullmatch(to_text(value)):
        raise ValueError
    return str(value)


def _to_loop(value: Any) -> str:
    return str(value) if value in LOOP_NAMES else _to_import_string(value)


def _to_ws(value: Any) -> str:
    word = to_text(value).lower()
    return "auto" if word in UVICORN_WS_NAMES else str(choice(*WS_NAMES).convert(word))


def _to_root_path(value: Any) -> str:
    path = to_text(value).rstrip("/")
    if path and (not path.startswith("/") or not path.isprintable() or set(path) & set("?#")):
        raise ValueError
    return path


def _to_url_path(value: Any) -> str:
    path = to_text(value)
    if not path.startswith("/") or not path.isprintable() or set(path) & set("?# "):
        raise ValueError
    return path


def _to_import_or_callable(value: Any) -> Any:
    return value if callable(value) else _to_import_string(value)


def _to_cert_reqs(value: Any) -> str:
    if is_integer(value):
        return CERT_REQS_NAMES[integer(0, 2).convert(value)]
    return str(choice(*CERT_REQS_NAMES).convert(value))


def _to_ssl_version(value: Any) -> int:
    number = to_integer(value)
    if number not in SSL_VERSIONS:
        raise ValueError
    return number


def _to_forwarded_fields(value: Any) -> tuple[str, ...]:
    word = choice(*FORWARDED_FIELD_NAMES)
    return tuple(word.convert(item) for item in split_items(value))


def _to_sni(value: Any) -> tuple[str, ...]:
    items = [value] if isinstance(value, str) else () if value is None else value
    for item in items:
        host, certificate, key = split_sni(to_text(item))
        if not _SNI_HOST.fullmatch(host):
            raise ValueError
        to_existing_file(certificate)
        if key is not None:
            to_existing_file(key)
    return tuple(items)


def split_sni(
    text: str, *, has_drives: bool = sys.platform == "win32"
) -> tuple[str, str, str | None]:
    """The host, certificate and key of HOST=CERTFILE[:KEYFILE].

    Args:
        has_drives: a path may begin with a letter and a colon.
    """
    host, _, files = text.partition("=")
    start = 2 if has_drives and _DRIVE.match(files) else 0
    end = files.find(":", start)
    return (host, files, None) if end < 0 else (host, files[:end], files[end + 1 :])


def _to_directories(value: Any) -> tuple[str, ...]:
    # uvicorn's default is None, and one directory may stand for a list of them.
    items = [value] if isinstance(value, (str, os.PathLike)) else () if value is None else value
    return tuple(DIRECTORY.convert(item) for item in items)


def _to_patterns(value: Any) -> tuple[str, ...]:
    items = [value] if isinstance(value, str) else () if value is None else value
    if not all(items):
        raise ValueError
    return tuple(to_text(item) for item in items)


def _to_user(value: Any) -> str | int:
    return to_integer(value) if is_integer(value) else _to_name(value)


def _to_name(value: Any) -> str:
    name = to_text(value)
    if not name or ":" in name:
        raise ValueError
    return name


APP = Kind(_to_app, "MODULE:ATTRIBUTE or an application", "APP")
BINDS = Kind(
    _to_binds,
    "a list of HOST:PORT, [IPV6]:PORT, unix:PATH or fd://NUMBER",
    "ADDRESS",
    separator=",",
)
HOSTS = Kind(
    _to_hosts,
    "a list of addresses without a zone, networks without host bits, socket paths or *",
    "TEXT",
    separator=",",
)
PEERS = replace(HOSTS, convert=lambda value: tuple(_to_hosts(value)))
FIELDS = Kind(
    _to_fields,
    "a list of NAME:VALUE, by RFC 9110 and with no name by which the server frames",
    "NAME:VALUE",
    separator="\n",
)
LOG_LEVEL = Kind(
    _to_log_level,
    f"one of {', '.join(LOG_LEVEL_NAMES)} or a level number",
    "|".join(LOG_LEVEL_NAMES),
    choices=LOG_LEVEL_NAMES,
)
LOG_CONFIG = Kind(_to_log_config, "the path of a file, a dictionary or default", "FILE")
LOOP = Kind(
    _to_loop,
    f"one of {', '.join(LOOP_NAMES)} or MODULE:FACTORY",
    "|".join(LOOP_NAMES),
    choices=LOOP_NAMES,
)
ROOT_PATH = Kind(
    _to_root_path, "a path that begins with / and has no ?, # or control characters", "PATH"
)
WS = Kind(_to_ws, f"one of {', '.join(WS_NAMES)}", "|".join(WS_NAMES), choices=WS_NAMES)
CERT_REQS = Kind(
    _to_cert_reqs,
    f"one of {', '.join(CERT_REQS_NAMES)}",
    "|".join(CERT_REQS_NAMES),
    choices=CERT_REQS_NAMES,
)
FORWARDED_FIELDS = Kind(
    _to_forwarded_fields, f"a list of {', '.join(FORWARDED_FIELD_NAMES)}", "TEXT", separator=","
)
SSL_VERSION = Kind(
    _to_ssl_version, "2 or 17, which leave the version to client and server", "INTEGER"
)
SNI = Kind(
    _to_sni,
    "a list of HOST=CERTFILE or HOST=CERTFILE:KEYFILE, with files that are there",
    "HOST=CERTFILE[:KEYFILE]",
    separator=",",
)
IMPORT_OR_CALLABLE = Kind(
    _to_import_or_callable, "MODULE:ATTRIBUTE or a callable", "MODULE:FACTORY"
)
DIRECTORIES = Kind(_to_directories, "a list of directories", "DIRECTORY", separator=os.pathsep)
PATTERNS = Kind(_to_patterns, "a list of patterns", "PATTERN", separator=",")
URL_PATH = Kind(_to_url_path, "a path that begins with / and has no ?, #, blank or control", "PATH")
USER = Kind(_to_user, "the name or number of a user", "USER")
GROUP = Kind(_to_user, "the name or number of a group", "GROUP")
