"""From listening sockets to connections of a worker."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Coroutine, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from asgiserve._twins import http1_connection
from asgiserve.connection.addresses import Addresses, address_pair, address_text, local_address
from asgiserve.errors import PeerError, StartupError
from asgiserve.net.accept_calls import AcceptCalls
from asgiserve.net.accept_loop import AcceptLoop
from asgiserve.net.listener import Listener
from asgiserve.net.proxy_protocol import ProxyProtocol
from asgiserve.net.transport_loop import TransportLoop
from asgiserve.net.transports import connect_plain, start_tls

if TYPE_CHECKING:
    from asgiserve.config.config import Config
    from asgiserve.connection.context import WorkerContext
    from asgiserve.net.spread import Spread
    from asgiserve.net.tls import TlsSettings

__all__ = ["Acceptor", "ListeningSocket", "check_event_loop"]

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
        self._transport_loop = TransportLoop(worker.loop)
        self._proxy_protocol = ProxyProtocol(config) if config.proxy_protocol else None
        self._make_connection = partial(http1_connection.Http1Connection, worker)
        # A handshake and a header are waited for with time-outs, which need a task.
        self._needs_tasks = tls is not None or config.proxy_protocol
        self._opening: set[asyncio.Future[None]] = set()
        self._accept_loop = AcceptLoop(
            worker.loop,
            listeners,
            self._take,
            self.count,
            limit=config.limit_connections,
            spread=spread,
        )
        self._accept_calls = AcceptCalls(worker.loop, listeners, self._take)
        self._can_watch = can_watch_sockets(worker.loop, listeners)

    async def start(self) -> None:
        """Accept from now on."""
        if self._can_watch:
            self._accept_loop.start()
        else:
            self._accept_calls.start()
        self.servers = [ListeningSocket(listener.sock) for listener in self._listeners]

    def close(self, *, serves_waiting: bool = False) -> None:
        """Accept no more.

        Args:
            serves_waiting: take what waits in the kernel's queues before, since nobody else will,
                and it would be reset.
        """
        self._accept_loop.stop()
        self._accept_calls.stop()
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
            for opening in self._opening:
                opening.cancel()

    def count(self) -> int:
        """The connections that there are, those on their way to be one included."""
        return len(self._worker.connections) + len(self._opening)

    def _take(self, sock: socket.socket, peer: Any, listener: Listener) -> None:
        if self._needs_tasks:
            sock.setblocking(False)
            task = self._worker.task_starter.start(self._introduce(sock, peer))
            if not task.done():
                self._opening.add(task)
                task.add_done_callback(self._opening.discard)
            return
        try:
            addresses = addresses_of(sock, peer)
        except OSError:
            sock.close()
            return
        make_connection = partial(self._make_connection, addresses)
        self._advance(connect_plain(self._worker.loop, make_connection, sock))

    async def _introduce(self, sock: socket.socket, peer: Any) -> None:
        """Have the peer show who it is, by the PROXY protocol, TLS or both."""
        loop = self._worker.loop
        try:
            addresses = None
            if self._proxy_protocol is not None:
                addresses = await self._proxy_protocol.read(loop, sock, peer)
            if addresses is None:
                addresses = addresses_of(sock, peer)
        except (PeerError, OSError):
            sock.close()
            return
        except asyncio.CancelledError:
            sock.close()
            raise
        make_connection = partial(self._make_connection, addresses)
        if self._tls is None:
            await connect_plain(loop, make_connection, sock)
            return
        client = address_text(addresses.client, addresses.server)
        await start_tls(
            self._transport_loop,
            make_connection,
            sock,
            client,
            self._tls,
            can_watch=self._can_watch,
        )

    def _advance(
        self, opening: Coroutine[Any, None, None], waiter: asyncio.Future[None] | None = None
    ) -> None:
        """Run *opening* on to the future that it waits for next, now that *waiter* is done.

        A task would do the same for 8,000 instructions more: a connection with one request takes
        115,000.
        """
        if waiter is not None:
            self._opening.discard(waiter)
        try:
            waiter = opening.send(None)
        except (StopIteration, asyncio.CancelledError):
            return
        self._opening.add(waiter)
        waiter.add_done_callback(partial(self._advance, opening))


def check_event_loop(
    config: Config, loop: asyncio.AbstractEventLoop, listeners: Sequence[Listener]
) -> None:
    """Refuse what *loop* cannot do, before there is an application.

    Raises:
        StartupError: the options of *config* ask for it.
    """
    if can_watch_sockets(loop, listeners):
        return
    for name in ("proxy_protocol", "limit_connections"):
        if getattr(config, name):
            raise StartupError(f"{name} needs an event loop that can watch sockets")


def can_watch_sockets(loop: asyncio.AbstractEventLoop, listeners: Sequence[Listener]) -> bool:
    """Whether *loop* has ``add_reader``, unlike that of Windows."""
    try:
        for listener in listeners:
            # Nobody watches it yet, so this only asks.
            loop.remove_reader(listener.sock)
    except NotImplementedError:
        return False
    return True


def addresses_of(sock: socket.socket, peer: Any) -> Addresses:
    """Both ends of *sock*, whose *peer* accept() has told.

    Raises:
        OSError: the connection is gone.
    """
    return Addresses(address_pair(peer), local_address(sock.getsockname()))
