"""``receive``, ``send`` and the task of an application: coroutine functions in all that matters."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import inspect
import signal
import threading
from types import CoroutineType

import anyio
import pytest

from asgiserve.asgi.app_exit import AppExit
from asgiserve.asgi.waits import Waiters

EVENT = {"type": "test.event"}


class Panic(BaseException):
    """As pyo3's PanicException."""


def make_cycle(impl, events=(), *, is_full=False):
    """A cycle of one column that notes what happens to it."""

    class NotingCycle(impl.cycle.Cycle):
        def __init__(self):
            super().__init__()
            self.events = list(events)
            self.handled = []
            self.ends = []
            self.is_full = is_full
            self.waiters = Waiters()

        def take_event(self):
            return self.events.pop(0) if self.events else None

        def handle(self, message):
            if isinstance(message, Exception):
                raise message
            self.handled.append(message)

        def is_over(self):
            return False

        def must_wait(self):
            return self.is_full

        def write_waiters(self):
            return self.waiters

        def on_receive_wait(self):
            pass

        def on_task_kept(self, task):
            self.kept = task

        def on_app_done(self, exc):
            self.ends.append(exc)

        def give(self, event):
            self.events.append(event)
            self.wake()

    return NotingCycle()


async def start(impl, cycle, app):
    """Start *app* as a connection does, and give what it was given."""
    given = []

    async def note_and_run(scope, receive, send):
        given.extend((receive, send))
        if app is not None:
            await app(scope, receive, send)

    loop = asyncio.get_running_loop()
    cycle.start(note_and_run, impl.cycle.TaskStarter(loop, contextvars.copy_context()))
    # Before Python 3.12 a task starts in the next turn.
    await asyncio.sleep(0)
    return given


# Nothing happens before the first step ----------------------------------------------------------


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")
async def test_call_that_is_not_awaited_takes_no_event_and_sends_nothing(impl):
    cycle = make_cycle(impl, [EVENT])
    receive, send = await start(impl, cycle, None)
    receive()
    send({"type": "test"})
    gc.collect()
    assert cycle.events == [EVENT]
    assert cycle.handled == []


async def test_call_that_is_closed_takes_no_event_and_sends_nothing(impl):
    cycle = make_cycle(impl, [EVENT])
    receive, send = await start(impl, cycle, None)
    for call in (receive(), send({"type": "test"})):
        call.close()
        with pytest.raises(RuntimeError, match="cannot reuse already awaited coroutine"):
            await call
    assert cycle.events == [EVENT]
    assert cycle.handled == []


async def test_task_that_is_cancelled_before_its_first_step_takes_no_event(impl):
    cycle = make_cycle(impl, [EVENT])
    receive, send = await start(impl, cycle, None)
    for call in (receive(), send({"type": "test"})):
        task = asyncio.create_task(call)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert cycle.events == [EVENT]
    assert cycle.handled == []


async def test_calls_from_another_thread_act_in_the_thread_of_the_loop(impl):
    cycle = make_cycle(impl, [EVENT])
    receive, send = await start(impl, cycle, None)
    threads = []
    loop = asyncio.get_running_loop()

    def call_both():
        threads.append(asyncio.run_coroutine_threadsafe(receive(), loop).result(10))
        asyncio.run_coroutine_threadsafe(send({"type": "test"}), loop).result(10)

    await asyncio.to_thread(call_both)
    assert threads == [EVENT]
    assert cycle.handled == [{"type": "test"}]


async def test_awaited_calls_act_in_the_order_of_their_awaiting(impl):
    cycle = make_cycle(impl, [EVENT, {"type": "test.second"}])
    receive, send = await start(impl, cycle, None)
    first, second = receive(), receive()
    assert await second == EVENT
    assert await first == {"type": "test.second"}
    later, sooner = send({"type": "b"}), send({"type": "a"})
    assert await sooner is None
    assert await later is None
    assert cycle.handled == [{"type": "a"}, {"type": "b"}]


