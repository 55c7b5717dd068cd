"""One call of an application: its task, ``receive`` and ``send``, whatever protocol they speak.

``HttpCycle`` and ``WsCycle`` add the order of their messages. What goes on the wire is the business
of the hooks, which a connection fills.
"""

from __future__ import annotations

import asyncio
import contextvars
import sys
from collections.abc import Coroutine
from typing import Any

from asgiserve.asgi.app_exit import contain, run_contained
from asgiserve.asgi.eager_start import can_start_eagerly
from asgiserve.asgi.waits import Waiters, send_later, wait_writable
from asgiserve.errors import AppError, ClientDisconnected

__all__ = ["Cycle", "TaskStarter", "as_bytes", "as_dict", "as_text", "take_kind", "take_status"]


class TaskStarter:
    """Starts the tasks of applications, each in a copy of one ``contextvars.Context``.

    A task runs up to its first wait at once, from Python 3.12 on, if `can_start_eagerly`.

    Args:
        loop: the loop of the tasks.
        task_context: what was set in it is visible in every task, and no task changes it.
    """

    __slots__ = ("_is_eager", "_loop", "_task_context")

    def __init__(self, loop: asyncio.AbstractEventLoop, task_context: contextvars.Context) -> None:
        self._loop = loop
        self._task_context = task_context
        self._is_eager = can_start_eagerly(loop)

    def start(self, call: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run *call* in a task; it may be done when this returns."""
        task_context = self._task_context.copy()
        if sys.version_info >= (3, 12) and self._is_eager:
            return asyncio.Task(call, loop=self._loop, context=task_context, eager_start=True)
        return self._loop.create_task(call, context=task_context)


class Cycle:
    """One call of an application.

    Attributes:
        scope: set before ``start``.
        task: None until ``start``, and when the application has ended within it.
        is_started: the application has been called.
        is_disconnected: the peer is gone; ``send`` raises.
        is_disconnect_told: ``receive`` gives the disconnect event.
    """

    __slots__ = (
        "_event_waiters",
        "is_disconnect_told",
        "is_disconnected",
        "is_started",
        "scope",
        "task",
    )

    def __init__(self) -> None:
        self.scope: dict[str, Any] | None = None
        self.task: asyncio.Task[Any] | None = None
        self.is_started = False
        self.is_disconnected = False
        self.is_disconnect_told = False
        self._event_waiters: Waiters | None = None

    # What the connection does.

    def start(self, app: Any, tasks: TaskStarter) -> None:
        """Call *app*, an ASGI 3 application, in a task of its own.

        ``on_app_done`` is called when it ends, perhaps before this returns.
        """
        self.is_started = True
        try:
            call = app(self.scope, self.receive, self.send)
            task = tasks.start(run_contained(call))
        except BaseException as exc:  # noqa: BLE001 - the hook logs it
            self.on_app_done(contain(exc))
            return
        if task.done():
            self.on_task_done(task)
            return
        self.task = task
        self.on_task_kept(task)
        task.add_done_callback(self.on_task_done)

    def disconnect(self) -> None:
        """The peer is gone: ``receive`` says so, and ``send`` raises."""
        self.is_disconnected = True
        self.tell_disconnect()

    def tell_disconnect(self) -> None:
        """``receive`` gives the disconnect event from now on; ``send`` goes on working."""
        self.is_disconnect_told = True
        self._wake()

    def wake(self) -> None:
        """Events have come: the tasks that wait in ``receive`` look again.

        In the compiled column the task goes on within this call, so that it must come last of what
        the caller does, and from no task.
        """
        self._wake()

    # What the application calls.

    # Coroutine functions, so that nothing is done for a call alone, which may come from any thread.

    async def receive(self) -> dict[str, Any]:
        """The next event."""
        event = self.take_event()
        if event is not None:
            return event
        # It may bring one.
        self.on_receive_wait()
        while (event := self.take_event()) is None:
            if self._event_waiters is None:
                self._event_waiters = Waiters()
            await self._event_waiters.wait()
        return event

    async def send(self, message: Any) -> None:
        """Take one message."""
        if self.must_wait() and not self.is_over():
            await send_later(self, message)
            return
        self.handle(message)
        if self.must_wait():
            await wait_writable(self)

    # What the two above stand on.

    def check_connected(self) -> None:
        """Raise ClientDisconnected if the peer is gone."""
        if self.is_disconnected and not self.is_over():
            raise ClientDisconnected("the client has disconnected")

    def _wake(self) -> None:
        if self._event_waiters is not None:
            self._event_waiters.wake()

    # The protocol's part.

    def take_event(self) -> dict[str, Any] | None:
        """The event that ``receive`` returns now, None while there is none."""
        raise NotImplementedError

    def handle(self, message: Any) -> None:
        """Do what *message* says.

        Raises:
            AppError: the message is malformed or out of order.
            ClientDisconnected: there is nobody to send it to.
        """
        raise NotImplementedError

    def is_over(self) -> bool:
        """Whether all that the application had to send has been sent."""
        raise NotImplementedError

    # Hooks: a connection fills them.

    def must_wait(self) -> bool:
        """Whether there is no room in the transport."""
        raise NotImplementedError

    def write_waiters(self) -> Waiters:
        """The tasks that wait for room in the transport."""
        raise NotImplementedError

    def on_receive_wait(self) -> None:
        """The application waits for an event."""

    def on_task_kept(self, task: asyncio.Task[Any]) -> None:
        """The application did not end at once; *task* goes on."""
        raise NotImplementedError

    def on_task_done(self, task: asyncio.Task[Any]) -> None:
        """The application's task has ended."""
        # Its exception holds the frames of the application, which hold this: in a circle, all that
        # they have open would stay open until the next garbage collection.
        self.task = None
        self.on_app_done(asyncio.CancelledError() if task.cancelled() else task.exception())

    def on_app_done(self, exc: BaseException | None) -> None:
        """The application has returned, or raised *exc*."""
        raise NotImplementedError


def as_dict(message: Any) -> dict[str, Any]:
    """*message* as a dict: a mapping that is no dict, or a subclass of it, too."""
    if type(message) is dict:
        return message
    try:
        return dict(message)
    except (TypeError, ValueError):
        raise malformed_message(message) from None


def take_kind(message: dict[str, Any]) -> Any:
    """The ``type`` of a message."""
    kind = message.get("type")
    if kind is None:
        raise malformed_message(message)
    return kind


def take_status(message: dict[str, Any]) -> int:
    """The status of a message that starts a response; its range is the framer's business."""
    status = message.get("status")
    if not isinstance(status, int):
        raise AppError(f"{message['type']!r} needs 'status' of type int, not {status!r:.80}")
    return status


def malformed_message(message: Any) -> AppError:
    """The error for what is no message at all."""
    return AppError(f"an ASGI message must be a dict with a 'type', not {str(message)[:80]!r}")


def as_bytes(data: Any, key: str) -> bytes:
    """A copy of *data* that is not bytes: the application may change its buffer after send()."""
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise AppError(f"{key!r} must be bytes, not {type(data).__name__}")
    return bytes(data)


def as_text(text: Any, key: str) -> str:
    """*text* as a plain str, whatever subclass of it an application uses."""
    if not isinstance(text, str):
        raise AppError(f"{key!r} must be str, not {type(text).__name__}")
    return text if type(text) is str else "".join((text,))
