"""The application's lifespan: ASGI lifespan 2.0.

One call of the application that lasts as long as the server: it is told of startup before the
first connection and of shutdown after the last one.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
from enum import Enum
from typing import TYPE_CHECKING, Any

from asgiserve.asgi.app_exit import AppExit, run_contained
from asgiserve.errors import AppError, StartupError

if TYPE_CHECKING:
    from asgiserve.config.config import Config

__all__ = ["Lifespan"]

logger = logging.getLogger("asgiserve.error")

ASGI_VERSION = "3.0"
LIFESPAN_SPEC_VERSION = "2.0"
# What an application gets to end by itself, after its answer or after it was cancelled.
UNWIND_TIMEOUT_S = 1.0
MAX_REASON_CHARS = 500


class Phase(Enum):
    """How far the lifespan has come; the value says what the application may send."""

    OFF = "nothing"
    STARTING = "'lifespan.startup.complete' or 'lifespan.startup.failed'"
    RUNNING = "nothing before 'lifespan.shutdown'"
    STOPPING = "'lifespan.shutdown.complete' or 'lifespan.shutdown.failed'"
    ENDED = "nothing more"


class Reaction(Enum):
    """What the application did after an event."""

    ANSWERED = "answered"
    ENDED = "ended without an answer"
    NONE = "did nothing within the time-out"


class Lifespan:
    """One lifespan of *app*; a server makes a new one for each start.

    Args:
        is_strict: an application that raises after it was told to start must not be served,
            although the specification lets the server continue.

    Attributes:
        state: what the application keeps for its requests; empty when it has no lifespan.
        context: the lifespan runs in it; requests run in copies of it, and so see the variables
            that were set at startup.
        failure: how the lifespan broke after startup, so that something may not have been cleaned
            up; "" if it did not.
        error: what the application raised, at startup or later.
    """

    def __init__(self, app: Any, config: Config, *, is_strict: bool = False) -> None:
        self.state: dict[str, Any] = {}
        self.context = contextvars.copy_context()
        self.failure = ""
        self.error: BaseException | None = None
        self._app = app
        self._is_strict = is_strict
        self._mode = config.lifespan
        self._startup_timeout_s = config.timeout_lifespan_startup
        self._shutdown_timeout_s = config.timeout_lifespan_shutdown
        self._phase = Phase.OFF
        self._task: asyncio.Task[None] | None = None
        # What the application has not received yet; None is the end.
        self._events: asyncio.Queue[str | None] = asyncio.Queue()
        self._answer: asyncio.Future[None] | None = None
        # The message of lifespan.startup.failed or lifespan.shutdown.failed.
        self._failed_message: str | None = None

    @property
    def has_failed(self) -> bool:
        """Whether the lifespan broke after startup."""
        return bool(self.failure)

    async def startup(self) -> None:
        """Tell the application to start, and wait until it has; cancelling this cancels it.

        Returns as well when the application has no lifespan, or breaks in mode ``auto``: the
        specification wants the server to continue then.

        Raises:
            StartupError: the application refused, took too long, or broke in mode ``on``.
        """
        if self._mode == "off":
            return
        logger.info("Waiting for application startup")
        self._task = asyncio.get_running_loop().create_task(
            run_contained(self._call_app()), name="asgiserve-lifespan", context=self.context
        )
        try:
            reaction = await self._ask("lifespan.startup", Phase.STARTING, self._startup_timeout_s)
        except asyncio.CancelledError:
            # What has answered this very moment is owed its shutdown.
            if self._phase is Phase.RUNNING:
                self._task.add_done_callback(self._on_early_end)
            else:
                logger.info("Application startup was cancelled")
                await self._end_task()
            raise
        if reaction is Reaction.NONE:
            await self._end_task()
            raise StartupError(
                f"application startup took longer than {self._startup_timeout_s:g} s"
                " (timeout_lifespan_startup)"
            )
        if self._failed_message is not None:
            await self._end_task()
            reason = join_reason("application startup failed", self._failed_message)
            raise StartupError(reason) from self.error
        if reaction is Reaction.ENDED:
            self._on_no_startup_answer()
            return
        self._task.add_done_callback(self._on_early_end)
        logger.debug("Application startup complete")

    async def shutdown(self) -> None:
        """Tell the application to stop, and wait until it has; what goes wrong is logged.

        Cancelling this cuts the application's shutdown short.
        """
        if self._phase is not Phase.RUNNING or self._task is None:
            return
        logger.info("Waiting for application shutdown")
        self._task.remove_done_callback(self._on_early_end)
        try:
            reaction = await self._ask(
                "lifespan.shutdown", Phase.STOPPING, self._shutdown_timeout_s
            )
        except asyncio.CancelledError:
            self._fail("Application shutdown was cut short")
            await self._end_task()
            raise
        if reaction is Reaction.NONE:
            self._fail(
                f"Application shutdown took longer than {self._shutdown_timeout_s:g} s"
                " (timeout_lifespan_shutdown)"
            )
        elif self._failed_message is not None:
            self._fail(join_reason("Application shutdown failed", self._failed_message))
        elif reaction is Reaction.ENDED:
            self._on_early_end(self._task)
        else:
            logger.debug("Application shutdown complete")
        await self._end_task()

    async def _call_app(self) -> None:
        scope = {
            "type": "lifespan",
            "asgi": {"version": ASGI_VERSION, "spec_version": LIFESPAN_SPEC_VERSION},
            "state": self.state,
        }
        await self._app(scope, self._receive, self._send)

    async def _receive(self) -> dict[str, Any]:
        event = await self._events.get()
        if event is None:
            # An application that receives in an endless loop is at its end here.
            self._events.put_nowait(None)
            raise asyncio.CancelledError("the lifespan is over")
        return {"type": event}

    async def _send(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        phase = {
            "lifespan.startup.complete": Phase.STARTING,
            "lifespan.startup.failed": Phase.STARTING,
            "lifespan.shutdown.complete": Phase.STOPPING,
            "lifespan.shutdown.failed": Phase.STOPPING,
        }.get(kind)
        if phase is not self._phase or self._answer is None:
            raise AppError(f"lifespan: got {kind!r}, expected {self._phase.value}")
        if kind.endswith(".failed"):
            self._failed_message = str(message.get("message", ""))
        if kind == "lifespan.startup.complete":
            self._phase = Phase.RUNNING
        else:
            self._phase = Phase.ENDED
            self._events.put_nowait(None)
        if not self._answer.done():
            self._answer.set_result(None)

    async def _ask(self, event: str, phase: Phase, timeout_s: float | None) -> Reaction:
        """Give *event* to the application and wait until it answers or ends."""
        assert self._task is not None
        self._phase = phase
        self._answer = asyncio.get_running_loop().create_future()
        self._events.put_nowait(event)
        await asyncio.wait(
            (self._answer, self._task), timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED
        )
        if self._answer.done():
            return Reaction.ANSWERED
        return Reaction.ENDED if self._task.done() else Reaction.NONE

    async def _end_task(self) -> None:
        """See the application's task off: nothing more will be said to it."""
        assert self._task is not None
        if self._phase is Phase.ENDED:
            # It has answered, and may have a few lines left to run.
            await asyncio.wait((self._task,), timeout=UNWIND_TIMEOUT_S)
        self._phase = Phase.ENDED
        if not self._task.done():
            self._task.cancel()
            await asyncio.wait((self._task,), timeout=UNWIND_TIMEOUT_S)
        if self._task.done() and (error := task_error(self._task)) is not None:
            # Frameworks raise once more what they have reported as failed.
            logger.debug("The application's lifespan ended with %r", error)
            if not isinstance(error, asyncio.CancelledError):
                self.error = error

    def _on_no_startup_answer(self) -> None:
        """The application ended without an answer to lifespan.startup: no lifespan, or a bug."""
        assert self._task is not None
        error = task_error(self._task)
        was_received = self._events.empty()
        self._phase = Phase.ENDED
        self.state.clear()
        # To have no lifespan is said by an Exception; what ends more than that is no such word.
        is_exit = error is not None and (
            isinstance(error, AppExit) or not isinstance(error, Exception)
        )
        if (
            self._mode == "on"
            or is_exit
            or (self._is_strict and was_received and error is not None)
        ):
            if error is None:
                raise StartupError("the application returned without 'lifespan.startup.complete'")
            logger.error("Exception in application startup", exc_info=error)
            raise StartupError(f"application startup failed: {describe(error)}") from error
        if not was_received:
            logger.debug("The application has no lifespan: %s", describe(error))
        elif error is None:
            logger.warning(
                "The application returned without 'lifespan.startup.complete';"
                " serving without lifespan"
            )
        else:
            logger.error(
                "Exception in application startup; serving without lifespan", exc_info=error
            )

    def _on_early_end(self, task: asyncio.Task[None]) -> None:
        """The application left its lifespan without an answer to lifespan.shutdown."""
        self._phase = Phase.ENDED
        error = task_error(task)
        if error is None:
            logger.debug("The application returned without 'lifespan.shutdown.complete'")
            return
        self._fail("Exception in the application's lifespan", error)

    def _fail(self, text: str, error: BaseException | None = None) -> None:
        self.failure, self.error = text, error
        logger.error(text, exc_info=error)


def task_error(task: asyncio.Task[None]) -> BaseException | None:
    """What *task*, which is done, ended with; being cancelled counts as an error."""
    try:
        return task.exception()
    except asyncio.CancelledError as exc:
        return exc


def describe(error: BaseException | None) -> str:
    """One line about *error*, or about an application that just returned."""
    if error is None:
        return "it returned"
    lines = str(error).splitlines()
    return f"{type(error).__name__}: {lines[0]}"[:MAX_REASON_CHARS] if lines else repr(error)


def join_reason(text: str, reason: str) -> str:
    """One line that says *text* and the last line of *reason*.

    Frameworks give a whole traceback as reason; it is logged in full.
    """
    lines = [line for line in reason.splitlines() if line.strip()]
    if len(lines) > 1:
        logger.error("%s\n%s", text, reason.rstrip())
    return f"{text}: {lines[-1].strip()[:MAX_REASON_CHARS]}" if lines else text