async def test_call_cannot_be_awaited_twice(impl):
    cycle = make_cycle(impl, [EVENT, EVENT])
    receive, send = await start(impl, cycle, None)
    for call in (receive(), send({"type": "test"})):
        await call
        with pytest.raises(RuntimeError, match="cannot reuse already awaited coroutine"):
            await call
    assert cycle.events == [EVENT]
    assert cycle.handled == [{"type": "test"}]


# Coroutines to everybody who asks ---------------------------------------------------------------


async def test_calls_are_coroutines_to_inspect_and_asyncio(impl):
    cycle = make_cycle(impl, [EVENT])
    receive, send = await start(impl, cycle, None)
    for call in (receive(), send({"type": "test"})):
        assert inspect.iscoroutine(call)
        assert inspect.isawaitable(call)
        assert asyncio.iscoroutine(call)
        assert isinstance(call, CoroutineType)
        for name in ("cr_await", "cr_code", "cr_frame", "cr_origin", "cr_running"):
            assert hasattr(call, name)
        assert call.__name__ in ("receive", "send")
        await call


async def test_calls_tell_their_state(impl):
    cycle = make_cycle(impl, is_full=True)
    receive, send = await start(impl, cycle, None)
    for call in (receive(), send({"type": "test"})):
        assert state_of(call) == inspect.CORO_CREATED
        task = asyncio.create_task(call)
        await asyncio.sleep(0)
        assert state_of(call) == inspect.CORO_SUSPENDED
        assert inspect.getcoroutinestate(call) == inspect.CORO_SUSPENDED
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert state_of(call) == inspect.CORO_CLOSED
        assert inspect.getcoroutinestate(call) == inspect.CORO_CLOSED


def state_of(call):
    """What Python 3.15 asks a coroutine for, of earlier ones what they can tell."""
    return call.cr_state if hasattr(call, "cr_state") else inspect.getcoroutinestate(call)


async def test_calls_run_in_tasks_of_asyncio_and_anyio(impl):
    cycle = make_cycle(impl, [EVENT] * 5)
    receive, send = await start(impl, cycle, None)
    assert await asyncio.create_task(receive()) == EVENT
    assert await asyncio.wait_for(receive(), 60) == EVENT
    assert await asyncio.gather(receive(), send(1)) == [EVENT, None]
    async with anyio.create_task_group() as group:
        group.start_soon(receive)
        group.start_soon(send, 2)
    with anyio.fail_after(60):
        assert await receive() == EVENT
    assert cycle.handled == [1, 2]


async def test_task_group_cancels_calls_that_wait(impl):
    cycle = make_cycle(impl, is_full=True)
    receive, send = await start(impl, cycle, None)
    async with anyio.create_task_group() as group:
        group.start_soon(receive)
        group.start_soon(send, 1)
        await asyncio.sleep(0)
        group.cancel_scope.cancel()
    cycle.is_full = False
    cycle.give(EVENT)
    assert await receive() == EVENT
    assert cycle.handled == []


async def test_send_raises_when_it_is_awaited(impl):
    cycle = make_cycle(impl)
    _, send = await start(impl, cycle, None)
    call = send(KeyError("a"))
    with pytest.raises(KeyError):
        await call
    task = asyncio.create_task(send(KeyError("a")))
    with pytest.raises(KeyError):
        await task


# What ends an application does not end the server -----------------------------------------------


def raising(error):
    """Applications that raise *error*: in the call, at once, after a wait, on being cancelled."""

    def in_the_call(scope, receive, send):
        raise error

    async def at_once(scope, receive, send):
        raise error

    async def after_a_wait(scope, receive, send):
        await asyncio.sleep(0)
        raise error

    async def in_a_callback_of_the_cycle(scope, receive, send):
        await receive()
        raise error

    return in_the_call, at_once, after_a_wait, in_a_callback_of_the_cycle


