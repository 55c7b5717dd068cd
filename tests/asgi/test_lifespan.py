"""The application's lifespan: ASGI lifespan 2.0."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import signal
from collections.abc import Awaitable, Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from asgiserve.asgi.lifespan import UNWIND_TIMEOUT_S, Lifespan
from asgiserve.errors import AppError, StartupError
from tests.fakes import TaskStage

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
MODES_WITH_LIFESPAN = ("auto", "on")

color: contextvars.ContextVar[str] = contextvars.ContextVar("color")


class Stage(TaskStage):
    """The lifespan of one application on a manual clock."""

    def __init__(self) -> None:
        super().__init__()
        self._lifespan: Lifespan | None = None

    def lifespan(self, app: Any, mode: str = "auto", *, is_strict: bool = False) -> Lifespan:
        config: Any = SimpleNamespace(
            lifespan=mode, timeout_lifespan_startup=60, timeout_lifespan_shutdown=30
        )
        self._lifespan = Lifespan(app, config, is_strict=is_strict)
        return self._lifespan

    def run(self, coroutine: Any) -> None:
        """Run *coroutine* as far as it comes without time passing; it must end there."""
        task = self.begin(coroutine)
        assert task.done(), "still waits"
        task.result()


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage()
    yield stage
    stage.close()


@pytest.fixture(autouse=True)
def _log_everything(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="asgiserve.error")


class GoodApp:
    """Answers both events and keeps what happened, in order."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.scope: dict[str, Any] = {}

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        self.scope = scope
        for _ in range(2):
            event = (await receive())["type"]
            self.events.append(event)
            await send({"type": f"{event}.complete"})
        self.events.append("returned")


def app_that_sends(*kinds: str, **details: str) -> Any:
    """Receives startup, sends messages of *kinds* with *details*, and waits for the end."""

    async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        await receive()
        for kind in kinds:
            await send({"type": kind, **details})
        await receive()

    return app


def app_that_raises_after(*kinds: str) -> Any:
    """Answers by *kinds*, one for each event, and raises after the event that is left."""

    async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        for kind in kinds:
            await receive()
            await send({"type": kind})
        await receive()
        raise RuntimeError("no database")

    return app


async def http_only_app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Knows of HTTP alone, as most hand-written applications do."""
    assert scope["type"] == "http", scope["type"]


async def deaf_app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Never answers."""
    await asyncio.Event().wait()


