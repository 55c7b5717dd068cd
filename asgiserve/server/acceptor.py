"""From listening sockets to connections of a worker."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from asgiserve._twins import http1_connection
from asgiserve.server.sockets import Listener
from asgiserve.server.transports import TlsServer, create_server

if TYPE_CHECKING:
    from asgiserve.connection.context import WorkerContext
    from asgiserve.server.spread import Spread
    from asgiserve.server.tls import TlsSettings

__all__ = ["Acceptor"]


class Acceptor:
    """Accepts the connections of one worker.

    Args:
        worker: what the connections share.
        listeners: listen already; closed by ``close``.
        tls: what TLS connections need; None: plain ones.
        spread: the other workers' counts, to leave connections to them; owned by the caller.

    Attributes:
        servers: asyncio's, or such for TLS, whose ``sockets`` tell the addresses.
    """

    def __init__(
        self,
        worker: WorkerContext,
        listeners: Sequence[Listener],
        tls: TlsSettings | None = None,
        spread: Spread | None = None,
    ) -> None:
        self.servers: list[asyncio.Server | TlsServer] = []
        self._worker = worker
        self._listeners = listeners
        self._tls = tls
        self._spread = spread

    async def start(self) -> None:
        """Accept from now on."""
        worker = self._worker
        for listener in self._listeners:
            server = await create_server(
                worker.loop,
                lambda: http1_connection.Http1Connection(worker),
                listener.sock,
                backlog=worker.config.backlog,
                tls=self._tls,
            )
            self.servers.append(server)

    def close(self) -> None:
        """Accept no more."""
        for server in self.servers:
            server.close()
        for listener in self._listeners:
            listener.close()
