"""How long to wait before a worker is started where others died soon after their start."""

from __future__ import annotations

__all__ = ["MAX_DELAY_S", "SOON_S", "RespawnDelay"]

# A worker that has served for longer did not die of its start.
SOON_S = 1.0
MAX_DELAY_S = 30.0


class RespawnDelay:
    """Grows while no worker lives for long: 0, 0.5, 1, 2 ... seconds; back to 0 once one does.

    Attributes:
        round: counts how often the delay has changed; a worker belongs to the one it began in.
    """

    def __init__(self) -> None:
        self.round = 0
        self._until_s = 0.0
        self._step = 0

    def is_over(self, now_s: float) -> bool:
        """Whether a worker may be started."""
        return now_s >= self._until_s

    def on_early_death(self, start_round: int, now_s: float) -> float | None:
        """A worker that began in *start_round* is gone, before or soon after it was ready.

        Returns:
            The new delay in seconds; None when it stays as it is, since the worker is one of those
            that were started together with another that died.
        """
        if start_round < self.round:
            return None
        self.round += 1
        self._step += 1
        delay_s = 0.0 if self._step == 1 else min(2.0 ** (self._step - 3), MAX_DELAY_S)
        self._until_s = now_s + delay_s
        return delay_s

    def on_long_life(self, start_round: int) -> None:
        """A worker that began in *start_round* has served for longer than SOON_S."""
        if start_round == self.round:
            self.reset()

    def reset(self) -> None:
        """Forget what was; the next worker is another matter."""
        if self._step:
            self.round += 1
        self._step = 0
        self._until_s = 0.0