def errors_of(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize("mode", MODES_WITH_LIFESPAN)
def test_lifespan_runs_startup_and_shutdown_in_one_call(
    stage: Stage, mode: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = GoodApp()
    lifespan = stage.lifespan(app, mode)
    stage.run(lifespan.startup())
    assert app.events == ["lifespan.startup"]
    stage.run(lifespan.shutdown())
    assert app.events == ["lifespan.startup", "lifespan.shutdown", "returned"]
    assert not lifespan.has_failed
    assert not errors_of(caplog)


def test_lifespan_scope_has_versions_and_state(stage: Stage) -> None:
    app = GoodApp()
    lifespan = stage.lifespan(app)
    stage.run(lifespan.startup())
    app.scope["state"]["pool"] = 7
    assert app.scope["type"] == "lifespan"
    assert app.scope["asgi"] == {"version": "3.0", "spec_version": "2.0"}
    assert lifespan.state == {"pool": 7}


def test_lifespan_off_never_calls_the_application(stage: Stage) -> None:
    app = GoodApp()
    lifespan = stage.lifespan(app, "off")
    stage.run(lifespan.startup())
    stage.run(lifespan.shutdown())
    assert app.scope == {}


def test_variable_set_in_startup_is_seen_in_copies_of_the_context(stage: Stage) -> None:
    async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        await receive()
        color.set("blue")
        await send({"type": "lifespan.startup.complete"})
        await receive()
        color.set(f"{color.get()} at the end")
        await send({"type": "lifespan.shutdown.complete"})

    async def request() -> str:
        seen = color.get()
        color.set("red")
        return seen

    lifespan = stage.lifespan(app)
    stage.run(lifespan.startup())
    seen = stage.loop.run_until_complete(
        stage.loop.create_task(request(), context=lifespan.context.copy())
    )
    assert seen == "blue"
    stage.run(lifespan.shutdown())
    assert lifespan.context[color] == "blue at the end"


def test_auto_takes_a_raise_before_receive_as_no_lifespan(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    lifespan = stage.lifespan(http_only_app)
    stage.run(lifespan.startup())
    stage.run(lifespan.shutdown())
    assert not errors_of(caplog)
    assert "The application has no lifespan: AssertionError: lifespan" in caplog.text


def test_auto_shows_the_traceback_of_a_raise_after_receive_and_continues(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    lifespan = stage.lifespan(app_that_raises_after())
    stage.run(lifespan.startup())
    stage.run(lifespan.shutdown())
    (record,) = errors_of(caplog)
    assert record.levelno == logging.ERROR
    assert "serving without lifespan" in record.message
    assert record.exc_info is not None
    assert str(record.exc_info[1]) == "no database"


def test_strict_lifespan_refuses_a_raise_after_receive(stage: Stage) -> None:
    lifespan = stage.lifespan(app_that_raises_after(), is_strict=True)
    with pytest.raises(StartupError, match="RuntimeError: no database") as caught:
        stage.run(lifespan.startup())
    assert str(caught.value.__cause__) == "no database"


def test_strict_lifespan_takes_a_raise_before_receive_as_no_lifespan(stage: Stage) -> None:
    stage.run(stage.lifespan(http_only_app, is_strict=True).startup())


@pytest.mark.parametrize("phase", ["startup", "shutdown"])
def test_failure_that_is_reported_and_raised_keeps_its_exception(stage: Stage, phase: str) -> None:
    async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        await receive()
        if phase == "shutdown":
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": f"lifespan.{phase}.failed", "message": "no database"})
        raise LookupError("no database")

    lifespan = stage.lifespan(app)
    if phase == "startup":
        with pytest.raises(StartupError) as caught:
            stage.run(lifespan.startup())
        assert caught.value.__cause__ is lifespan.error
    else:
        stage.run(lifespan.startup())
        stage.run(lifespan.shutdown())
        assert lifespan.failure == "Application shutdown failed: no database"
    assert isinstance(lifespan.error, LookupError)


def test_state_is_empty_when_startup_broke(stage: Stage) -> None:
    async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        scope["state"]["half"] = 1
        await receive()
        raise RuntimeError

    lifespan = stage.lifespan(app)
    stage.run(lifespan.startup())
    assert lifespan.state == {}


@pytest.mark.parametrize(
    ("app", "message"),
    [
        (http_only_app, "application startup failed: AssertionError: lifespan"),
        (app_that_raises_after(), "application startup failed: RuntimeError: no database"),
    ],
)
def test_on_makes_any_raise_a_startup_error_with_traceback(
    stage: Stage, caplog: pytest.LogCaptureFixture, app: Any, message: str
) -> None:
    lifespan = stage.lifespan(app, "on")
    with pytest.raises(StartupError) as caught:
        stage.run(lifespan.startup())
    assert str(caught.value) == message
    (record,) = errors_of(caplog)
    assert record.exc_info is not None


async def app_that_returns_at_once(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Ignores what is not HTTP."""


async def app_that_returns_after_receive(
    scope: dict[str, Any], receive: Receive, send: Send
) -> None:
    """Forgets to answer."""
    await receive()


def test_auto_takes_a_return_before_receive_as_no_lifespan(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    stage.run(stage.lifespan(app_that_returns_at_once).startup())
    assert not errors_of(caplog)


def test_auto_warns_of_a_return_without_answer(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    stage.run(stage.lifespan(app_that_returns_after_receive).startup())
    (record,) = errors_of(caplog)
    assert record.levelno == logging.WARNING


@pytest.mark.parametrize("app", [app_that_returns_at_once, app_that_returns_after_receive])
def test_on_makes_a_return_without_answer_a_startup_error(stage: Stage, app: Any) -> None:
    with pytest.raises(StartupError, match=r"returned without 'lifespan\.startup\.complete'"):
        stage.run(stage.lifespan(app, "on").startup())


@pytest.mark.parametrize("mode", MODES_WITH_LIFESPAN)
def test_startup_failed_is_a_startup_error_with_the_message(
    stage: Stage, caplog: pytest.LogCaptureFixture, mode: str
) -> None:
    app = app_that_sends("lifespan.startup.failed", message="no database")
    with pytest.raises(StartupError) as caught:
        stage.run(stage.lifespan(app, mode).startup())
    assert str(caught.value) == "application startup failed: no database"
    assert not errors_of(caplog)


def test_startup_failed_without_message_is_a_startup_error(stage: Stage) -> None:
    with pytest.raises(StartupError, match=r"^application startup failed$"):
        stage.run(stage.lifespan(app_that_sends("lifespan.startup.failed")).startup())


def test_startup_failed_with_a_traceback_logs_it_and_names_its_last_line(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    traceback_text = 'Traceback:\n  File "app.py", line 1\nRuntimeError: no database\n'

    async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": traceback_text})
        raise RuntimeError("no database")

    with pytest.raises(StartupError) as caught:
        stage.run(stage.lifespan(app).startup())
    assert str(caught.value) == "application startup failed: RuntimeError: no database"
    (record,) = errors_of(caplog)
    assert 'File "app.py", line 1' in record.message


@pytest.mark.parametrize("mode", MODES_WITH_LIFESPAN)
def test_startup_that_takes_too_long_is_cancelled(stage: Stage, mode: str) -> None:
    task = stage.begin(stage.lifespan(deaf_app, mode).startup())
    stage.loop.advance(59.9)
    assert not task.done()
    stage.loop.advance(0.2)
    with pytest.raises(StartupError, match="took longer than 60 s"):
        task.result()
    assert not asyncio.all_tasks(stage.loop)


def test_startup_cancelled_by_the_server_cancels_the_application(stage: Stage) -> None:
    task = stage.begin(stage.lifespan(deaf_app).startup())
    task.cancel()
    stage.loop.run_until_idle()
    assert task.cancelled()
    assert not asyncio.all_tasks(stage.loop)


def test_startup_cancelled_when_it_has_been_answered_leaves_the_shutdown_to_come(
    stage: Stage,
) -> None:
    received = []

    async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        received.append(await receive())
        await send({"type": "lifespan.startup.complete"})
        task.cancel()
        received.append(await receive())
        await send({"type": "lifespan.shutdown.complete"})

    lifespan = stage.lifespan(app)
    task = stage.loop.create_task(lifespan.startup())
    stage.loop.run_until_idle()
    assert task.cancelled()
    stage.run(lifespan.shutdown())
    assert [event["type"] for event in received] == ["lifespan.startup", "lifespan.shutdown"]
    assert not lifespan.has_failed


def test_application_that_ignores_its_cancellation_does_not_hold_the_server(stage: Stage) -> None:
    async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        while not stage.loop.now_s > 2_000:
            try:
                await asyncio.sleep(3_600)
            except asyncio.CancelledError:
                continue

    task = stage.begin(stage.lifespan(app).startup())
    stage.loop.advance(60.1)
    assert not task.done()
    stage.loop.advance(UNWIND_TIMEOUT_S)
    assert isinstance(task.exception(), StartupError)
    stage.loop.advance(10_000)


def test_shutdown_that_takes_too_long_is_cancelled_and_logged(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await asyncio.Event().wait()

    lifespan = stage.lifespan(app)
    stage.run(lifespan.startup())
    task = stage.begin(lifespan.shutdown())
    stage.loop.advance(30.1)
    assert task.done()
    assert lifespan.has_failed
    assert "shutdown took longer than 30 s" in errors_of(caplog)[0].message
    assert not asyncio.all_tasks(stage.loop)


def test_shutdown_cut_short_by_the_server_cancels_the_application(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await asyncio.Event().wait()

    lifespan = stage.lifespan(app)
    stage.run(lifespan.startup())
    task = stage.begin(lifespan.shutdown())
    task.cancel()
    stage.loop.run_until_idle()
    assert task.cancelled()
    assert lifespan.has_failed
    assert "cut short" in errors_of(caplog)[0].message
    assert not asyncio.all_tasks(stage.loop)


def test_shutdown_failed_is_logged_with_its_message(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.failed", "message": "not flushed"})

    lifespan = stage.lifespan(app)
    stage.run(lifespan.startup())
    stage.run(lifespan.shutdown())
    assert lifespan.has_failed
    assert errors_of(caplog)[0].message == "Application shutdown failed: not flushed"


def test_exception_in_shutdown_is_logged_with_traceback(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    lifespan = stage.lifespan(app_that_raises_after("lifespan.startup.complete"))
    stage.run(lifespan.startup())
    stage.run(lifespan.shutdown())
    assert lifespan.has_failed
    (record,) = errors_of(caplog)
    assert record.exc_info is not None


def test_exception_while_serving_is_logged_at_once_and_shutdown_is_skipped(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await asyncio.sleep(5)
        raise RuntimeError("lost the database")

    lifespan = stage.lifespan(app)
    stage.run(lifespan.startup())
    stage.loop.advance(5.1)
    (record,) = errors_of(caplog)
    assert record.exc_info is not None
    assert lifespan.has_failed
    stage.run(lifespan.shutdown())
    assert len(errors_of(caplog)) == 1


@pytest.mark.parametrize("kind", ["lifespan.startup.complete", "lifespan.startup.failed"])
def test_second_answer_to_startup_is_an_app_error(
    stage: Stage, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    lifespan = stage.lifespan(app_that_sends("lifespan.startup.complete", kind))
    stage.run(lifespan.startup())
    (record,) = errors_of(caplog)
    assert record.exc_info is not None
    error = record.exc_info[1]
    assert isinstance(error, AppError)
    assert str(error) == f"lifespan: got {kind!r}, expected nothing before 'lifespan.shutdown'"


@pytest.mark.parametrize(
    "kind",
    ["lifespan.shutdown.complete", "lifespan.shutdown.failed", "lifespan.started", "http.request"],
)
def test_wrong_answer_to_startup_is_an_app_error(stage: Stage, kind: str) -> None:
    with pytest.raises(StartupError) as caught:
        stage.run(stage.lifespan(app_that_sends(kind), "on").startup())
    assert str(caught.value) == (
        f"application startup failed: AppError: lifespan: got {kind!r},"
        " expected 'lifespan.startup.complete' or 'lifespan.startup.failed'"
    )


def test_second_answer_to_shutdown_is_an_app_error(stage: Stage) -> None:
    caught: list[AppError] = []

    async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        try:
            await send({"type": "lifespan.shutdown.complete"})
        except AppError as exc:
            caught.append(exc)

    lifespan = stage.lifespan(app)
    stage.run(lifespan.startup())
    stage.run(lifespan.shutdown())
    assert "expected nothing more" in str(caught[0])
    assert not lifespan.has_failed


def test_application_may_clean_up_after_its_answer_to_shutdown(stage: Stage) -> None:
    done: list[str] = []

    async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        await asyncio.sleep(UNWIND_TIMEOUT_S / 2)
        done.append("cleaned up")

    lifespan = stage.lifespan(app)
    stage.run(lifespan.startup())
    task = stage.begin(lifespan.shutdown())
    stage.loop.advance(UNWIND_TIMEOUT_S / 2)
    assert task.done()
    assert done == ["cleaned up"]


def test_application_that_receives_in_an_endless_loop_ends_with_the_lifespan(stage: Stage) -> None:
    async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        while True:
            event = await receive()
            await send({"type": f"{event['type']}.complete"})

    lifespan = stage.lifespan(app)
    stage.run(lifespan.startup())
    stage.run(lifespan.shutdown())
    assert not lifespan.has_failed
    assert not asyncio.all_tasks(stage.loop)


def test_receive_cancelled_by_the_application_loses_no_event(stage: Stage) -> None:
    app_events: list[str] = []

    async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        for _ in range(3):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(receive(), 1)
        app_events.append((await receive())["type"])
        await send({"type": "lifespan.shutdown.complete"})

    lifespan = stage.lifespan(app)
    stage.run(lifespan.startup())
    for _ in range(3):
        stage.loop.advance(1)
    stage.run(lifespan.shutdown())
    assert app_events == ["lifespan.shutdown"]


def test_shutdown_without_startup_does_nothing(stage: Stage) -> None:
    app = GoodApp()
    stage.run(stage.lifespan(app).shutdown())
    assert app.events == []


# What ends more than an application -------------------------------------------------------------


class Panic(BaseException):
    """As pyo3's PanicException."""


@pytest.fixture
def _handles_sigint() -> Iterator[None]:
    """SIGINT has a handler, as it has while a server serves."""
    before = signal.signal(signal.SIGINT, lambda number, frame: None)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures(_handles_sigint.__name__)
@pytest.mark.parametrize("moment", ["in the call", "before receive", "after receive", "later"])
@pytest.mark.parametrize(
    "error",
    [SystemExit, KeyboardInterrupt, GeneratorExit, asyncio.CancelledError, Panic],
)
@pytest.mark.parametrize("mode", MODES_WITH_LIFESPAN)
def test_exit_in_startup_is_a_failed_startup(
    stage: Stage, error: type[BaseException], moment: str, mode: str
) -> None:
    def app(scope: dict[str, Any], receive: Receive, send: Send) -> Awaitable[None]:
        if moment == "in the call":
            raise error
        return run(receive)

    async def run(receive: Receive) -> None:
        if moment != "before receive":
            await receive()
        if moment == "later":
            await asyncio.sleep(0)
        raise error

    with pytest.raises(StartupError, match=r"startup failed"):
        stage.run(stage.lifespan(app, mode).startup())


@pytest.mark.usefixtures(_handles_sigint.__name__)
def test_exit_after_startup_is_noted(stage: Stage) -> None:
    async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await asyncio.sleep(1)
        raise SystemExit(7)

    lifespan = stage.lifespan(app)
    stage.run(lifespan.startup())
    stage.loop.advance(2)
    assert lifespan.has_failed
