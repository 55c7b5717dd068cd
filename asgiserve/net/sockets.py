"""Listening sockets, bound before the application starts: by address, or inherited."""

from __future__ import annotations

import errno
import os
import socket
import stat
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, TypeAlias

from asgiserve.config.bind_address import (
    BindAddress,
    FdAddress,
    TcpAddress,
    UnixAddress,
    parse_bind_address,
)
from asgiserve.config.config import DEFAULTS
from asgiserve.errors import StartupError
from asgiserve.net.listener import Listener, describe_address, reason_of
from asgiserve.process.privileges import Identity, find_identity
from asgiserve.process.systemd import SystemdSocket, list_sockets

if TYPE_CHECKING:
    from asgiserve.config.config import Config

__all__ = ["bind_listeners", "open_fd", "open_tcp"]

# Family and socket address, as getaddrinfo gives them.
Interface: TypeAlias = tuple[int, tuple[Any, ...]]

FAMILIES = [socket.AF_INET, socket.AF_INET6]
if sys.platform != "win32":
    FAMILIES.append(socket.AF_UNIX)
# The host that stands for IPv4 as well, unless another address is bound at its port.
EVERY_INTERFACE = "::"
# How often to look for a free port that every address of a host has.
MAX_PORT_DRAWS = 16
# The options that say where to listen; with one of them, systemd's sockets are left alone.
ADDRESS_OPTIONS = ("bind", "fd", "uds", "host", "port")
# Addresses of a family or an interface that this machine has not.
UNAVAILABLE = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT)


def bind_listeners(config: Config) -> list[Listener]:
    """Bind every address that *config* asks for; none of them listens yet.

    Sockets that systemd has opened for the process are taken when no address is given.

    Raises:
        ConfigError: there is no such user or group, whose unix sockets shall be.
        StartupError: an address cannot be bound; the message names it, and nothing stays open.
    """
    owner = find_identity(config)
    with ExitStack() as undo:
        listeners = []
        addresses = wanted_addresses(config)
        for address in addresses:
            for listener in bind(address, config, owner, is_dual=is_for_both(address, addresses)):
                undo.callback(listener.close)
                listeners.append(listener)
        undo.pop_all()
    return listeners


def wanted_addresses(config: Config) -> Sequence[BindAddress | SystemdSocket]:
    """The addresses of *config*, which lets one way to give them exclude the others."""
    if config.bind:
        return [parse_bind_address(text) for text in config.bind]
    if config.fd is not None:
        return [FdAddress(config.fd)]
    if config.uds is not None:
        return [UnixAddress(os.fspath(config.uds))]
    if all(getattr(config, name) == DEFAULTS[name] for name in ADDRESS_OPTIONS):
        passed = list_sockets()
        if passed:
            return passed
    return [TcpAddress(config.host, config.port)]


def is_for_both(
    address: BindAddress | SystemdSocket, addresses: Sequence[BindAddress | SystemdSocket]
) -> bool:
    """Whether *address* is every interface, for IPv4 too: none of *addresses* has its port."""
    return (
        isinstance(address, TcpAddress)
        and address.host == EVERY_INTERFACE
        and not any(
            isinstance(each, TcpAddress) and each.port == address.port and each != address
            for each in addresses
        )
    )


def bind(
    address: BindAddress | SystemdSocket,
    config: Config,
    owner: Identity | None,
    *,
    is_dual: bool,
) -> list[Listener]:
    """Bind one address, which may mean several sockets."""
    if isinstance(address, TcpAddress):
        return bind_tcp(address, is_shared=config.reuse_port, is_dual=is_dual)
    if isinstance(address, UnixAddress):
        return [bind_unix(address.path, int(config.uds_permissions), owner)]
    if isinstance(address, SystemdSocket):
        return [adopt_fd(address.fd, f"systemd {address.name}".rstrip())]
    return [adopt_fd(address.fd, f"fd {address.fd}")]


def bind_tcp(
    address: TcpAddress, *, is_shared: bool = False, is_dual: bool = False
) -> list[Listener]:
    """Bind everything that the host of *address* resolves to, all to the same port."""
    host = f"[{address.host}]" if ":" in address.host else address.host
    text = f"{host}:{address.port}"
    try:
        interfaces = resolve(address)
    except (OSError, UnicodeError) as exc:
        raise StartupError(f"cannot bind {text}: {reason_of(exc)}") from exc
    draws = MAX_PORT_DRAWS if address.port == 0 and len(interfaces) > 1 else 1
    while True:
        draws -= 1
        try:
            return bind_interfaces(interfaces, is_shared=is_shared, is_dual=is_dual)
        except OSError as exc:
            if is_dual and exc.errno == errno.EADDRINUSE:
                # Another process may have it for IPv4 alone.
                is_dual = False
                draws += 1
                continue
            if not draws or exc.errno != errno.EADDRINUSE:
                raise StartupError(f"cannot bind {text}: {reason_of(exc)}") from exc


