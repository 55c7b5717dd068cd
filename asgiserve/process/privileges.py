"""Who the server is once its sockets are bound: user, groups and file mode creation mask."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from asgiserve.errors import ConfigError, StartupError

if sys.platform != "win32":
    import grp
    import pwd

if TYPE_CHECKING:
    from asgiserve.config.config import Config

__all__ = ["Identity", "apply_umask", "find_identity"]


@dataclass(frozen=True, slots=True)
class Identity:
    """A user and a group to serve as; None leaves what the process has.

    Args:
        login: the user's name, which tells its supplementary groups; "" if it has none.
    """

    uid: int | None
    gid: int | None
    login: str = ""

    def own(self, file: str | int) -> None:
        """Give *file* to the user and group; a no-op where they have it.

        Args:
            file: a path, of which a link at the end is not followed, or a file descriptor.

        Raises:
            OSError: the process has not the right to.
        """
        # For a descriptor there is no link that could be followed.
        is_followed = isinstance(file, int)
        found = os.stat(file, follow_symlinks=is_followed)
        uid = found.st_uid if self.uid is None else self.uid
        gid = found.st_gid if self.gid is None else self.gid
        if (uid, gid) != (found.st_uid, found.st_gid):
            os.chown(file, uid, gid, follow_symlinks=is_followed)

    def assume(self) -> None:
        """Become the user and group, for good, in all threads of the process.

        A second call changes nothing.

        Raises:
            StartupError: the process has not the right to.
        """
        if self._is_assumed():
            return
        try:
            # The groups first: who is no longer root cannot change them.
            if self.gid is not None:
                if self.login:
                    os.initgroups(self.login, self.gid)
                elif self.uid is not None:
                    os.setgroups([self.gid])
                os.setgid(self.gid)
            if self.uid is not None:
                os.setuid(self.uid)
        except OSError as exc:
            raise StartupError(f"cannot serve as {self}: {str(exc.strerror).lower()}") from exc

    def _is_assumed(self) -> bool:
        """Whether nothing is to change; root may still have groups to give up."""
        ids = (self.uid, self.gid)
        is_same = all(
            wanted is None or has == (wanted,) * 3
            for wanted, has in zip(ids, (current_uids(), current_gids()), strict=True)
        )
        return is_same and 0 not in current_uids()

    def __str__(self) -> str:
        words = []
        if self.uid is not None:
            words.append(f"user {self.login or self.uid}")
        if self.gid is not None:
            words.append(f"group {self.gid}")
        return ", ".join(words)


def find_identity(config: Config) -> Identity | None:
    """Who *config* says the server shall be; None when it says nothing.

    Raises:
        ConfigError: there is no such user or group.
    """
    if config.user is None and config.group is None:
        return None
    if sys.platform == "win32":
        raise ConfigError("user and group: not available on this platform")
    gid = None if config.group is None else find_gid(config.group)
    if config.user is None:
        return Identity(None, gid)
    try:
        if isinstance(config.user, str):
            entry = pwd.getpwnam(config.user)
        else:
            entry = pwd.getpwuid(config.user)
    except (KeyError, OverflowError):
        # A number need not be known to the system; containers often have such users.
        if isinstance(config.user, str) or config.user >= 2**32 - 1:
            raise ConfigError(f"user: there is no user {config.user!r}") from None
        if gid is None:
            raise ConfigError(
                f"user: {config.user} is unknown here, so its group has to be given too"
            ) from None
        return Identity(config.user, gid)
    return Identity(entry.pw_uid, entry.pw_gid if gid is None else gid, entry.pw_name)


def find_gid(group: str | int) -> int:
    """The number of *group*."""
    if isinstance(group, int):
        if group >= 2**32 - 1:
            raise ConfigError(f"group: there is no group {group!r}")
        return group
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        raise ConfigError(f"group: there is no group {group!r}") from None


def apply_umask(config: Config) -> None:
    """Set the file mode creation mask of *config*, if it has one, for the whole process."""
    if config.umask is not None:
        os.umask(config.umask)


def current_uids() -> tuple[int, ...]:
    """Real, effective and saved user id; the last is not told everywhere."""
    if hasattr(os, "getresuid"):
        return os.getresuid()
    return (os.getuid(), os.geteuid(), os.geteuid())


def current_gids() -> tuple[int, ...]:
    """Real, effective and saved group id."""
    if hasattr(os, "getresgid"):
        return os.getresgid()
    return (os.getgid(), os.getegid(), os.getegid())
