"""From listening sockets to connections of a worker."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from asgiserve._twins import http1_connection
from asgiserve.server.sockets import Listener

if TYPE_CHECKING:
    from asgiserve.connection.context import WorkerContext
    from asgiserve.server.spread import Spread

__all__ = ["Acceptor"]


class Acceptor:
    """Accepts the connections of one worker.

    Args:
        worker: what the connections share.
        listeners: listen already; closed by ``close``.
        tls: what TLS connections need; None: plain ones.
        spread: the other workers' counts, to leave connections to them; owned by the caller.

    Attributes:
        servers: the asyncio servers, whose ``sockets`` tell the addresses.
    """

    def __init__(
        self,
        worker: WorkerContext,
        listeners: Sequence[Listener],
        tls: Any = None,
        spread: Spread | None = None,
    ) -> None:
        self.servers: list[asyncio.Server] = []
        self._worker = worker
        self._listeners = listeners
        self._tls = tls
        self._spread = spread

    async def start(self) -> None:
        """Accept from now on."""
        worker = self._worker
        for listener in self._listeners:
            server = await worker.loop.create_server(
                lambda: http1_connection.Http1Connection(worker),
                sock=listener.sock,
                backlog=worker.config.backlog,
            )
            self.servers.append(server)

    def close(self) -> None:
        """Accept no more."""
        for server in self.servers:
            server.close()
        for listener in self._listeners:
            listener.close()
