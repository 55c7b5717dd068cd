"""How many connections each worker has, in memory that all workers of a supervisor share.

A worker writes its own slot and reads all; nothing is locked, since a number that is a moment old
does no more than send one connection to the second best worker.
"""

from __future__ import annotations

import mmap
import os
import time
from collections.abc import Callable

from asgiserve.process.nameless_file import open_nameless_file

__all__ = ["STALE_AFTER_S", "Spread"]

# A worker that has not beaten for so long is stuck or dead, and nobody waits for it.
STALE_AFTER_S = 2.0

# A count and a time: each of them is one aligned word, written and read at once.
COUNT_BYTES = 8
BEAT_BYTES = 8


class Spread:
    """The connection counts of all workers, as one of them sees them.

    Args:
        fd: of the shared memory; owned by the spread.
        slot: the worker's own slot, from 0 on; -1 for an onlooker, who has none.
        clock: gives seconds, the same ones in every process.

    Raises:
        ValueError: the memory has no such slot.
    """

    def __init__(self, fd: int, slot: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.fd = fd
        self.slot = slot
        self._clock = clock
        self._memory = mmap.mmap(fd, 0)
        slots = len(self._memory) // (COUNT_BYTES + BEAT_BYTES)
        if not -1 <= slot < slots:
            self._memory.close()
            raise ValueError(f"no slot {slot}: there are {slots}")
        words = memoryview(self._memory)
        self._counts = words[: slots * COUNT_BYTES].cast("q")
        self._beats = words[slots * COUNT_BYTES :].cast("d")
        words.release()

    @classmethod
    def create(cls, slots: int) -> Spread:
        """Allot memory for *slots* workers at a time; its ``fd`` can be inherited by ``pass_fds``.

        Args:
            slots: at least 1; a replacement runs beside the worker that it replaces.

        Raises:
            OSError: the system has no memory or no file descriptor left.
        """
        fd = open_nameless_file("asgiserve-spread")
        try:
            os.ftruncate(fd, slots * (COUNT_BYTES + BEAT_BYTES))
            return cls(fd, -1)
        except BaseException:
            os.close(fd)
            raise

    @classmethod
    def attach(cls, fd: int, slot: int) -> Spread:
        """Take part as the worker of *slot*, which counts from its first beat on.

        Raises:
            ValueError: the memory has no such slot.
        """
        spread = cls(fd, slot)
        spread.clear(slot)
        return spread

    def set(self, connections: int) -> None:
        """Tell how many connections this worker has."""
        self._counts[self.slot] = connections

    def beat(self, now: float) -> None:
        """Tell that this worker is well at *now*, by the clock of ``time.monotonic``."""
        self._beats[self.slot] = now

    def clear(self, slot: int) -> None:
        """Leave the worker of *slot* out of the mean: it accepts no more, or is gone."""
        self._beats[slot] = 0.0
        self._counts[slot] = 0

    def excess(self) -> float:
        """How many connections more than the mean of the workers that are well this one has.

        At least one of those has no excess, so that somebody always accepts.
        """
        oldest = self._clock() - STALE_AFTER_S
        own = self._counts[self.slot]
        total, workers = own, 1
        for slot, beat_s in enumerate(self._beats):
            # This worker is well, since it asks.
            if beat_s >= oldest and beat_s > 0.0 and slot != self.slot:
                total += self._counts[slot]
                workers += 1
        return own - total / workers

    def is_above_mean(self) -> bool:
        """Whether this worker should leave new connections to the others."""
        return self.excess() > 0.0

    def counts(self) -> list[int]:
        """What every slot last told; 0 where there is no worker."""
        return self._counts.tolist()

    def close(self) -> None:
        """Let go of the memory, which stays as long as another process has it."""
        self._counts.release()
        self._beats.release()
        self._memory.close()
        os.close(self.fd)
