"""Whether a configuration takes a supervisor; apart, since most servers need none."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asgiserve.config.config import Config

__all__ = ["TAKEOVER_VARIABLE", "needs_supervisor"]

# What a supervisor gives its successor. Not an option's name: those begin with ASGISERVE_.
TAKEOVER_VARIABLE = "_ASGISERVE_TAKEOVER"


def needs_supervisor(config: Config) -> bool:
    """Whether *config* takes a supervisor, as opposed to one process that serves."""
    return (
        (config.workers or 1) > 1
        or config.preload
        or config.worker_max_lifetime is not None
        or config.worker_max_rss is not None
        or TAKEOVER_VARIABLE in os.environ
    )
