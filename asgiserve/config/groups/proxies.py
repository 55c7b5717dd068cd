"""The options behind a proxy: what is believed of whom, and where the application is mounted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from asgiserve.config import kinds, values
from asgiserve.config.kinds import choice
from asgiserve.config.option import PROXIES, OptionError, OptionGroup, option

__all__ = ["ProxyOptions"]

TRUSTED_BY_DEFAULT = "127.0.0.1,::1"


# Config makes the methods.
@dataclass(frozen=True, kw_only=True, init=False, repr=False, eq=False)
class ProxyOptions(OptionGroup):
    """What proxies may say of clients and of paths."""

    proxy_headers: bool = option(
        True,
        kinds.SWITCH,
        PROXIES,
        "Take client address and scheme from the headers of trusted proxies.",
    )
    forwarded_allow_ips: Sequence[str] | None = option(
        None,
        values.HOSTS,
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
        values.FORWARDED_FIELDS,
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
        values.PEERS,
        PROXIES,
        "Who may send the PROXY protocol: addresses, networks or socket paths; * allows all.",
    )
    root_path: str = option(
        "", values.ROOT_PATH, PROXIES, "Path below which the application is mounted."
    )
    root_path_mode: str = option(
        "auto",
        choice("auto", "keep", "strip", "prepend"),
        PROXIES,
        "What root_path does to the request's path: auto prepends it where it is missing.",
    )

    def check(self) -> None:
        if self.is_changed("proxy_protocol_allow_ips") and not self.proxy_protocol:
            raise OptionError(
                "proxy_protocol_allow_ips: has no effect without proxy_protocol",
                "proxy_protocol_allow_ips",
            )
        for name in ("forwarded_fields", "forwarded_header"):
            if self.is_changed(name) and not self.proxy_headers:
                raise OptionError(
                    f"{name}: has no effect while proxy_headers is false", name, "proxy_headers"
                )
        if self.forwarded_header == "forwarded" and {"port", "prefix"} & set(self.forwarded_fields):
            raise OptionError(
                "forwarded_fields: Forwarded (RFC 7239) has no port, but in its host, and no "
                "prefix",
                "forwarded_fields",
                "forwarded_header",
            )
