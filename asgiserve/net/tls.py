"""The TLS of one process: its context, which is made anew when the files of it change."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from typing import TYPE_CHECKING, TypeAlias

from asgiserve.errors import AsgiserveError
from asgiserve.net.tls_context import ContextMaker

if TYPE_CHECKING:
    from asgiserve.config.config import Config

__all__ = ["TlsSettings"]

logger = logging.getLogger("asgiserve.error")

# How often to look at the files.
WATCH_INTERVAL_S = 3.0
REPORT_INTERVAL_S = 10.0

# What changes with a file's content, and when a link on the way to it is set anew.
FileState: TypeAlias = tuple[int, int, int, int] | None


class TlsSettings:
    """What the TLS connections of one process share.

    Attributes:
        context: for new connections; those that are open keep theirs.
        handshake_timeout_s: how long a peer has from its connection to the end of its handshake.
        shutdown_timeout_s: how long a peer has to read what is left when a connection is closed.
        alpn: the protocols that are offered, the best first.
        is_bare: no function in Python takes part in handshakes.
    """

    def __init__(self, config: Config, alpn: tuple[str, ...] = ("http/1.1",)) -> None:
        self.alpn = alpn
        self.handshake_timeout_s = config.timeout_tls_handshake
        self.shutdown_timeout_s = config.timeout_write
        # A factory may have set any of those that `ssl` knows.
        self.is_bare = config.ssl_context_factory is None and not config.ssl_sni
        self._plain_count = 0
        self._next_report_s = 0.0
        self._maker = ContextMaker(config, alpn)
        # Looked at first: what changes while it is read is read again.
        self._states = self._look()
        self.context = self._maker.make()

    @classmethod
    def from_config(cls, config: Config) -> TlsSettings | None:
        """The TLS that *config* asks for; None for none.

        Raises:
            ConfigError: an option is wrong, or a file that it names.
            StartupError: a file cannot be read.
        """
        return cls(config) if config.is_ssl else None

    def reload(self) -> bool:
        """Read all files again, for the connections to come.

        What is wrong is logged in one line, and changes nothing.

        Returns:
            Whether the files are in use.
        """
        self._states = self._look()
        try:
            self.context = self._maker.make()
        except AsgiserveError as error:
            logger.error("Keeping the TLS certificates that are in use: %s", error)
            return False
        logger.info("Reloaded the TLS certificates (pid %d)", os.getpid())
        return True

    async def watch(self, interval_s: float = WATCH_INTERVAL_S) -> None:
        """Reload when files have changed, until it is cancelled."""
        last = self._states
        while True:
            await asyncio.sleep(interval_s)
            states = self._look()
            # Certificate and key are written one after the other: wait until all is quiet.
            if states == last and states != self._states:
                self.reload()
            last = states

    def report_plain(self, client: str) -> None:
        """Log, now and then, that *client* has sent plain HTTP."""
        self._plain_count += 1
        now_s = time.monotonic()
        if now_s < self._next_report_s:
            return
        self._next_report_s = now_s + REPORT_INTERVAL_S
        others = f" (as {self._plain_count - 1} others did)" if self._plain_count > 1 else ""
        self._plain_count = 0
        logger.info("%s - sent plain HTTP to a port that speaks TLS%s", client, others)

    def _look(self) -> list[FileState]:
        return [state_of(path) for path in self._maker.paths]


def state_of(path: str) -> FileState:
    """What tells the file that *path* leads to from what was or will be there."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size
