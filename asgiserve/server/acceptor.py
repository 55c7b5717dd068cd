"""From listening sockets to connections of a worker."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from asgiserve._twins import http1_connection
from asgiserve.server.sockets import Listener

if TYPE_CHECKING:
    from asgiserve.connection.context import WorkerContext

__all__ = ["Acceptor"]


class Acceptor:
    """Accepts the connections of one worker.

    Args:
        worker: what the connections share.
        listeners: listen already; closed by ``close``.

    Attributes:
        servers: the asyncio servers, whose ``sockets`` tell the addresses.
    """

    def __init__(self, worker: WorkerContext, listeners: Sequence[Listener]) -> None:
        self.servers: list[asyncio.Server] = []
        self._worker = worker
        self._listeners = listeners

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
