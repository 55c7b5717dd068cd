"""Awaitables with nothing to wait for: what ``receive`` and ``send`` mostly return.

They are full coroutine objects to asyncio (``asyncio.iscoroutine`` is true), so that
``create_task(receive())``, ``wait_for``, ``gather`` and anyio's task groups take them. A native
coroutine would cost a frame for each event.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any, NoReturn

__all__ = ["Failed", "Ready", "ReadyEvent"]


class Ready:
    """An awaitable whose result is known."""

    __slots__ = ("_value",)

    # inspect.getcoroutinestate() reads these four; anyio asks it about every task it may cancel.
    cr_await = None
    cr_frame = None
    cr_running = False
    cr_suspended = False

    def __init__(self, value: Any) -> None:
        self._value = value

    # Any: what a Generator is to the type checker is here an object that is its own iterator.
    def __await__(self) -> Any:
        return self

    def __iter__(self) -> Ready:
        return self

    def __next__(self) -> NoReturn:
        raise StopIteration(self._value)

    def send(self, value: Any) -> NoReturn:
        raise StopIteration(self._value)

    def throw(
        self, kind: Any, value: BaseException | None = None, traceback: TracebackType | None = None
    ) -> NoReturn:
        raise kind if value is None else value

    def close(self) -> None:
        """Nothing is suspended, so nothing is closed."""


class ReadyEvent(Ready):
    """An event for the application; one that is cancelled before it is looked at goes back.

    Args:
        value: the event.
        give_back: takes the event that nobody has seen.
    """

    __slots__ = ("_give_back",)

    def __init__(self, value: dict[str, Any], give_back: Callable[[dict[str, Any]], None]) -> None:
        self._value = value
        self._give_back = give_back

    def throw(
        self, kind: Any, value: BaseException | None = None, traceback: TracebackType | None = None
    ) -> NoReturn:
        self._give_back(self._value)
        raise kind if value is None else value


class Failed(Ready):
    """An awaitable whose awaiting raises a known exception, once."""

    __slots__ = ()

    def __next__(self) -> NoReturn:
        self.send(None)

    def send(self, value: Any) -> NoReturn:
        exc, self._value = self._value, RuntimeError("a send() was awaited twice")
        try:
            raise exc
        finally:
            # The traceback holds this frame: with the exception in it, that is a circle, which
            # would last until the next garbage collection, and all that is in reach with it.
            del exc


# What most sends return; it carries no state, so one serves all.
NOTHING = Ready(None)