# Classes: an exception that is raised keeps the frames of its test.
ERRORS = [SystemExit, KeyboardInterrupt, GeneratorExit, asyncio.CancelledError, Panic]


@pytest.fixture(params=["asyncio", "uvloop"])
def new_loop(request):
    """Makes an event loop of each kind."""
    if request.param == "asyncio":
        return asyncio.new_event_loop
    return pytest.importorskip("uvloop").new_event_loop


@pytest.fixture
def handles_sigint():
    """SIGINT has a handler, as it has while a server serves."""
    before = signal.signal(signal.SIGINT, lambda number, frame: None)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("handles_sigint")
@pytest.mark.parametrize("is_eager", [True, False], ids=["eager", "by a task factory"])
@pytest.mark.parametrize("error", ERRORS)
def test_application_may_raise_whatever_it_likes(impl, new_loop, error, is_eager):
    async def run_all():
        loop = asyncio.get_running_loop()
        if not is_eager:
            loop.set_task_factory(lambda loop, call, **rest: asyncio.Task(call, loop=loop, **rest))
        ends = []
        for app in raising(error):
            cycle = make_cycle(impl)
            cycle.start(app, impl.cycle.TaskStarter(loop, contextvars.copy_context()))
            for _ in range(5):
                await asyncio.sleep(0)
            if not cycle.ends:
                cycle.give(EVENT)
            for _ in range(5):
                await asyncio.sleep(0)
            ends += cycle.ends
        return ends

    with asyncio.Runner(loop_factory=new_loop) as runner:
        ends = runner.run(run_all())
    assert len(ends) == 4
    for end in ends:
        assert type(end.__cause__ if isinstance(end, AppExit) else end) is error


@pytest.mark.usefixtures("handles_sigint")
async def test_application_may_exit_when_it_is_cancelled(impl):
    cycle = make_cycle(impl)

    async def exit_at_the_end(scope, receive, send):
        try:
            await receive()
        finally:
            raise SystemExit(1)

    await start(impl, cycle, exit_at_the_end)
    cycle.kept.cancel()
    await asyncio.wait([cycle.kept])
    await asyncio.sleep(0)
    assert isinstance(cycle.ends[0], AppExit)


def raise_interrupt(number, frame):
    raise KeyboardInterrupt


@pytest.mark.skipif(
    threading.current_thread() is not threading.main_thread(), reason="signals come there alone"
)
@pytest.mark.parametrize("handler", [signal.default_int_handler, raise_interrupt])
@pytest.mark.parametrize("waits", [False, True])
def test_signal_that_a_program_handles_goes_through_the_application(impl, handler, waits):
    async def app(scope, receive, send):
        if waits:
            await asyncio.sleep(0)
        signal.raise_signal(signal.SIGINT)

    async def serve():
        signal.signal(signal.SIGINT, handler)
        cycle = make_cycle(impl)
        tasks = impl.cycle.TaskStarter(asyncio.get_running_loop(), contextvars.copy_context())
        cycle.start(app, tasks)
        await asyncio.sleep(60)

    before = signal.getsignal(signal.SIGINT)
    try:
        with pytest.raises(KeyboardInterrupt):
            asyncio.run(serve())
    finally:
        signal.signal(signal.SIGINT, before)


async def test_task_of_an_application_is_known_by_its_name(impl):
    cycle = make_cycle(impl)

    async def an_application(scope, receive, send):
        await receive()

    tasks = impl.cycle.TaskStarter(asyncio.get_running_loop(), contextvars.copy_context())
    cycle.start(an_application, tasks)
    await asyncio.sleep(0)
    coroutine = cycle.kept.get_coro()
    assert coroutine.__qualname__.endswith("an_application")
    assert inspect.iscoroutine(coroutine)
    assert inspect.getcoroutinestate(coroutine) == inspect.CORO_SUSPENDED
    assert cycle.kept.get_stack()
    cycle.give(EVENT)
    await asyncio.wait([cycle.kept])
