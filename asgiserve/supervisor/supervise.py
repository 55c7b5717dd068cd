"""The way in: what workers need is looked for before anything is opened."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from asgiserve.errors import ConfigError, StartupError
from asgiserve.process.child_process import check_children
from asgiserve.supervisor.supervisor import Supervisor

if TYPE_CHECKING:
    from asgiserve.config.config import Config

__all__ = ["supervise"]


def supervise(
    config: Config,
    reread: Callable[[], Config] | None = None,
    *,
    owns_process: bool = False,
) -> int:
    """Serve with worker processes until a signal ends it; belongs to the main thread.

    Args:
        reread: gives the configuration as it is by then, for SIGHUP.
        owns_process: nobody else in this process starts others and waits for them.

    Returns:
        The exit status: 0, 1 when a worker did not end in order, 2 or 3 when none could start.

    Raises:
        ConfigError: *config* does not allow for workers.
        StartupError: the sockets cannot be opened, or a preloaded application cannot be imported.
    """
    check_platform()
    if not isinstance(config.app, str) and not config.preload:
        raise ConfigError(
            "app: worker processes import the application: give an import string "
            "MODULE:ATTRIBUTE, or preload"
        )
    try:
        return Supervisor(config, reread, owns_process=owns_process).run()
    except KeyboardInterrupt:
        # It came while the application was imported: a stop like any other.
        return 0


def check_platform() -> None:
    """Refuse where there are no workers.

    Raises:
        ConfigError: the system lacks what they take.
        StartupError: this is not the main thread.
    """
    if sys.platform == "win32":
        raise ConfigError("workers: this platform allows for one worker, without a supervisor")
    check_children("workers")
    if threading.current_thread() is not threading.main_thread():
        raise StartupError("several workers can be run from the main thread only")
