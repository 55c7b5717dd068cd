"""Flow control: the sides of a connection wait for each other, and connections take turns."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import perf_counter
from typing import Any

from asgiserve.asgi.waits import Waiters
from asgiserve.connection.unsent_limit import trust_reader

__all__ = ["HIGH_WATER_BYTES", "LOW_WATER_BYTES", "ReadGate", "WriteBatch", "WriteGate"]

# 64 KiB is what asyncio and uvloop take as the high-water mark of a transport's write buffer.
HIGH_WATER_BYTES = 65536
LOW_WATER_BYTES = 16384

# When a batch is worth it: so many writes in a turn of the loop, no further apart than that.
BATCH_WRITES = 6
BATCH_GAP_S = 0.000_5
# While it is not, one turn in so many writes is looked at.
SAMPLE_WRITES = 64
# What a batch may keep, and for how long.
HELD_BYTES = 16384
HELD_S = 0.001

# What one task may write before the others have their turn; a write counts for so much more than
# its bytes.
TURN_BYTES = 262_144
WRITE_COST_BYTES = 1024


class ReadGate:
    """Pauses the socket above HIGH_WATER_BYTES of waiting input, resumes it at LOW_WATER_BYTES."""

    __slots__ = ("_transport", "is_open")

    def __init__(self, transport: Any) -> None:
        self.is_open = True
        self._transport = transport

    def close(self) -> None:
        """Pause the socket whatever is held; ``update`` resumes it."""
        self.update(HIGH_WATER_BYTES + 1)

    def update(self, held_bytes: int) -> None:
        """Say that *held_bytes* of input now wait for the application."""
        if self.is_open:
            if held_bytes > HIGH_WATER_BYTES:
                self.is_open = False
                self._transport.pause_reading()
        elif held_bytes <= LOW_WATER_BYTES:
            self.is_open = True
            self._transport.resume_reading()


class WriteBatch:
    """What the connections of one busy loop write in a turn, kept until the end of the turn.

    A write to a peer that sleeps has to wake it, which costs more than the write; of many writes in
    a row only the first finds its peer asleep, where peers share a machine or a proxy. While a loop
    has little to do nothing is kept, so that server and peer work at the same time.

    Args:
        loop: the event loop whose turns these are.
        clock: seconds that only grow; by default, those of ``time.perf_counter``.

    Attributes:
        gathers_pieces: the loop's transports write several pieces in one system call. Those of
            asyncio forget ``pause_writing`` then in some releases of 3.12 and 3.13 (gh-127655).
    """

    __slots__ = (
        "_clock",
        "_gates",
        "_held_since_s",
        "_is_holding",
        "_is_watching",
        "_turn_began_s",
        "_writes",
        "gathers_pieces",
        "loop",
    )

    def __init__(
        self, loop: asyncio.AbstractEventLoop, clock: Callable[[], float] | None = None
    ) -> None:
        self.loop = loop
        self.gathers_pieces = type(loop).__module__.startswith("uvloop")
        self._clock = clock or perf_counter
        self._gates: list[WriteGate] = []
        self._held_since_s = 0.0
        self._is_holding = False
        self._is_watching = False
        self._turn_began_s = 0.0
        self._writes = 0

    def count_write(self) -> bool:
        """Count one write; whether its bytes are to be kept for the batch."""
        self._writes += 1
        if not self._is_watching:
            if not self._is_holding and self._writes < SAMPLE_WRITES:
                return False
            self._is_watching = True
            self._writes = 1
            self._turn_began_s = self._clock()
            self.loop.call_soon(self._end_turn)
        elif self._gates and self._clock() - self._held_since_s > HELD_S:
            self._flush()
        return self._is_holding

    def add(self, gate: WriteGate) -> None:
        """Flush *gate* at the end of this turn."""
        if not self._gates:
            self._held_since_s = self._clock()
        self._gates.append(gate)

    def _end_turn(self) -> None:
        turn_s = self._clock() - self._turn_began_s
        self._is_watching = False
        self._is_holding = self._writes >= BATCH_WRITES and turn_s < self._writes * BATCH_GAP_S
        self._writes = 0
        self._flush()

    def _flush(self) -> None:
        gates, self._gates = self._gates, []
        for gate in gates:
            try:
                gate.flush()
            except Exception as error:  # noqa: BLE001 - it is reported
                gate.fail(error)


class WriteGate:
    """The way to the transport; closed above its high water, and ``send`` waits.

    What it is given goes out at once or, in a busy loop, with the *batch*.

    Attributes:
        is_open: the peer reads.
        is_torn: the transport took the last bytes no more, though it has not called
            ``connection_lost`` yet.
    """

    __slots__ = (
        "_batch",
        "_held",
        "_is_trusted",
        "_stalled_ticks",
        "_taken_bytes",
        "_transport",
        "_turn_bytes",
        "_waiters",
        "_written_bytes",
        "is_open",
        "is_torn",
    )

    def __init__(self, batch: WriteBatch) -> None:
        self.is_open = True
        self.is_torn = False
        self._batch = batch
        self._held = b""
        self._is_trusted = False
        self._turn_bytes = 0
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
        self._turn_bytes += len(data) + WRITE_COST_BYTES
        if self._batch.count_write() and len(self._held) + len(data) <= HELD_BYTES:
            if not self._held:
                self._batch.add(self)
            self._held += data
            return
        self.flush()
        self.is_torn = self._transport.is_closing()
        if not self.is_torn:
            self._transport.write(data)

    def write_pieces(self, pieces: list[bytes]) -> None:
        """Write *pieces* as ``write`` does; several, which are large, in one system call."""
        if len(pieces) == 1:
            self.write(pieces[0])
        if len(pieces) < 2:
            return
        size = sum(map(len, pieces))
        self._written_bytes += size
        self._turn_bytes += size
        self.flush()
        self.is_torn = self._transport.is_closing()
        if self.is_torn:
            return
        if self._batch.gathers_pieces:
            self._transport.writelines(pieces)
        else:
            for piece in pieces:
                self._transport.write(piece)

    def flush(self) -> None:
        """Write what the batch has kept, as has to be done before the transport is closed."""
        data = self._held
        if not data:
            return
        self._held = b""
        self.is_torn = self._transport.is_closing()
        if not self.is_torn:
            self._transport.write(data)

    def fail(self, error: Exception) -> None:
        """Give the connection up: *error* is reported, and nobody can write any more."""
        transport = self._transport
        self._batch.loop.call_exception_handler(
            {"message": "Writing failed", "exception": error, "transport": transport}
        )
        transport.abort()

    def close(self) -> None:
        """The transport has called ``pause_writing``."""
        self.is_open = False
        self._stalled_ticks = 0

    def open(self) -> None:
        """The transport is lost: whoever waits goes on."""
        self.is_open = True
        self.wake()

    def resume(self) -> None:
        """The transport has called ``resume_writing``: whoever waits goes on."""
        if not self._is_trusted:
            self._is_trusted = True
            trust_reader(self._transport)
        self.open()

    def wake(self) -> None:
        """Let whoever waits look again whether there is still somebody to write to."""
        if self._waiters is not None:
            self._waiters.wake()

    def must_wait(self) -> bool:
        """Whether the one who writes has to wait: for the peer, or for the turn of others."""
        return not self.is_open or self._turn_bytes > TURN_BYTES

    def waiters(self) -> Waiters:
        """The tasks that wait until they need not any more."""
        if self._waiters is None:
            self._waiters = Waiters()
        if self.is_open:
            self._batch.loop.call_soon(self._end_turn)
        return self._waiters

    def _end_turn(self) -> None:
        self._turn_bytes = 0
        self.wake()

    def count_stalled_tick(self) -> int:
        """One tick has passed with bytes to write.

        Returns:
            For how many ticks in a row the peer has taken no byte.
        """
        taken_bytes = self.count_taken_bytes()
        if taken_bytes != self._taken_bytes:
            self._taken_bytes = taken_bytes
            self._stalled_ticks = 0
        self._stalled_ticks += 1
        return self._stalled_ticks

    def count_taken_bytes(self) -> int:
        """How much the system has taken of what was written."""
        return self._written_bytes - self._count_unsent_bytes()

    def has_lingered(self, max_ticks: int) -> bool:
        """Whether a transport that was closed has nothing to send and waits for its peer.

        So do TLS transports, until the peer has closed too. Only where they tell what they hold is
        anything known of it.

        Args:
            max_ticks: for so long it may, as counted by ``count_stalled_tick``.
        """
        return (
            self._stalled_ticks > max_ticks
            and hasattr(self._transport, "get_local_write_buffer_size")
            and self._count_unsent_bytes() == 0
        )

    def _count_unsent_bytes(self) -> int:
        transport = self._transport
        # aiofastnet's name for it, what is encrypted already included.
        if hasattr(transport, "get_local_write_buffer_size"):
            return int(transport.get_local_write_buffer_size())
        return int(transport.get_write_buffer_size())
