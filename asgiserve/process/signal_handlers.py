"""The signal handlers of the server's processes, which children of the application do not inherit.

A child that the application forks, as multiprocessing does, has no server that could act on a
signal: with a handler of the server in place, SIGTERM would not end it. In such a child the
handlers of before are put back; in processes that the server forks for itself they stay.
"""

from __future__ import annotations

import os
import signal
from _thread import get_ident
from typing import Any

__all__ = ["fork_process", "set_handler"]

# By signal: the server's handler, and the one that was there before the server set any.
_handlers: dict[int, tuple[Any, Any]] = {}
# The thread that forks a process of the server; 0: none.
_forking_thread = 0
# By thread that forks one of the application: the signals that it held back before.
_masks: dict[int, Any] = {}


def set_handler(number: int, handler: Any) -> Any:
    """As ``signal.signal``, for a handler of the server, and to put back the one before it."""
    previous = signal.signal(number, handler)
    ours, before = _handlers.get(number, (None, None))
    # Equal, not identical: a method is another object whenever it is looked up.
    if ours is None or previous != ours:
        before = previous
    if handler == before:
        _handlers.pop(number, None)
    else:
        _handlers[number] = (handler, before)
    return previous


def fork_process() -> int:
    """As ``os.fork``, for a process of the server: the child keeps the handlers."""
    global _forking_thread
    _forking_thread = get_ident()
    try:
        return os.fork()
    finally:
        _forking_thread = 0


def hold_signals() -> None:
    """Before a fork: have what is sent to the child wait until its handlers are in place."""
    if _handlers and _forking_thread != get_ident():
        _masks[get_ident()] = signal.pthread_sigmask(signal.SIG_BLOCK, _handlers)


def let_signals_through() -> None:
    """After a fork."""
    mask = _masks.pop(get_ident(), None)
    if mask is not None:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def put_back_handlers() -> None:
    """In a forked child, whose only thread this is: have no handler of the server."""
    if get_ident() not in _masks:
        return
    for number, (ours, before) in _handlers.items():
        # The application may have set its own meanwhile.
        if signal.getsignal(number) == ours:
            # None: it was not set by Python, and cannot be put back from here.
            signal.signal(number, signal.SIG_DFL if before is None else before)
    _handlers.clear()
    # The file is shared with the parent, which would take the child's signals for its own.
    signal.set_wakeup_fd(-1)
    let_signals_through()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=hold_signals,
        after_in_parent=let_signals_through,
        after_in_child=put_back_handlers,
    )
