"""Flow control of one transport: reading stops while the application is behind, writing while the peer is."""

from __future__ import annotations

from typing import Any

from asgiserve.asgi.waits import Waiters

__all__ = ["HIGH_WATER_BYTES", "LOW_WATER_BYTES", "ReadGate", "WriteGate"]

# 64 KiB is what asyncio and uvloop take as the high-water mark of a transport's write buffer.
HIGH_WATER_BYTES = 65536
LOW_WATER_BYTES = 16384


class ReadGate:
    """Pauses the socket above HIGH_WATER_BYTES held for the application, resumes it below LOW_WATER_BYTES."""

    __slots__ = ("is_open", "_transport")

    def __init__(self, transport: Any) -> None:
        self.is_open = True
        self._transport = transport

    def update(self, held_bytes: int) -> None:
        """Say that *held_bytes* of input now wait for the application."""
        if self.is_open:
            if held_bytes > HIGH_WATER_BYTES:
                self.is_open = False
                self._transport.pause_reading()
        elif held_bytes <= LOW_WATER_BYTES:
            self.is_open = True
            self._transport.resume_reading()


class WriteGate:
    """Closed while the transport's write buffer is above high water; ``send`` waits for it."""

    __slots__ = ("is_open", "_waiters")

    def __init__(self) -> None:
        self.is_open = True
        self._waiters: Waiters | None = None

    def close(self) -> None:
        """The transport has called ``pause_writing``."""
        self.is_open = False

    def open(self) -> None:
        """The transport has called ``resume_writing``, or is lost: whoever waits goes on."""
        self.is_open = True
        self.wake()

    def wake(self) -> None:
        """Let whoever waits look again whether there is still somebody to write to."""
        if self._waiters is not None:
            self._waiters.wake()

    def waiters(self) -> Waiters:
        """The tasks that wait for the gate to open."""
        if self._waiters is None:
            self._waiters = Waiters()
        return self._waiters
