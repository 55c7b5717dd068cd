"""The thread of a worker that listens to the supervisor, whatever the event loop is doing."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from asgiserve.process.exit_guard import leave_output

if TYPE_CHECKING:
    from asgiserve.worker.channel import Channel

__all__ = ["Orderly", "WatchThread"]

logger = logging.getLogger("asgiserve.error")

# How often a worker without a supervisor looks whether its time is over.
LOOK_S = 0.5


class Orderly(Protocol):
    """What does the orders; every method may be called in any thread."""

    def ask_to_stop(self, *, force: bool) -> None:
        """Stop, and cut off what is in flight if *force* is true."""

    def ask_to_leave(self) -> None:
        """Stop, while others serve on."""

    def ask_to_hurry(self) -> None:
        """End the delay of a stop."""

    def ask_for_reopened_logs(self) -> None:
        """Open log files anew."""

    def ask_for_reloaded_tls(self) -> None:
        """Read certificates again."""

    def write_stacks(self) -> None:
        """Write the stacks of all threads where the supervisor reads them."""

    def describe_requests(self) -> list[str]:
        """The requests in flight, also while the event loop stands still."""

    def must_end(self, orphaned_s: float) -> bool:
        """Whether there has been no supervisor for so many seconds that waiting makes no sense."""


class WatchThread:
    """Reads *channel* and has *server* do what comes; at the channel's end, it has it stop.

    Args:
        end_process: called with an exit status when the server has not stopped by itself.
    """

    def __init__(
        self,
        channel: Channel,
        server: Orderly,
        *,
        end_process: Callable[[int], object] = os._exit,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._channel = channel
        self._server = server
        self._end_process = end_process
        self._clock = clock

    def start(self) -> None:
        """Begin to listen; the thread does not keep the process from ending."""
        threading.Thread(target=self.run, name="asgiserve-watch", daemon=True).start()

    def run(self) -> None:
        """Listen until the supervisor is gone, and then until the process is."""
        while (messages := self._receive()) is not None:
            for message in messages:
                self.obey(message)
        self._outlive_supervisor()

    def obey(self, message: dict[str, Any]) -> None:
        """Do what one message says."""
        server = self._server
        order = message.get("order")
        if order == "stop":
            server.ask_to_stop(force=False)
        elif order == "force":
            server.ask_to_stop(force=True)
        elif order == "leave":
            server.ask_to_leave()
        elif order == "hurry":
            server.ask_to_hurry()
        elif order == "reopen_logs":
            server.ask_for_reopened_logs()
        elif order == "reload_tls":
            server.ask_for_reloaded_tls()
        elif order == "report":
            server.write_stacks()
            self._channel.send({"kind": "report", "requests": server.describe_requests()})
        else:
            logger.error("Unknown order of the supervisor: %.100r", message)

    def _receive(self) -> list[dict[str, Any]] | None:
        self._channel.wait()
        return self._channel.receive()

    def _outlive_supervisor(self) -> None:
        """Stop, since nobody is left to replace this process, nor to kill it."""
        logger.warning("Stopping worker process %d: its supervisor is gone", os.getpid())
        orphaned_s = self._clock()
        self._server.ask_to_stop(force=False)
        while not self._server.must_end(self._clock() - orphaned_s):
            time.sleep(LOOK_S)
        logger.error("Ending worker process %d, which has not stopped by itself", os.getpid())
        leave_output()
        self._end_process(1)
