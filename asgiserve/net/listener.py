"""A socket that is bound: set to listen when the application has started, and accepted at.

One that is bound but does not listen reserves its address, and refuses connections.
"""

from __future__ import annotations

import os
import socket
from typing import Any

from asgiserve.connection.unsent_limit import limit_unsent
from asgiserve.errors import StartupError

__all__ = ["Listener", "describe_address", "reason_of"]


class AcceptedSocket(socket.socket):
    """A connection, whose family and type are numbers.

    Those of any other socket are looked up in an enum whenever they are asked for, five times for
    each connection: 25,000 of its 180,000 instructions.
    """

    __slots__ = ("family", "type")

    def __init__(self, family: int, kind: int, protocol: int, fd: int) -> None:
        super().__init__(family, kind, protocol, fd)
        self.family = family  # type: ignore[misc, assignment]
        self.type = kind  # type: ignore[misc, assignment]


class Listener:
    """One bound socket.

    Args:
        sock: owned by the listener.
        text: how the log names the address.
        socket_file: the path of a unix socket that was bound here, and is removed at the end.
    """

    def __init__(self, sock: socket.socket, text: str = "", socket_file: str | None = None) -> None:
        # See `open_fd`.
        sock.setblocking(False)
        # A program that the application starts, and that outlives the server, would hold the port.
        sock.set_inheritable(False)
        self.sock = sock
        self._kind = (int(sock.family), int(sock.type), sock.proto)
        self.text = text or describe_address(sock)
        # Absolute, since the application may change the directory.
        self._socket_file = None if socket_file is None else os.path.abspath(socket_file)
        self._inode = None if socket_file is None else inode_of(socket_file)

    def listen(self, backlog: int) -> None:
        """Have the kernel take connections from now on.

        Raises:
            StartupError: another server has taken the address meanwhile.
        """
        # Not left to the event loop: uvloop does not tell that listen() has failed.
        try:
            if self.sock.family in (socket.AF_INET, socket.AF_INET6):
                # Connections inherit it. asyncio sets it only where the socket's protocol number
                # is known, which depends on who has opened the socket.
                self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                limit_unsent(self.sock)
            self.sock.listen(backlog)
        except OSError as exc:
            raise StartupError(f"cannot listen on {self.text}: {reason_of(exc)}") from exc
        if self.has_lost_path():
            raise StartupError(f"cannot listen on {self.text}: another server took it over")

    def accept(self) -> tuple[socket.socket, Any]:
        """Take a connection: its socket, which blocks, and the address of its peer.

        Raises:
            BlockingIOError: none waits.
            OSError: what accept(2) says.
        """
        # What accept() calls too, before it makes a socket of another kind.
        fd, peer = self.sock._accept()  # type: ignore[attr-defined]
        return AcceptedSocket(*self._kind, fd), peer

    def close(self) -> None:
        """Close the socket and remove its file, unless another server has taken the path over."""
        self.sock.close()
        if self._socket_file is None or self.has_lost_path():
            return
        try:
            os.unlink(self._socket_file)
        except OSError:
            # The directory may be closed to us by now; the next server takes the stale file over.
            pass

    @property
    def socket_file(self) -> str | None:
        """The path that ``close`` removes; None if there is none, or it leads elsewhere by now."""
        return None if self.has_lost_path() else self._socket_file

    def give_up_file(self) -> None:
        """Leave the file of a unix socket to another process."""
        self._socket_file = None

    def take_over_file(self, path: str) -> None:
        """Remove the file at *path*, which leads to this socket, at the end."""
        self._socket_file = path
        self._inode = inode_of(path)

    def has_lost_path(self) -> bool:
        """Whether clients that open the path of a unix socket no longer come here."""
        return self._socket_file is not None and inode_of(self._socket_file) != self._inode


def describe_address(sock: socket.socket) -> str:
    """The address that *sock* is bound to, as a client writes it."""
    address = sock.getsockname()
    if not isinstance(address, tuple):
        path = os.fsdecode(address)
        # A name in Linux's abstract name space, written as systemd and ss do.
        return f"unix:@{path[1:]}" if path.startswith("\0") else f"unix:{path}"
    host, port, *_ = address
    if ":" not in host:
        return f"http://{host}:{port}"
    zone = address[3]
    if zone and "%" not in host:
        host = f"{host}%{socket.if_indextoname(zone)}"
    return f"http://[{host}]:{port}"


def inode_of(path: str) -> tuple[int, int] | None:
    """What tells the file at *path* from others; None when there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def reason_of(exc: Exception) -> str:
    """Why the system refused, without errno and path."""
    reason = getattr(exc, "strerror", None) or str(exc)
    # Not so "AF_UNIX path too long".
    return reason if reason[1:2].isupper() else reason[:1].lower() + reason[1:]
