"""Which peers are proxies whose header fields are to be believed."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

__all__ = ["TrustedHosts"]

# Verdicts are remembered, for about as many hosts as a site sees at a time. No address is longer
# than this; a longer text comes from a client that means to fill the memory.
MAX_VERDICTS = 4096
MAX_HOST_CHARS = 64


class TrustedHosts(dict[str, bool | None]):
    """Maps a host to whether it is trusted; to None if it is neither an address nor a known name.

    Args:
        hosts: addresses, networks such as ``10.0.0.0/8``, names to be compared as they are,
            ``unix`` for every peer on a unix socket, ``*`` for all; a text is split at commas.

    Attributes:
        names: what of *hosts* is no address and no network; each is trusted.
    """

    def __init__(self, hosts: str | Iterable[str]) -> None:
        super().__init__()
        self.names: set[str] = set()
        self._networks: list[ipaddress.IPv4Network | ipaddress.IPv6Network] = []
        items = {item.strip() for item in (hosts.split(",") if isinstance(hosts, str) else hosts)}
        self._trusts_all = "*" in items
        if self._trusts_all:
            items = {"unix"}
        for item in items - {""}:
            if "%" in item:
                # `ipaddress` would leave the zone aside, and trust the address on every link.
                self.names.add(item)
                continue
            try:
                # An address is a network that has no other; 10.0.0.5/8 can only mean 10.0.0.0/8.
                self._networks.append(ipaddress.ip_network(item, strict=False))
            except ValueError:
                self.names.add(item)

    def __missing__(self, host: str) -> bool | None:
        verdict = self._judge(host)
        if len(host) <= MAX_HOST_CHARS:
            if len(self) >= MAX_VERDICTS:
                self.clear()
            self[host] = verdict
        return verdict

    def _judge(self, host: str) -> bool | None:
        if host in self.names:
            return True
        # The zone of an IPv6 address belongs to the machine that names it, and `ipaddress` takes
        # any text for one. Sockets give the addresses of peers without it.
        if "%" in host:
            return None
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return None
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
            # An IPv4 peer of a socket that serves both families.
            address = address.ipv4_mapped
        return self._trusts_all or any(address in network for network in self._networks)
