"""The options of addresses: where the server listens."""

# ruff: noqa: RUF009 - `option` gives a field, not a value shared by all instances.

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from asgiserve.config import kinds, values
from asgiserve.config.kinds import integer, optional
from asgiserve.config.option import ADDRESS, OptionError, OptionGroup, option

__all__ = ["AddressOptions"]


# Config makes the methods.
@dataclass(frozen=True, kw_only=True, init=False, repr=False, eq=False)
class AddressOptions(OptionGroup):
    """Addresses and sockets to listen on."""

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
        values.BINDS,
        ADDRESS,
        "Listen here: HOST:PORT, [IPV6]:PORT, unix:PATH or fd://NUMBER; may be repeated.",
    )
    backlog: int = option(2048, integer(1), ADDRESS, "Connections that may wait to be accepted.")

    def check(self) -> None:
        sockets = [name for name in ("bind", "fd", "uds") if self.is_changed(name)]
        if sockets:
            sockets += [name for name in ("host", "port") if self.is_changed(name)]
        if len(sockets) > 1:
            raise OptionError(
                f"{' and '.join(sockets)} exclude each other; bind takes several addresses",
                *sockets,
            )
        has_unix_socket = self.uds is not None or any(
            address.startswith("unix:") for address in self.bind
        )
        if self.is_changed("uds_permissions") and not has_unix_socket:
            raise OptionError(
                "uds_permissions: there is no unix socket; give uds or bind=unix:PATH",
                "uds_permissions",
            )
