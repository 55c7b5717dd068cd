"""Flow control of one transport: either side waits while the other is behind."""

from __future__ import annotations

from typing import Any

from asgiserve.asgi.waits import Waiters

__all__ = ["HIGH_WATER_BYTES", "LOW_WATER_BYTES", "ReadGate", "WriteGate"]

# 64 KiB is what asyncio and uvloop take as the high-water mark of a transport's write buffer.
HIGH_WATER_BYTES = 65536
LOW_WATER_BYTES = 16384


class ReadGate:
    """Pauses the socket above HIGH_WATER_BYTES of waiting input, resumes it at LOW_WATER_BYTES."""

    __slots__ = ("_transport", "is_open")

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
    """The way to the transport; closed above its high water, and ``send`` waits."""

    __slots__ = (
        "_stalled_ticks",
        "_taken_bytes",
        "_transport",
        "_waiters",
        "_written_bytes",
        "is_open",
    )

    def __init__(self) -> None:
        self.is_open = True
        self._transport: Any = None
        self._waiters: Waiters | None = None
        self._written_bytes = 0
        self._taken_bytes = 0
        self._stalled_ticks = 0

    def attach(self, transport: Any) -> None:
        """Write to *transport* from now on."""
        self._transport = transport

    def write(self, data: bytes) -> None:
        """Write *data*, gate open or not; above high water the transport closes the gate."""
        self._written_bytes += len(data)
        self._transport.write(data)

    def is_torn(self) -> bool:
        """Whether the transport takes no more, though it has not called ``connection_lost`` yet."""
        return bool(self._transport.is_closing())

    def close(self) -> None:
        """The transport has called ``pause_writing``."""
        self.is_open = False
        self._stalled_ticks = 0

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

    def count_stalled_tick(self) -> int:
        """One tick has passed with bytes to write.

        Returns:
            For how many ticks in a row the peer has taken no byte.
        """
        taken_bytes = self._written_bytes - self._transport.get_write_buffer_size()
        if taken_bytes != self._taken_bytes:
            self._taken_bytes = taken_bytes
            self._stalled_ticks = 0
        self._stalled_ticks += 1
        return self._stalled_ticks
