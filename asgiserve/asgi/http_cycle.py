"""One HTTP request and its response: the state machine of ASGI HTTP 2.5.

It exists once for every version of HTTP. What goes on the wire is the business of the hooks
``hold_head``, ``write_*`` and ``on_*``, which a connection fills.
"""

from __future__ import annotations

import asyncio
import contextvars
import sys
from collections.abc import Awaitable, Coroutine
from enum import IntEnum
from types import CoroutineType
from typing import Any

from asgiserve.asgi.ready import NOTHING, Failed, ReadyEvent
from asgiserve.asgi.waits import Waiters, receive_later, send_later, wait_writable
from asgiserve.errors import AppError, ClientDisconnected

__all__ = ["CycleState", "HttpCycle", "TaskStarter"]


class CycleState(IntEnum):
    """How far the response has come."""

    WAITING = 0  # for http.response.start
    HELD = 1  # start is here, nothing is on the wire: an error can still become a 500
    STREAMING = 2  # the head is on the wire, more body is to come
    TRAILERS = 3  # the body has ended, http.response.trailers is to come
    COMPLETE = 4


# What the application may send in each state, for the message of a wrong order.
EXPECTED = {
    CycleState.WAITING: "'http.response.start'",
    CycleState.HELD: "'http.response.body'",
    CycleState.STREAMING: "'http.response.body'",
    CycleState.TRAILERS: "'http.response.trailers'",
}


