"""Whose time it is: steps of an application on a clock that a test moves."""

from __future__ import annotations

import asyncio
import inspect
from contextvars import copy_context

import pytest

from asgiserve.cli.bench.timing import (
    TIMED_BY,
    AppClock,
    CpuReading,
    Shares,
    TimedApp,
    TimedCoroutine,
    make_task_factory,
    read_queued_ns,
    share_of,
)

SCOPE = {"type": "http"}


class ManualClock:
    """A clock that only moves when it is told to."""

    def __init__(self):
        self.now_ns = 0

    def read_ns(self):
        return self.now_ns

    def spend(self, ns):
        self.now_ns += ns


class Suspend:
    """What waits for nothing but the next step."""

    def __await__(self):
        yield


@pytest.fixture
def manual():
    return ManualClock()


@pytest.fixture
def clock(manual):
    return AppClock(manual.read_ns)


def call_timed(app, clock, receive=None, send=None):
    """A call of *app* that is timed."""
    timed = TimedApp(app, clock)
    timed.fraction = 1.0
    return timed(SCOPE, receive, send)


@pytest.fixture
def step():
    """Run a call to its next suspension, in a context as a task has one; True when it has ended."""
    context = copy_context()

    def step(call):
        try:
            context.run(call.send, None)
        except StopIteration:
            return True
        return False

    return step


def test_time_between_the_steps_of_an_application_is_not_its_own(clock, manual, step):
    async def app(scope, receive, send):
        manual.spend(10)
        await Suspend()
        manual.spend(5)

    call = call_timed(app, clock)
    manual.spend(1000)
    assert not step(call)
    manual.spend(1000)
    assert step(call)
    assert clock.app_ns == 15


def test_time_within_receive_and_send_is_the_servers(clock, manual, step):
    async def respond(scope, receive, send):
        manual.spend(1)
        await receive()
        manual.spend(2)
        await send({})
        manual.spend(4)

    async def receive():
        manual.spend(100)
        await Suspend()
        manual.spend(100)

    async def send(message):
        manual.spend(100)

    call = call_timed(respond, clock, receive, send)
    assert not step(call)
    assert step(call)
    assert clock.app_ns == 7


def test_server_work_before_receive_waits_is_the_servers(clock, manual, step):
    def receive():
        manual.spend(100)
        return Suspend()

    async def app(scope, receive, send):
        manual.spend(3)
        await receive()

    call = call_timed(app, clock, receive)
    assert not step(call)
    assert step(call)
    assert clock.app_ns == 3


def test_calling_a_plain_callable_is_the_applications_time(clock, manual, step):
    async def respond():
        manual.spend(1)

    def app(scope, receive, send):
        manual.spend(6)
        return respond()

    assert step(call_timed(app, clock))
    assert clock.app_ns == 7


def test_awaitable_that_is_no_coroutine_is_timed(clock, manual, step):
    class Instance:
        def __await__(self):
            manual.spend(8)
            yield
            manual.spend(1)

    call = call_timed(lambda *_: Instance(), clock)
    assert not step(call)
    assert step(call)
    assert clock.app_ns == 9


def test_exception_thrown_into_an_application_reaches_it_and_is_timed(clock, manual, step):
    async def app(scope, receive, send):
        try:
            await Suspend()
        except asyncio.CancelledError:
            manual.spend(20)
            raise

    call = call_timed(app, clock)
    step(call)
    with pytest.raises(asyncio.CancelledError):
        call.throw(asyncio.CancelledError())
    assert clock.app_ns == 20


def test_steps_within_steps_count_once(clock, manual, step):
    async def inner():
        manual.spend(10)

    async def app(scope, receive, send):
        manual.spend(1)
        # As an eager task factory does.
        with pytest.raises(StopIteration):
            TimedCoroutine(inner(), clock, is_app=True).send(None)
        manual.spend(1)

    assert step(call_timed(app, clock))
    assert clock.app_ns == 12


def test_clock_takes_its_own_cost_off():
    class CostlyClock(ManualClock):
        def read_ns(self):
            self.now_ns += 50
            return self.now_ns

    manual = CostlyClock()
    clock = AppClock(manual.read_ns)
    clock.calibrate()
    clock.switch(True)
    manual.spend(1000)
    clock.switch(False)
    assert clock.app_ns == pytest.approx(1000, abs=2)
    assert clock.clock_ns == pytest.approx(100, abs=2)


def test_coroutine_shows_the_state_of_the_one_within(clock, step):
    async def wait():
        await Suspend()

    call = TimedCoroutine(wait(), clock, is_app=True)
    assert asyncio.iscoroutine(call)
    assert inspect.getcoroutinestate(call) == inspect.CORO_CREATED
    step(call)
    assert inspect.getcoroutinestate(call) == inspect.CORO_SUSPENDED
    call.close()
    assert inspect.getcoroutinestate(call) == inspect.CORO_CLOSED


