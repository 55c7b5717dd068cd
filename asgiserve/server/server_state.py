"""What a server is busy with, under the names that uvicorn's ``server.server_state`` has."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asgiserve.connection.context import WorkerContext

__all__ = ["ServerState"]


class ServerState:
    """A look at one moment; each property is empty while nothing is served.

    Args:
        worker: what the connections share; None while none is accepted.
    """

    def __init__(self, worker: WorkerContext | None) -> None:
        self._worker = worker

    @property
    def total_requests(self) -> int:
        """Requests so far."""
        return 0 if self._worker is None else self._worker.requests_total

    @property
    def connections(self) -> set[Any]:
        """The open connections; a copy."""
        return set() if self._worker is None else set(self._worker.connections)

    @property
    def tasks(self) -> set[asyncio.Task[Any]]:
        """The tasks in which the application runs; a copy."""
        return set() if self._worker is None else set(self._worker.tasks)

    @property
    def default_headers(self) -> list[tuple[bytes, bytes]]:
        """The fields that answers get, but for Date, which changes every second."""
        if self._worker is None:
            return []
        config = self._worker.config
        return encode_headers(config.headers, has_server=config.server_header)


def encode_headers(headers: Any, *, has_server: bool) -> list[tuple[bytes, bytes]]:
    """The default fields as ASGI has them, *headers* and, unless it is there, Server.

    Args:
        headers: pairs of text.
    """
    fields = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    if has_server and all(name != b"server" for name, _ in fields):
        fields.insert(0, (b"server", b"asgiserve"))
    return fields
