"""Changes of the watched files: told by looking at all of them, now and then or when told to.

With ``watchfiles`` the system tells when to look; without it the files are looked at again and
again. Either way a change is what a look finds: another time of modification, size or inode.
What is watched is said by ``watch_rules``.
"""

from __future__ import annotations

import importlib
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from asgiserve.reload.watch_rules import WatchRules

__all__ = ["FileWatch", "SystemEvents", "import_watchfiles"]

logger = logging.getLogger("asgiserve.error")

# Looking at the files takes at most this part of the time, in a large tree without watchfiles.
MAX_LOOK_SHARE = 0.1
# What the system has not told (a network file system, a change while it is asked for another set
# of directories) is seen after this time.
UNTOLD_CHANGE_S = 5.0
# How long watchfiles waits for more before it tells.
EVENT_STEP_MS = 50
EVENT_DEBOUNCE_MS = 200
# How long to wait before asking the system again, after a directory went away meanwhile.
RETRY_S = 0.5

# Time of modification in ns, size, inode: an editor that replaces a file changes the last.
Stamp: TypeAlias = tuple[int, int, int]


class Look:
    """What one look at the tree has found: the watched files, and the directories they are in."""

    def __init__(self, rules: WatchRules) -> None:
        self.stamps: dict[str, Stamp] = {}
        self.directories: set[str] = set()
        for path in rules.files:
            self._add_file(path)
        waiting = list(rules.roots)
        while waiting:
            directory = waiting.pop()
            if directory not in self.directories:
                waiting += self._enter(directory, rules)

    def changes_since(self, before: Look) -> set[str]:
        """The files that are new, gone or different."""
        return {path for path, _ in self.stamps.items() ^ before.stamps.items()}

    def _enter(self, directory: str, rules: WatchRules) -> Iterator[str]:
        """Take the files of *directory*; gives the directories in it that are to be entered."""
        try:
            with os.scandir(directory) as found:
                entries = list(found)
        except OSError:
            # It went away meanwhile, or is not ours to read.
            return
        is_root = directory in rules.roots
        if not is_root and any(entry.name == "pyvenv.cfg" for entry in entries):
            return  # a virtual environment, whatever its name
        self.directories.add(directory)
        for entry in entries:
            # Symbolic links to directories are not followed: they may lead anywhere, or in circles.
            if entry.is_dir(follow_symlinks=False):
                if rules.is_entered(entry.path):
                    yield entry.path
            elif rules.is_watched(entry.path):
                self._add_file(entry.path)

    def _add_file(self, path: str) -> None:
        try:
            found = os.stat(path)
        except OSError:
            return
        self.stamps[path] = (found.st_mtime_ns, found.st_size, found.st_ino)


class FileWatch:
    """Knows the watched files, and finds those that changed.

    Args:
        rules: what is watched.
        interval_s: the time between looks that nobody asked for; may be set anew.
        clock: in seconds, to take the time that a look costs.

    Attributes:
        next_look_s: when the next look is due by *clock*.
    """

    def __init__(
        self,
        rules: WatchRules,
        interval_s: float,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.rules = rules
        self.interval_s = interval_s
        self.next_look_s = 0.0
        # When looks will have taken no more than their share of the time.
        self._rested_s = 0.0
        self._clock = clock
        self._last = self._look()

    @property
    def directories(self) -> set[str]:
        """Those in which files are watched."""
        of_files = {os.path.dirname(path) for path in self.rules.files}
        return self._last.directories | {each for each in of_files if os.path.isdir(each)}

    def find_changes(self) -> set[str]:
        """Look; gives the files that changed since the look before."""
        before = self._last
        self._last = self._look()
        return self._last.changes_since(before)

    def hasten(self) -> None:
        """Something happened: have the next look early, but not one after the other."""
        self.next_look_s = min(self.next_look_s, self._rested_s)

    def is_relevant(self, path: str) -> bool:
        """Whether something that happened at *path* is worth a look; in any thread."""
        return (
            path in self._last.directories
            or path in self.rules.files
            or self.rules.is_watched(path)
            or (os.path.isdir(path) and self.rules.is_entered(path))
        )

    def _look(self) -> Look:
        start_s = self._clock()
        look = Look(self.rules)
        end_s = self._clock()
        self._rested_s = end_s + (end_s - start_s) / MAX_LOOK_SHARE
        self.next_look_s = max(end_s + self.interval_s, self._rested_s)
        return look


class SystemEvents:
    """A thread in which ``watchfiles`` waits for the system to tell of changes.

    Args:
        is_relevant: asked about each path that the system names, in the thread.
        wake: called in the thread when a look is due.

    Attributes:
        has_failed: the system tells nothing any more, which was logged.
    """

    def __init__(self, is_relevant: Callable[[str], bool], wake: Callable[[], None]) -> None:
        self.has_failed = False
        self._is_relevant = is_relevant
        self._wake = wake
        self._watchfiles = import_watchfiles()
        self._directories: set[str] = set()
        # Set to have the thread look at the attributes again.
        self._is_stale = threading.Event()
        self._is_closed = False
        self._thread: threading.Thread | None = None

    def follow(self, directories: set[str]) -> None:
        """Ask for changes in *directories*, and not in those that are below them."""
        if directories == self._directories:
            return
        self._directories = directories
        self._restart_wait()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="file events", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """End the thread."""
        self._is_closed = True
        self._restart_wait()
        if self._thread is not None:
            self._thread.join()

    def _restart_wait(self) -> None:
        stale, self._is_stale = self._is_stale, threading.Event()
        stale.set()

    def _run(self) -> None:
        while not self._is_closed:
            # In this order: what changes after the first line is seen by the second.
            is_stale = self._is_stale
            directories = self._directories
            try:
                self._wait_for_events(directories, is_stale)
            except FileNotFoundError:
                # A directory went away this moment: a look finds the others.
                self._wake()
                is_stale.wait(RETRY_S)
            except (OSError, RuntimeError) as error:
                # Out of inotify watches, most likely.
                self.has_failed = True
                logger.warning("The system tells of no changes to files: %s; polling", error)
                self._wake()
                return

    def _wait_for_events(self, directories: set[str], is_stale: threading.Event) -> None:
        if not directories:
            is_stale.wait()
            return
        # Linux has no recursive watch: one for each directory leaves out those that are skipped.
        # macOS has, and takes long to start many.
        events = self._watchfiles.watch(
            *sorted(directories),
            watch_filter=None,
            debounce=EVENT_DEBOUNCE_MS,
            step=EVENT_STEP_MS,
            stop_event=is_stale,
            raise_interrupt=False,
            recursive=sys.platform != "linux",
            ignore_permission_denied=True,
        )
        for changes in events:
            if any(self._is_relevant(path) for _, path in changes):
                self._wake()


def import_watchfiles() -> Any:
    """The package of this name; None where it is not installed, or does not work."""
    try:
        return importlib.import_module("watchfiles")
    except ImportError:
        return None
