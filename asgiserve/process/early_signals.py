"""Signals that come while Python still imports the server, or ends already: none of them kills.

Nothing but the standard library's smallest is imported here: until a process calls this, a signal
does what the system does by default.
"""

from __future__ import annotations

import os
import signal
from types import FrameType

from asgiserve.process.signal_handlers import set_handler

__all__ = ["catch_early_signals", "ignore_late_signals"]

# What asks a server to do something and would kill a process that does not know it.
REQUESTS = ("SIGHUP", "SIGUSR1", "SIGUSR2")
# What a forked worker has from its supervisor and does not want.
SUPERVISORS = ("SIGCHLD", "SIGTTIN", "SIGTTOU", "SIGWINCH")


def catch_early_signals(*, is_worker: bool = False) -> None:
    """Have signals that stop end the process with status 0, and others pass.

    The server puts its own handlers in place later.

    Args:
        is_worker: SIGINT passes too, since a terminal sends it to the supervisor as well; and what
            a supervisor has caught or held back comes through.
    """
    set_handler(signal.SIGTERM, end_process)
    # Not SIG_IGN, which programs that the application starts would inherit.
    set_handler(signal.SIGINT, pass_by if is_worker else end_process)
    for number in find_signals(REQUESTS):
        set_handler(number, pass_by)
    if not is_worker:
        return
    signal.set_wakeup_fd(-1)
    for number in find_signals(SUPERVISORS):
        set_handler(number, signal.SIG_DFL)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signal.valid_signals())


def ignore_late_signals() -> None:
    """Have signals pass while a process ends, which has its exit status already.

    CPython puts the system's handlers, which kill, in the place of its own before it has ended.
    """
    for number in (signal.SIGINT, signal.SIGTERM, *find_signals(REQUESTS)):
        set_handler(number, signal.SIG_IGN)


def end_process(number: int, frame: FrameType | None) -> None:
    """End at once: there is nothing to finish yet."""
    # Not SystemExit: the import system has callbacks in which exceptions are lost.
    os._exit(0)


def pass_by(number: int, frame: FrameType | None) -> None:
    """Do nothing, where the default would be to kill."""


def find_signals(names: tuple[str, ...]) -> list[signal.Signals]:
    """Those of *names* that the system has."""
    return [getattr(signal, name) for name in names if hasattr(signal, name)]
