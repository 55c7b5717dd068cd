"""What ``receive`` and ``send`` do when something has to be waited for."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

__all__ = ["Waiters", "send_later", "wait_writable"]


class Waiters:
    """The tasks that wait for one condition.

    Each has a future of its own, since cancelling one must not reach the others.
    """

    __slots__ = ("_futures",)

    def __init__(self) -> None:
        self._futures: set[asyncio.Future[None]] = set()

    def wake(self) -> None:
        """Let every waiting task look at the condition again."""
        for future in self._futures:
            if not future.done():
                future.set_result(None)
        self._futures.clear()

    async def wait(self) -> None:
        """Wait for the next ``wake``."""
        future = asyncio.get_running_loop().create_future()
        self._futures.add(future)
        try:
            await future
        finally:
            self._futures.discard(future)


class Cycle(Protocol):
    """What a waiting coroutine needs of a request cycle."""

    def handle(self, message: Any) -> None: ...
    def must_wait(self) -> bool: ...
    def write_waiters(self) -> Waiters: ...
    def check_connected(self) -> None: ...


async def wait_writable(cycle: Cycle) -> None:
    """Wait for room in the transport of *cycle*; raises ClientDisconnected if it is lost."""
    while cycle.must_wait():
        cycle.check_connected()
        await cycle.write_waiters().wait()
    cycle.check_connected()


async def send_later(cycle: Cycle, message: Any) -> None:
    """Wait for room, handle *message*, and wait for the room it took."""
    await wait_writable(cycle)
    cycle.handle(message)
    await wait_writable(cycle)
