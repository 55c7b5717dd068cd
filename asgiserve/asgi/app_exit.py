"""An application that raises SystemExit or KeyboardInterrupt: its own end, not the server's.

asyncio lets both out of the event loop, and with them every other request would end.
"""

from __future__ import annotations

import signal
import threading
import traceback
from collections.abc import Awaitable, Coroutine
from types import CodeType
from typing import Any

from asgiserve.errors import AppError

__all__ = ["AppExit", "contain", "run_contained"]


class AppExit(AppError):
    """The application raised SystemExit or KeyboardInterrupt, which is the cause of this."""


def run_contained(call: Awaitable[Any]) -> Coroutine[Any, Any, None]:
    """A coroutine for a task, which awaits *call*, the application's; ``contain`` says what for.

    The compiled build has an object of its own in place of it.
    """
    coroutine: Any = wait_contained(call)
    # By its name logs and debuggers know a task.
    coroutine.__qualname__ = getattr(call, "__qualname__", coroutine.__qualname__)
    return coroutine  # type: ignore[no-any-return]


async def wait_contained(call: Awaitable[Any]) -> None:
    try:
        await call
    except (SystemExit, KeyboardInterrupt) as exc:
        raise contain(exc) from exc


def contain(exc: BaseException) -> BaseException:
    """What stands for *exc*, raised by the application, where asyncio may see it.

    Raises:
        BaseException: *exc* itself, which a signal handler has raised while the application ran: it
            is meant for the whole program.
    """
    if not isinstance(exc, (SystemExit, KeyboardInterrupt)):
        return exc
    if is_from_signal(exc):
        raise exc
    contained = AppExit(f"the application raised {repr(exc)[:200]}")
    contained.__cause__ = exc
    return contained


def is_from_signal(exc: BaseException) -> bool:
    """Whether the handler of SIGINT or SIGTERM has raised *exc*.

    Python's own for SIGINT leaves no trace in *exc*: where it is in use, a KeyboardInterrupt is
    taken for Ctrl+C.
    """
    if threading.current_thread() is not threading.main_thread():
        return False
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    if isinstance(exc, KeyboardInterrupt) and handlers[0] is signal.default_int_handler:
        return True
    codes = [code_of(handler) for handler in handlers]
    return any(frame.f_code in codes for frame, _ in traceback.walk_tb(exc.__traceback__))


def code_of(handler: Any) -> CodeType | None:
    """The code of a signal handler; None where it has none in Python."""
    # That of asyncio.Runner is a partial.
    code = getattr(getattr(handler, "func", handler), "__code__", None)
    return code if isinstance(code, CodeType) else None
