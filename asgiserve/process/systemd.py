"""systemd: sockets that it opened (sd_listen_fds(3)) and what it is told (sd_notify(3)).

No library: the protocol is a handful of environment variables and one datagram.
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

__all__ = [
    "SystemdSocket",
    "Watchdog",
    "WatchdogTimer",
    "announce",
    "list_sockets",
    "notify",
    "notify_ready",
    "notify_reloading",
    "notify_stopping",
    "watchdog_interval_s",
]

logger = logging.getLogger("asgiserve.error")

FIRST_FD = 3  # SD_LISTEN_FDS_START
# More are the sign of a variable that means something else.
MAX_FDS = 1024
# The queue of a service manager that is busy may be full; the server does not wait long for it.
SEND_TIMEOUT_S = 0.2


@dataclass(frozen=True, slots=True)
class SystemdSocket:
    """One descriptor that systemd passed on; *name* is its FileDescriptorName=, or ""."""

    fd: int
    name: str


def list_sockets() -> list[SystemdSocket]:
    """The sockets that systemd has opened for this very process."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return []
    try:
        count = int(os.environ.get("LISTEN_FDS", ""))
    except ValueError:
        return []
    if not 0 < count <= MAX_FDS:
        return []
    text = os.environ.get("LISTEN_FDNAMES", "")
    names = text.split(":") if text else []
    names += [""] * (count - len(names))
    found = [SystemdSocket(FIRST_FD + i, names[i]) for i in range(count)]
    for each in found:
        try:
            # They are passed on once: programs that the application starts have no use for them.
            os.set_inheritable(each.fd, False)
        except OSError:
            pass  # whoever listens on it says why it cannot
    return found


@contextmanager
def announce(status: str, loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """Tell that the service serves, as long as *loop* turns, and at the end that it stops."""
    notify_ready(status)
    interval_s = watchdog_interval_s()
    timer = None if interval_s is None else WatchdogTimer(loop, interval_s)
    if timer is not None:
        timer.start()
    try:
        yield
    finally:
        # systemd itself no longer watches a service that stops.
        if timer is not None:
            timer.stop()
        notify_stopping()


def notify(*assignments: str) -> bool:
    """Send *assignments* (``NAME=value``) to the service manager.

    Returns:
        False where there is none, or where it could not be reached: that is never fatal.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address or not hasattr(socket, "AF_UNIX"):
        return False
    if address.startswith("@"):
        address = f"\0{address[1:]}"
    elif not address.startswith("/"):
        logger.debug("NOTIFY_SOCKET %r is of a kind that is not supported", address)
        return False
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.settimeout(SEND_TIMEOUT_S)
            sock.connect(address)
            sock.send("\n".join(assignments).encode())
    except OSError as exc:
        logger.warning("Cannot notify the service manager: %s", exc)
        return False
    return True


def notify_ready(status: str = "", *, main_pid: int | None = None) -> None:
    """Tell that the service serves, after its start or at the end of a reload.

    Args:
        status: one line that ``systemctl status`` shows.
        main_pid: the process that systemd shall take for the service from now on.
    """
    assignments = ["READY=1"]
    if status:
        assignments.append(f"STATUS={' '.join(status.split())}")
    if main_pid is not None:
        assignments.append(f"MAINPID={main_pid}")
    notify(*assignments)


def notify_reloading(status: str = "Reloading") -> None:
    """Tell that a reload begins, which `notify_ready` ends (``Type=notify-reload``)."""
    microseconds = time.monotonic_ns() // 1000  # CLOCK_MONOTONIC, where there is systemd
    notify("RELOADING=1", f"MONOTONIC_USEC={microseconds}", f"STATUS={status}")


def notify_stopping(status: str = "Shutting down") -> None:
    """Tell that the service begins to stop."""
    notify("STOPPING=1", f"STATUS={status}")


def notify_watchdog() -> None:
    """Tell that the service is alive; to be called every `watchdog_interval_s`."""
    notify("WATCHDOG=1")


def watchdog_interval_s() -> float | None:
    """Half of the time after which systemd takes this process for dead; None: it does not watch."""
    if not os.environ.get("NOTIFY_SOCKET"):
        return None
    if os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    try:
        microseconds = int(os.environ.get("WATCHDOG_USEC", ""))
    except ValueError:
        return None
    return microseconds / 2_000_000 if microseconds > 0 else None


class Watchdog:
    """Tells systemd that a process without an event loop is alive.

    Attributes:
        next_s: when it is to be told again, by ``time.monotonic()``; infinite: never.
    """

    def __init__(self) -> None:
        self._interval_s = watchdog_interval_s()
        self.next_s = math.inf if self._interval_s is None else 0.0

    def feed(self) -> None:
        """Tell it, if it is time."""
        now_s = time.monotonic()
        if self._interval_s is not None and now_s >= self.next_s:
            self.next_s = now_s + self._interval_s
            notify_watchdog()


class WatchdogTimer:
    """Tells systemd from the event loop that the service is alive: a stuck loop is found."""

    def __init__(self, loop: asyncio.AbstractEventLoop, interval_s: float) -> None:
        self._loop = loop
        self._interval_s = interval_s
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Tell it now, and every interval from now on."""
        # Set the next one first: an exception must not end the signs of life.
        self._timer = self._loop.call_later(self._interval_s, self.start)
        notify_watchdog()

    def stop(self) -> None:
        """Tell it no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
