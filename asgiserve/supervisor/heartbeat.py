"""Whether the event loop of a worker turns, judged by its beats and its CPU time."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

__all__ = ["Pulse", "Verdict"]

# What a process uses that is blocked for good, for its other threads; more means that it is busy.
IDLE_CPU_SHARE = 0.02
# Two ticks of the kernel's accounting, and what answering the supervisor's questions takes.
IDLE_CPU_S = 0.03


class Verdict(Enum):
    """What one look at a worker says."""

    #: Nothing new.
    SAME = "same"
    #: No beat for half of the time that is allowed.
    LATE = "late"
    #: No beat for all of it.
    STUCK = "stuck"


class Pulse:
    """The beats of one worker.

    Args:
        timeout_s: how long an event loop may stand still.
        read_cpu_s: gives the CPU time of the worker in seconds, None when nobody can tell.
        now_s: when the worker became ready.

    Attributes:
        last_beat_s: when it last beat; later than that by what was forgiven.
        is_late: LATE was said, and no beat came since.
        is_stuck: STUCK was said, and no beat came since.
    """

    def __init__(
        self, timeout_s: float, read_cpu_s: Callable[[], float | None], now_s: float
    ) -> None:
        self.last_beat_s = now_s
        self.is_late = False
        self.is_stuck = False
        self._timeout_s = timeout_s
        self._read_cpu_s = read_cpu_s
        # CPU time, and when it was read, a little after the questions that LATE brings about.
        self._mark: tuple[float | None, float] | None = None

    def beat(self, now_s: float) -> None:
        """The event loop has turned."""
        self.last_beat_s = now_s
        self.is_late = False
        self.is_stuck = False
        self._mark = None

    def forgive(self, seconds: float, now_s: float) -> None:
        """Do not count *seconds*, in which nobody was looking."""
        self.last_beat_s = min(self.last_beat_s + seconds, now_s)

    def silence_s(self, now_s: float) -> float:
        """How long there was no beat."""
        return now_s - self.last_beat_s

    def check(self, now_s: float) -> Verdict:
        """Judge; LATE and STUCK are said once, until a beat comes."""
        silence_s = self.silence_s(now_s)
        if self._mark is None and silence_s >= self._timeout_s * 0.6:
            self._mark = (self._read_cpu_s(), now_s)
        if not self.is_late and silence_s >= self._timeout_s * 0.5:
            self.is_late = True
            return Verdict.LATE
        if not self.is_stuck and silence_s >= self._timeout_s:
            self.is_stuck = True
            return Verdict.STUCK
        return Verdict.SAME

    def is_busy(self, now_s: float) -> bool:
        """Whether a silent worker computes: one that blocks uses no CPU time.

        Where the CPU time cannot be read, it counts as busy, which is the more patient.
        """
        if self._mark is None:
            return True
        cpu_before_s, marked_s = self._mark
        cpu_s = self._read_cpu_s()
        if cpu_s is None or cpu_before_s is None:
            return True
        return cpu_s - cpu_before_s > max(IDLE_CPU_S, IDLE_CPU_SHARE * (now_s - marked_s))
