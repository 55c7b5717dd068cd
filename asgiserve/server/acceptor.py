"""From listening sockets to connections of a worker."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from asgiserve._twins import http1_connection
from asgiserve.connection.addresses import Addresses, address_pair, local_address
from asgiserve.errors import PeerError, StartupError
from asgiserve.server.accept_loop import AcceptLoop
from asgiserve.server.listener import Listener
from asgiserve.server.proxy_protocol import ProxyProtocol
from asgiserve.server.transports import connect_accepted, create_server

if TYPE_CHECKING:
    from asgiserve.connection.context import WorkerContext
    from asgiserve.server.spread import Spread
    from asgiserve.server.tls import TlsSettings

__all__ = ["Acceptor", "ListeningSocket"]

logger = logging.getLogger("asgiserve.error")

# What connections that have yet to show who they are, by TLS or the PROXY protocol, get for it when
# the server stops.
SETTLE_S = 1.0


class ListeningSocket:
    """Where connections are accepted, in the form that asyncio's servers have.

    Attributes:
        sockets: the one that listens; empty when it is closed.
    """

    def __init__(self, sock: socket.socket) -> None:
        self.sockets: tuple[socket.socket, ...] = (sock,)

    def close(self) -> None:
        """Have no socket any more."""
        self.sockets = ()

    def is_serving(self) -> bool:
        """Whether connections are accepted."""
        return bool(self.sockets)


class Acceptor:
    """Accepts the connections of one worker.

    Args:
        worker: what the connections share.
        listeners: listen already; closed by ``close``.
        tls: what TLS connections need; None: plain ones.
        spread: the other workers' counts, to leave connections to them; owned by the caller.

    Attributes:
        servers: their ``sockets`` tell the addresses.
    """

    def __init__(
        self,
        worker: WorkerContext,
        listeners: Sequence[Listener],
        tls: TlsSettings | None = None,
        spread: Spread | None = None,
    ) -> None:
        config = worker.config
        self.servers: list[Any] = []
        self._worker = worker
        self._listeners = listeners
        self._tls = tls
        self._proxy_protocol = ProxyProtocol(config) if config.proxy_protocol else None
        self._make_connection = partial(http1_connection.Http1Connection, worker)
        self._opening: set[asyncio.Task[None]] = set()
        self._accept_loop = AcceptLoop(
            worker.loop,
            listeners,
            self._take,
            self.count,
            limit=config.limit_connections,
            spread=spread,
        )

    async def start(self) -> None:
        """Accept from now on.

        Raises:
            StartupError: the options ask for what the event loop cannot do.
        """
        try:
            self._accept_loop.start()
        except NotImplementedError:
            await self._start_servers()
            return
        self.servers = [ListeningSocket(listener.sock) for listener in self._listeners]

    def close(self, *, serves_waiting: bool = False) -> None:
        """Accept no more.

        Args:
            serves_waiting: take what waits in the kernel's queues before, since nobody else will,
                and it would be reset.
        """
        self._accept_loop.stop()
        if serves_waiting:
            self._accept_loop.take_waiting()
        for server in self.servers:
            server.close()
        for listener in self._listeners:
            listener.close()

    async def settle(self) -> None:
        """Wait, but not for long, for what is on its way to be a connection."""
        try:
            if self._opening:
                await asyncio.wait(self._opening, timeout=SETTLE_S)
        finally:
            for task in self._opening:
                task.cancel()

    def count(self) -> int:
        """The connections that there are, those included that have yet to show who they are."""
        return len(self._worker.connections) + len(self._opening)

    def _take(self, sock: socket.socket, peer: Any, listener: Listener) -> None:
        task = self._worker.task_starter.start(self._connect(sock, peer))
        if not task.done():
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

    async def _connect(self, sock: socket.socket, peer: Any) -> None:
        """Make a connection of *sock*."""
        loop = self._worker.loop
        try:
            addresses = None
            if self._proxy_protocol is not None:
                addresses = await self._proxy_protocol.read(loop, sock, peer)
            if addresses is None:
                addresses = Addresses(address_pair(peer), local_address(sock.getsockname()))
        except (PeerError, OSError):
            sock.close()
            return
        except asyncio.CancelledError:
            sock.close()
            raise
        make_connection = partial(self._make_connection, addresses)
        await connect_accepted(loop, make_connection, sock, addresses, tls=self._tls)

    async def _start_servers(self) -> None:
        """Let the event loop accept, if it cannot watch sockets (Windows)."""
        config = self._worker.config
        for name in ("proxy_protocol", "limit_connections"):
            if getattr(config, name):
                raise StartupError(f"{name} needs an event loop that can watch sockets")
        for listener in self._listeners:
            server = await create_server(
                self._worker.loop,
                self._make_connection,
                listener.sock,
                backlog=config.backlog,
                tls=self._tls,
            )
            self.servers.append(server)
