"""The options of processes: workers, what retires and replaces them, and identity."""

# ruff: noqa: RUF009 - `option` gives a field, not a value shared by all instances.

from __future__ import annotations

import os
from dataclasses import dataclass

from asgiserve.config import kinds, values
from asgiserve.config.kinds import integer, optional, seconds, size
from asgiserve.config.option import PROCESSES, OptionGroup, option

__all__ = ["ProcessOptions"]


# Config makes the methods.
@dataclass(frozen=True, kw_only=True, init=False, repr=False, eq=False)
class ProcessOptions(OptionGroup):
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
        "Keep a standby process, without APP, that forks workers or replaces a dead one.",
    )
    reuse_port: bool = option(
        False,
        kinds.SWITCH,
        PROCESSES,
        "Give each worker its own TCP socket; the kernel spreads connections at random.",
    )
    balance: bool = option(
        True,
        kinds.SWITCH,
        PROCESSES,
        "Leave new connections to other workers while one has more than the average.",
    )
    timeout_worker_healthcheck: float = option(
        30,
        seconds(),
        PROCESSES,
        "Replace a worker whose event loop is blocked this long.",
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
        None, optional(values.USER), PROCESSES, "Serve as this user, once sockets are bound."
    )
    group: str | int | None = option(
        None,
        optional(values.GROUP),
        PROCESSES,
        "Serve as this group. [default: the group of user]",
    )
    umask: int | None = option(
        None, optional(kinds.FILE_MODE), PROCESSES, "File mode creation mask, in octal."
    )
