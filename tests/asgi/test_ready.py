"""Awaitables with nothing to wait for pass for coroutines wherever applications put them."""

from __future__ import annotations

import asyncio
import inspect

import anyio
import pytest

VALUES = [None, {"type": "http.request"}, (1, 2), ValueError("a value, not raised"), 0]


@pytest.mark.parametrize("value", VALUES, ids=repr)
async def test_ready_gives_its_value(impl, value):
    assert await impl.ready.Ready(value) is value
    assert await asyncio.create_task(impl.ready.Ready(value)) is value
    assert await asyncio.wait_for(impl.ready.Ready(value), 60) is value
    (gathered,) = await asyncio.gather(impl.ready.Ready(value))
    assert gathered is value


async def test_failed_raises_its_exception(impl):
    with pytest.raises(KeyError):
        await impl.ready.Failed(KeyError("a"))
    with pytest.raises(KeyError):
        await asyncio.create_task(impl.ready.Failed(KeyError("a")))
    with pytest.raises(KeyError):
        await asyncio.gather(impl.ready.Failed(KeyError("a")))


async def test_failed_raises_its_exception_once(impl):
    failed = impl.ready.Failed(KeyError("a"))
    with pytest.raises(KeyError):
        await failed
    for _ in range(2):
        with pytest.raises(RuntimeError, match="awaited twice"):
            await failed


async def test_ready_is_a_coroutine_to_asyncio_and_anyio(impl):
    ready = impl.ready.Ready(1)
    assert asyncio.iscoroutine(ready)
    assert inspect.getcoroutinestate(ready) == inspect.CORO_CLOSED
    async with anyio.create_task_group() as group:
        group.start_soon(impl.ready.Ready, 1)
        group.cancel_scope.cancel()


def test_ready_is_an_iterator_that_ends_at_once(impl):
    with pytest.raises(StopIteration) as caught:
        next(impl.ready.Ready(7))
    assert caught.value.value == 7
    with pytest.raises(StopIteration) as caught:
        impl.ready.Ready(8).send(None)
    assert caught.value.value == 8


def test_ready_raises_what_is_thrown_in(impl):
    with pytest.raises(KeyError):
        impl.ready.Ready(1).throw(KeyError("a"))
    impl.ready.Ready(1).close()