def resolve(address: TcpAddress) -> list[Interface]:
    """The socket addresses of *address*, without duplicates, in the resolver's order."""
    found = socket.getaddrinfo(
        address.host or None, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    return list(dict.fromkeys((family, sockaddr) for family, _, _, _, sockaddr in found))


def bind_interfaces(
    interfaces: list[Interface], *, is_shared: bool, is_dual: bool = False
) -> list[Listener]:
    """Bind each of *interfaces* that is there; the first one picks the port when it is 0.

    Raises:
        OSError: one cannot be bound, or none is there.
    """
    listeners: list[Listener] = []
    unavailable: OSError | None = None
    with ExitStack() as undo:
        for family, (host, port, *rest) in interfaces:
            if listeners and port == 0:
                port = listeners[0].sock.getsockname()[1]
            try:
                sockaddr = (host, port, *rest)
                sock = open_tcp(family, sockaddr, is_shared=is_shared, is_dual=is_dual)
            except OSError as exc:
                if exc.errno not in UNAVAILABLE:
                    raise
                # localhost often has an IPv6 address where IPv6 is switched off.
                unavailable = exc
                continue
            undo.callback(sock.close)
            listeners.append(Listener(sock))
        if unavailable is not None and not listeners:
            raise unavailable
        undo.pop_all()
    return listeners


def open_tcp(
    family: int, sockaddr: tuple[Any, ...], *, is_shared: bool, is_dual: bool = False
) -> socket.socket:
    """Open a TCP socket bound to *sockaddr*; if it *is_shared*, others of this user may be too.

    Args:
        is_dual: one of IPv6 takes connections of IPv4 too, where the system can do that.

    Raises:
        OSError: it cannot be bound, or the system lets sockets share no address.
    """
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if sys.platform == "win32":
            # There, SO_REUSEADDR would let another process steal the port.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if is_shared:
            if not hasattr(socket, "SO_REUSEPORT"):
                raise OSError("reuse_port is not available on this platform")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            # Otherwise IPv4 gets a socket of its own, where it is asked for.
            is_dual = is_dual and socket.has_dualstack_ipv6()
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, not is_dual)
        sock.bind(sockaddr)
    except OSError:
        sock.close()
        raise
    return sock


def bind_unix(path: str, permissions: int, owner: Identity | None) -> Listener:
    """Bind a unix socket at *path*, which may be left over from a server that is gone."""
    if sys.platform == "win32":
        raise StartupError(f"cannot bind unix:{path}: there are no unix sockets on this platform")
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        remove_stale_socket(path)
        sock.bind(path)
        listener = Listener(sock, f"unix:{path}", path)
    except OSError as exc:
        sock.close()
        raise StartupError(f"cannot bind unix:{path}: {reason_of(exc)}") from exc
    try:
        # Nobody can connect before the socket listens, so the mode is never wider than asked for.
        os.chmod(path, permissions)
        if owner is not None:
            owner.own(path)
    except OSError as exc:
        listener.close()
        raise StartupError(f"cannot bind unix:{path}: {reason_of(exc)}") from exc
    return listener


def remove_stale_socket(path: str) -> None:
    """Remove the socket at *path* if nobody listens on it.

    Raises:
        OSError: somebody does, or it is no socket.
    """
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise OSError("a file that is not a socket is there")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
            return
        except BlockingIOError:
            pass  # its queue of connections is full: it is alive
    raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))


def adopt_fd(fd: int, origin: str) -> Listener:
    """Listen on the socket of *fd*; the descriptor itself stays open, it is its opener's.

    No program that the application starts inherits either.
    """
    try:
        inherited = open_fd(fd)
    except OSError as exc:
        raise StartupError(f"cannot listen on fd {fd}: {reason_of(exc)}") from exc
    try:
        inherited.set_inheritable(False)
        sock = inherited.dup()
    finally:
        inherited.detach()
    if sock.type != socket.SOCK_STREAM or sock.family not in FAMILIES:
        sock.close()
        raise StartupError(f"cannot listen on fd {fd}: it is not a stream socket of TCP or unix")
    return Listener(sock, f"{describe_address(sock)} ({origin})")


def open_fd(fd: int) -> socket.socket:
    """The socket of *fd*, which does not block from the first moment on.

    Processes that share a socket share its mode too. By default Python's ``dup()``, and PyPy here,
    have it block, and another process might just then be about to accept.

    Raises:
        OSError: it is no socket.
    """
    previous = socket.getdefaulttimeout()
    socket.setdefaulttimeout(0)
    try:
        return socket.socket(fileno=fd)
    finally:
        socket.setdefaulttimeout(previous)
