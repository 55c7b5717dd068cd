"""The options of ``--reload``: what is watched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from asgiserve.config import kinds, values
from asgiserve.config.kinds import seconds
from asgiserve.config.option import RELOAD, OptionError, OptionGroup, option

__all__ = ["ReloadOptions"]


# Config makes the methods.
@dataclass(frozen=True, kw_only=True, init=False, repr=False, eq=False)
class ReloadOptions(OptionGroup):
    """Whether the server restarts when files change, and which."""

    reload: bool = option(
        False, kinds.SWITCH, RELOAD, "Restart when files change, for development."
    )
    reload_dirs: Sequence[str] = option(
        (),
        values.DIRECTORIES,
        RELOAD,
        "Watch this directory; may be repeated. [default: app_dir]",
        flag="--reload-dir",
    )
    reload_includes: Sequence[str] = option(
        (),
        values.PATTERNS,
        RELOAD,
        "Watch files that match this pattern too; may be repeated. [default: *.py]",
        flag="--reload-include",
    )
    reload_excludes: Sequence[str] = option(
        (),
        values.PATTERNS,
        RELOAD,
        "Ignore what matches this pattern; may be repeated. "
        "[default: .*, *.py[cod], *.sw?, *~ and the like]",
        flag="--reload-exclude",
    )
    reload_delay: float = option(
        0.25, seconds(), RELOAD, "Time between checks of the files, and for changes to settle."
    )

    def check(self) -> None:
        for name in ("reload_dirs", "reload_includes", "reload_excludes", "reload_delay"):
            if self.is_changed(name) and not self.reload:
                raise OptionError(f"{name}: has no effect without reload", name)
