"""The wish that the server stops: raised in any thread, waited for in the loop."""

from __future__ import annotations

import asyncio

__all__ = ["StopRequest"]


class StopRequest:
    """How urgently one run of the server is asked to stop.

    Attributes:
        stop: finish what is in flight, then stop.
        force: cut off what is in flight.
        cut_short: do not wait for the application's shutdown either.
        is_spent: the run is over; the next one needs a new request.
    """

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        self.force = asyncio.Event()
        self.cut_short = asyncio.Event()
        self.is_spent = False
        self._loop: asyncio.AbstractEventLoop | None = None
        # The events may be set in the loop's thread only; these say what they will be set to.
        self._should_exit = False
        self._force_exit = False
        self._is_cut_short = False

    @property
    def should_exit(self) -> bool:
        """Whether the server shall stop."""
        return self._should_exit

    @should_exit.setter
    def should_exit(self, value: bool) -> None:
        self._should_exit = value
        self._wake()

    @property
    def force_exit(self) -> bool:
        """Whether the server shall not wait for what is in flight, once it stops."""
        return self._force_exit

    @force_exit.setter
    def force_exit(self, value: bool) -> None:
        self._force_exit = value
        self._wake()

    def escalate(self) -> None:
        """Ask for one step more: to stop, to force, to cut short."""
        if self._force_exit:
            self._is_cut_short = True
        elif self._should_exit:
            self._force_exit = True
        else:
            self._should_exit = True
        self._wake()

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Let *loop*, which calls this, see the request."""
        self._loop = loop
        self._set_events()

    def detach(self) -> None:
        """The run is over."""
        self._loop = None
        self.is_spent = True

    def _wake(self) -> None:
        loop = self._loop
        if loop is None:
            return
        try:
            loop.call_soon_threadsafe(self._set_events)
        except RuntimeError:
            # The loop was closed this moment: nobody waits any more.
            pass

    def _set_events(self) -> None:
        if self._should_exit:
            self.stop.set()
            if self._force_exit:
                self.force.set()
            if self._is_cut_short:
                self.cut_short.set()
