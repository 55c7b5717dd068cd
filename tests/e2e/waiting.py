"""Waiting for what another process does: polling up to a deadline, never a blind sleep."""

import time
from collections.abc import Callable
from typing import Any

# For a loaded machine and an interpreter that has to warm up; only a failure waits this long.
DEADLINE_S = 20.0
_POLL_INTERVAL_S = 0.01


def wait_until(
    condition: Callable[[], object], subject: str, *, deadline_s: float = DEADLINE_S
) -> None:
    """Poll *condition* until it is true.

    Raises:
        AssertionError: it was not within *deadline_s*; the message names *subject*.
    """
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, f"waited {deadline_s} s in vain for {subject}"
        time.sleep(_POLL_INTERVAL_S)


def settled(read: Callable[[], object]) -> Any:
    """The value of *read()* once it has stopped changing."""
    values: list[object] = [None]

    def is_settled() -> bool:
        values.append(read())
        return len(values) > 20 and len(set(values[-20:])) == 1

    wait_until(is_settled, "a value to settle")
    return values[-1]
