"""The options of processes: workers, what retires and replaces them, reload, and identity."""

# ruff: noqa: RUF009 - `option` gives a field, not a value shared by all instances.

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from asgiserve.config import kinds
from asgiserve.config import values as server_kinds
from asgiserve.config.kinds import integer, optional, seconds, size
from asgiserve.config.option import PROCESSES, RELOAD, OptionError, option

if TYPE_CHECKING:
    from asgiserve.config.config import Config

__all__ = ["ProcessOptions", "check_process_conflicts"]


# Config makes the methods.
@dataclass(frozen=True, kw_only=True, init=False, repr=False, eq=False)
class ProcessOptions:
    """How many processes serve, when they are replaced, and as whom they run."""

    workers: int | None = option(
        None,
        optional(integer(1)),
        PROCESSES,
        "Worker processes; more than one run under a supervisor. [default: $WEB_CONCURRENCY or 1]",
        fallback_env="WEB_CONCURRENCY",
        fallback=1,
    )
    preload: bool = option(
        False,
        kinds.SWITCH,
        PROCESSES,
        "Import APP once, in the supervisor, and fork the workers from it.",
    )
    spare_worker: bool = option(
        True,
        kinds.SWITCH,
        PROCESSES,
        "Have a process ready, without APP, that forks workers or takes a dead one's place.",
    )
    reuse_port: bool = option(
        False,
        kinds.SWITCH,
        PROCESSES,
        "Give each worker a TCP socket of its own; the kernel spreads connections by chance.",
    )
    balance: bool = option(
        True,
        kinds.SWITCH,
        PROCESSES,
        "Have a worker leave new connections to the others while it holds more than the mean.",
    )
    timeout_worker_healthcheck: float = option(
        30,
        seconds(),
        PROCESSES,
        "Replace a worker whose event loop stands still for so long.",
    )
    worker_max_lifetime: float | None = option(
        None, optional(seconds()), PROCESSES, "Replace a worker after this time."
    )
    worker_max_rss: int | None = option(
        None,
        optional(size(1, kinds.MAX_SIZE_BYTES)),
        PROCESSES,
        "Replace a worker whose resident size is above this.",
    )
    pid: str | os.PathLike[str] | None = option(
        None, optional(kinds.PATH), PROCESSES, "Write the process id to this file."
    )
    user: str | int | None = option(
        None, optional(server_kinds.USER), PROCESSES, "Serve as this user, once sockets are bound."
    )
    group: str | int | None = option(
        None,
        optional(server_kinds.GROUP),
        PROCESSES,
        "Serve as this group. [default: the group of user]",
    )
    umask: int | None = option(
        None, optional(kinds.FILE_MODE), PROCESSES, "File mode creation mask, in octal."
    )

    reload: bool = option(
        False, kinds.SWITCH, RELOAD, "Restart when files change, for development."
    )
    reload_dirs: Sequence[str] = option(
        (),
        server_kinds.DIRECTORIES,
        RELOAD,
        "Watch this directory; may be repeated. [default: app_dir]",
        flag="--reload-dir",
    )
    reload_includes: Sequence[str] = option(
        (),
        server_kinds.PATTERNS,
        RELOAD,
        "Watch files that match this pattern too; may be repeated. [default: *.py]",
        flag="--reload-include",
    )
    reload_excludes: Sequence[str] = option(
        (),
        server_kinds.PATTERNS,
        RELOAD,
        "Leave out what matches this pattern; may be repeated. "
        "[default: .*, *.py[cod], *.sw?, *~ and the like]",
        flag="--reload-exclude",
    )
    reload_delay: float = option(
        0.25, seconds(), RELOAD, "Time between looks at the files, and for changes to settle."
    )


def check_process_conflicts(config: Config) -> None:
    """Refuse options of processes that contradict each other.

    Raises:
        OptionError: they do.
    """
    if config.reload and config.workers != 1:
        raise OptionError("reload and workers exclude each other", "reload", "workers")
    if config.reload and config.preload:
        raise OptionError(
            "reload and preload exclude each other: a preloaded application stays as it is",
            "reload",
            "preload",
        )
    for name in ("reload_dirs", "reload_includes", "reload_excludes"):
        if getattr(config, name) and not config.reload:
            raise OptionError(f"{name}: has no effect without reload", name)
    if config.reload_delay != 0.25 and not config.reload:
        raise OptionError("reload_delay: has no effect without reload", "reload_delay")