class TaskStarter:
    """Starts the tasks of applications, each in a copy of one ``contextvars.Context``.

    A task runs up to its first wait at once: from Python 3.12 on, unless the host program has set a
    task factory.

    Args:
        loop: the loop of the tasks.
        task_context: what was set in it is visible in every task, and no task changes it.
    """

    __slots__ = ("_is_eager", "_loop", "_task_context")

    def __init__(self, loop: asyncio.AbstractEventLoop, task_context: contextvars.Context) -> None:
        self._loop = loop
        self._task_context = task_context
        self._is_eager = loop.get_task_factory() is None

    def start(self, call: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run *call* in a task; it may be done when this returns."""
        task_context = self._task_context.copy()
        if sys.version_info >= (3, 12) and self._is_eager:
            return asyncio.Task(call, loop=self._loop, context=task_context, eager_start=True)
        return self._loop.create_task(call, context=task_context)


class HttpCycle:
    """One request and its response.

    A connection fills the hooks, puts the request in by ``add_body`` and ``end_body``, and lets the
    application run by ``start``.
    """

    __slots__ = (
        "_app_waiters",
        "_body",
        "_is_body_complete",
        "_is_end_taken",
        "_state",
        "_trailers",
        "is_disconnect_told",
        "is_disconnected",
        "is_started",
        "queued_bytes",
        "scope",
        "task",
    )

    def __init__(self) -> None:
        self.scope: dict[str, Any] | None = None
        self.task: asyncio.Task[Any] | None = None
        self.queued_bytes = 0
        self._body: list[bytes] | None = None
        self._trailers: list[tuple[bytes, bytes]] | None = None
        self._is_body_complete = False
        self._is_end_taken = False
        self.is_started = False
        self.is_disconnected = False
        self.is_disconnect_told = False
        self._state = CycleState.WAITING
        self._app_waiters: Waiters | None = None

    # What the connection does.

    def start(self, app: Any, tasks: TaskStarter) -> None:
        """Call *app*, an ASGI 3 application, in a task of its own.

        ``on_app_done`` is called when it ends, perhaps before this returns.
        """
        self.is_started = True
        try:
            call = app(self.scope, self.receive, self.send)
            if type(call) is not CoroutineType and not asyncio.iscoroutine(call):
                call = wait_for_app(call)
        except Exception as exc:  # noqa: BLE001 - the hook logs it
            self.on_app_done(exc)
            return
        task = tasks.start(call)
        if task.done():
            self.on_task_done(task)
            return
        self.task = task
        self.on_task_kept(task)
        task.add_done_callback(self.on_task_done)

    def add_body(self, data: bytes) -> None:
        """Queue a piece of the request body for ``receive``."""
        if self._body is None:
            self._body = [data]
        else:
            self._body.append(data)
        self.queued_bytes += len(data)
        self._wake()

    def end_body(self, trailers: list[tuple[bytes, bytes]] | None) -> None:
        """The request is complete; *trailers* are for the application, None for none wanted."""
        self._is_body_complete = True
        self._trailers = trailers
        self._wake()

    def disconnect(self) -> None:
        """The peer is gone: ``receive`` says so, and ``send`` raises."""
        self.is_disconnected = True
        self.tell_disconnect()

    def tell_disconnect(self) -> None:
        """``receive`` gives ``http.disconnect`` from now on; ``send`` goes on working."""
        self.is_disconnect_told = True
        self._wake()

    @property
    def is_response_started(self) -> bool:
        """Whether the head of the response is on the wire."""
        return self._state >= CycleState.STREAMING

    # What the application calls.

    def receive(self) -> Awaitable[dict[str, Any]]:
        """The next event; see ASGI HTTP 2.5, "Request" and "Disconnect"."""
        event = self.take_event()
        if event is not None:
            return ReadyEvent(event, self.give_back)
        self.on_receive_wait()
        return receive_later(self)

    def send(self, message: Any) -> Awaitable[None]:
        """Take one message of the response; see ASGI HTTP 2.5, "Response Start" and after."""
        if self._state is not CycleState.COMPLETE and self.write_waiters() is not None:
            return send_later(self, message)
        try:
            self.handle(message)
        except (AppError, ClientDisconnected) as exc:
            return Failed(exc)
        if self.write_waiters() is not None:
            return wait_writable(self)
        return NOTHING

    # What the two above stand on.

    def take_event(self) -> dict[str, Any] | None:
        """The event that ``receive`` returns now, None while there is none."""
        is_open = not self.is_disconnected and self._state is not CycleState.COMPLETE
        if is_open and (self._body or (self._is_body_complete and not self._is_end_taken)):
            return self._take_body()
        if self.is_disconnect_told or self._state is CycleState.COMPLETE:
            return {"type": "http.disconnect"}
        return None

    def give_back(self, event: dict[str, Any]) -> None:
        """Put an event that ``take_event`` gave and nobody saw in front of the others."""
        if event["type"] == "http.request" and self._state is not CycleState.COMPLETE:
            self._body = [event["body"], *(self._body or ())]
            self.queued_bytes += len(event["body"])
            self._is_end_taken = False
            self._wake()

    def event_waiters(self) -> Waiters:
        """The tasks that wait for an event."""
        if self._app_waiters is None:
            self._app_waiters = Waiters()
        return self._app_waiters

    def check_connected(self) -> None:
        """Raise ClientDisconnected if the peer is gone."""
        if self.is_disconnected and self._state is not CycleState.COMPLETE:
            raise ClientDisconnected("the client has disconnected")

    def handle(self, message: Any) -> None:
        """Do what *message* says.

        Raises:
            AppError: the message is malformed or out of order.
            ClientDisconnected: there is nobody to send it to.
        """
        if type(message) is not dict:
            message = as_dict(message)
        kind = message.get("type")
        if kind is None:
            raise malformed_message(message)
        state = self._state
        if state is CycleState.COMPLETE:
            # "any further messages on the channel will be ignored", says ASGI HTTP of what follows
            # the last body.
            return
        self.check_connected()
        if kind == "http.response.body" and state in (CycleState.HELD, CycleState.STREAMING):
            self._handle_body(message)
        elif kind == "http.response.start" and state is CycleState.WAITING:
            self.hold_head(
                take_status(message),
                message.get("headers", ()),
                bool(message.get("trailers", False)),
            )
            self._state = CycleState.HELD
        elif kind == "http.response.trailers" and state is CycleState.TRAILERS:
            self._handle_trailers(message)
        elif kind == "http.response.early_hint" and state in (CycleState.WAITING, CycleState.HELD):
            self.write_early_hint([(b"link", link) for link in message.get("links", ())])
        else:
            raise AppError(f"unexpected ASGI message {kind!r}, expected {EXPECTED[state]}")

    def _take_body(self) -> dict[str, Any]:
        pieces = self._body or ()
        body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        self._body = None
        self._is_end_taken = self._is_body_complete
        event = {"type": "http.request", "body": body, "more_body": not self._is_body_complete}
        if self._is_end_taken and self._trailers is not None:
            event["trailers"] = self._trailers
        if self.queued_bytes:
            self.queued_bytes = 0
            self.on_body_taken()
        return event

    def _handle_body(self, message: dict[str, Any]) -> None:
        body = message.get("body", b"")
        more_body = bool(message.get("more_body", False))
        if type(body) is not bytes:
            body = as_bytes(body)
        self.write_body(body, more_body)
        if more_body:
            self._state = CycleState.STREAMING
        elif self.has_trailers():
            self._state = CycleState.TRAILERS
        else:
            self._complete()

    def _handle_trailers(self, message: dict[str, Any]) -> None:
        self.write_trailers(message.get("headers", ()), bool(message.get("more_trailers", False)))
        if not message.get("more_trailers", False):
            self._complete()

    def _complete(self) -> None:
        self._state = CycleState.COMPLETE
        self._body = None
        self.queued_bytes = 0
        self._wake()
        self.on_response_end()

    def _wake(self) -> None:
        if self._app_waiters is not None:
            self._app_waiters.wake()

    # Hooks: a connection fills them.

    def hold_head(self, status: int, headers: Any, wants_trailers: bool) -> None:
        """Check the head and keep it until the first ``write_body``; may raise AppError."""
        raise NotImplementedError

    def write_body(self, body: bytes, more_body: bool) -> None:
        """Write a piece of the body, the first one with the head."""
        raise NotImplementedError

    def write_trailers(self, headers: Any, more_trailers: bool) -> None:
        """Write trailer fields, or collect them while there are more."""
        raise NotImplementedError

    def write_early_hint(self, links: list[tuple[bytes, bytes]]) -> None:
        """Write an interim response 103 (RFC 8297)."""
        raise NotImplementedError

    def has_trailers(self) -> bool:
        """Whether trailers were announced and the peer takes them."""
        raise NotImplementedError

    def write_waiters(self) -> Waiters | None:
        """The tasks that wait for room in the transport; None while there is room."""
        raise NotImplementedError

    def on_receive_wait(self) -> None:
        """The application waits for an event: the moment for ``100 Continue``."""
        raise NotImplementedError

    def on_body_taken(self) -> None:
        """The application has taken the queued body: the socket may be read again."""
        raise NotImplementedError

    def on_response_end(self) -> None:
        """The response is complete."""
        raise NotImplementedError

    def on_task_kept(self, task: asyncio.Task[Any]) -> None:
        """The application did not end at once; *task* goes on."""
        raise NotImplementedError

    def on_task_done(self, task: asyncio.Task[Any]) -> None:
        """The application's task has ended."""
        self.on_app_done(asyncio.CancelledError() if task.cancelled() else task.exception())

    def on_app_done(self, exc: BaseException | None) -> None:
        """The application has returned, or raised *exc*."""
        raise NotImplementedError


async def wait_for_app(call: Awaitable[Any]) -> None:
    """Await what an application returned that is no coroutine."""
    await call


def malformed_message(message: Any) -> AppError:
    """The error for what is no message at all."""
    return AppError(f"an ASGI message must be a dict with a 'type', not {str(message)[:80]!r}")


def as_dict(message: Any) -> dict[str, Any]:
    """A mapping that is no dict, or a subclass of it, as a dict."""
    try:
        return dict(message)
    except (TypeError, ValueError):
        raise malformed_message(message) from None


def as_bytes(body: Any) -> bytes:
    """Copy a body that is not bytes: the application may change its buffer after send()."""
    if not isinstance(body, (bytes, bytearray, memoryview)):
        raise AppError(f"'body' must be bytes, not {type(body).__name__}")
    return bytes(body)


def take_status(message: dict[str, Any]) -> int:
    """The status of an ``http.response.start``; its range is the framer's business."""
    status = message.get("status")
    if not isinstance(status, int):
        raise AppError(f"'http.response.start' needs 'status' of type int, not {status!r:.80}")
    return status