async def test_tasks_of_a_timed_request_are_the_applications_and_others_are_not(clock, manual):
    loop = asyncio.get_running_loop()
    seen = []

    async def work(ns):
        seen.append(asyncio.current_task())
        manual.spend(ns)
        await asyncio.sleep(0)
        manual.spend(ns)
        return ns

    async def app(scope, receive, send):
        async with asyncio.timeout(10), asyncio.TaskGroup() as group:
            group.create_task(work(100))

    stranger = loop.create_task(work(1_000_000))
    timed = TimedApp(app, clock)
    timed.begin(loop, 1.0)
    try:
        task = loop.create_task(timed(SCOPE, None, None))
        other = loop.create_task(work(10_000))
        assert await asyncio.gather(task, other, stranger) == [None, 10_000, 1_000_000]
    finally:
        timed.end(loop)
    assert clock.app_ns == 200
    assert len(set(seen)) == 3
    assert loop.get_task_factory() is None
    assert TIMED_BY.get(None) is None


async def test_task_factory_of_the_application_goes_on_to_make_tasks(clock):
    made = []

    def make(loop, call, **options):
        made.append(call)
        return asyncio.Task(call, loop=loop, **options)

    async def work():
        return 7

    factory = make_task_factory(make)
    TIMED_BY.set(clock)
    task = factory(asyncio.get_running_loop(), work(), name="a name")
    assert await task == 7
    assert task.get_name() == "a name"
    assert isinstance(made[0], TimedCoroutine)


def test_application_is_called_as_it_is_while_nothing_is_timed(clock, manual):
    received = []

    def app(*arguments):
        received.append(arguments)

    timed = TimedApp(app, clock)
    timed(SCOPE, "receive", "send")
    assert timed.read().calls == 1
    timed.fraction = 1.0
    timed({"type": "lifespan"}, "receive", "send")
    assert received == [
        (SCOPE, "receive", "send"),
        ({"type": "lifespan"}, "receive", "send"),
    ]
    assert timed.read().timed_calls == 0


def test_only_a_fraction_of_the_calls_is_timed(clock, monkeypatch, step):
    chances = iter([0.1, 0.9, 0.4, 0.5])
    monkeypatch.setattr("asgiserve.cli.bench.timing.random.random", lambda: next(chances))

    async def app(scope, receive, send):
        pass

    timed = TimedApp(app, clock)
    timed.fraction = 0.5
    for _ in range(4):
        step(timed(SCOPE, None, None))
    reading = timed.read()
    assert (reading.calls, reading.timed_calls) == (4, 2)


@pytest.mark.parametrize(
    ("passed", "shares"),
    [
        # All calls timed, one thread.
        (CpuReading(5000, 0, 1000, 1000, 400, 0, 10, 10), Shares(0.4, 0.0)),
        # One call of two timed.
        (CpuReading(5000, 0, 1000, 1000, 200, 0, 10, 5), Shares(0.4, 0.0)),
        # Half of the time in other threads.
        (CpuReading(5000, 0, 1000, 500, 100, 0, 10, 10), Shares(0.6, 0.5)),
        # What the clock has taken is nobody's.
        (CpuReading(5000, 0, 1000, 1000, 400, 200, 10, 10), Shares(0.5, 0.0)),
        # Clocks are not exact.
        (CpuReading(5000, 0, 1000, 1010, 1020, 0, 10, 10), Shares(1.0, 0.0)),
        (CpuReading(5000, 0, 1000, 1000, -5, 0, 10, 10), Shares(0.0, 0.0)),
        # Nothing to tell.
        (CpuReading(5000, 0, 1000, 1000, 0, 0, 10, 0), None),
        (CpuReading(5000, 0, 0, 0, 0, 0, 0, 0), None),
    ],
)
def test_shares_add_up_loop_and_threads(passed, shares):
    assert share_of(passed) == (shares and pytest.approx(shares))


def test_reading_since_another_is_the_difference():
    assert CpuReading(9, 8, 7, 6, 5, 4, 3, 2).since(CpuReading(*[1] * 8)) == (
        8,
        7,
        6,
        5,
        4,
        3,
        2,
        1,
    )


@pytest.mark.parametrize(
    ("content", "queued_ns"), [("110156 1981145 2\n", 1981145), ("", 0), ("a b c", 0), (None, 0)]
)
def test_wait_for_a_cpu_is_what_the_kernel_says(tmp_path, content, queued_ns):
    path = tmp_path / "schedstat"
    if content is not None:
        path.write_text(content)
    assert read_queued_ns(str(path)) == queued_ns
