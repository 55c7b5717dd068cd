"""Log files that were moved away are opened anew, so that what moved them may have them."""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Iterator
from logging.handlers import WatchedFileHandler
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asgiserve.process.privileges import Identity

__all__ = ["find_handlers", "give_log_files", "reopen_log_files"]

logger = logging.getLogger("asgiserve.error")


def reopen_log_files() -> None:
    """Have every logger go on in a file that has the name of the file it has now.

    A file that still has its name is left alone; one that cannot be opened leaves the handler with
    the file that it has.
    """
    reopened = 0
    for handler in find_handlers():
        if not isinstance(handler, logging.FileHandler):
            continue
        try:
            reopened += reopen(handler)
        except OSError as error:
            logger.error(
                "Cannot reopen log file %s: %s", handler.baseFilename, error.strerror or error
            )
    if reopened:
        logger.info("Reopened %d log files", reopened)


def give_log_files(owner: Identity | None) -> None:
    """Give the log files of this process's user to *owner*, whose processes will open them again.

    Files that are another's already stay so, and what is no file at all.
    """
    if owner is None:
        return
    for handler in find_handlers():
        if not isinstance(handler, logging.FileHandler) or handler.stream is None:
            continue
        try:
            fd = handler.stream.fileno()
            found = os.fstat(fd)
            if stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid():
                owner.own(fd)
        except OSError as error:
            reason = error.strerror or error
            logger.error("Cannot give log file %s away: %s", handler.baseFilename, reason)


def find_handlers() -> Iterator[logging.Handler]:
    """Each handler of each logger once, with those that stand behind a buffer or a queue."""
    loggers = [logging.getLogger(), *logging.getLogger().manager.loggerDict.values()]
    waiting = [
        handler
        for each in loggers
        # The others stand for names between loggers.
        if isinstance(each, logging.Logger)
        for handler in each.handlers
    ]
    seen: set[int] = set()
    while waiting:
        handler = waiting.pop()
        if id(handler) in seen:
            continue
        seen.add(id(handler))
        yield handler
        # MemoryHandler has a target; QueueHandler, from Python 3.12 on, a listener with handlers.
        behind = [
            getattr(handler, "target", None),
            *(getattr(getattr(handler, "listener", None), "handlers", None) or ()),
        ]
        waiting += [each for each in behind if isinstance(each, logging.Handler)]


def reopen(handler: logging.FileHandler) -> bool:
    """Open the file of *handler* anew, unless it is the same; say whether it was."""
    handler.acquire()
    try:
        if handler.stream is None or has_name(handler.baseFilename, handler.stream.fileno()):
            return False
        if isinstance(handler, WatchedFileHandler):
            handler.reopenIfNeeded()
            return True
        # Other processes may have written to the new file already.
        handler.mode = "a"
        previous = handler.stream
        handler.stream = handler._open()
        previous.close()
        return True
    finally:
        handler.release()


def has_name(path: str, fd: int) -> bool:
    """Whether *path* is the name of the file that is open as *fd*."""
    try:
        named = os.stat(path)
    except FileNotFoundError:
        return False
    return os.path.samestat(named, os.fstat(fd))
