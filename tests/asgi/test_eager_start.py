"""Whether a task runs up to its first wait before the call that starts it returns."""

from __future__ import annotations

import asyncio
import contextvars
import sys
from types import SimpleNamespace

import pytest

needs_eager_tasks = pytest.mark.skipif(
    sys.version_info < (3, 12), reason="tasks start eagerly from Python 3.12 on"
)


async def is_begun_at_once(impl: SimpleNamespace) -> bool:
    begun: list[bool] = []

    async def begin() -> None:
        begun.append(True)

    loop = asyncio.get_running_loop()
    task = impl.cycle.TaskStarter(loop, contextvars.copy_context()).start(begin())
    is_begun = bool(begun)
    await task
    return is_begun


@needs_eager_tasks
async def test_task_begins_at_once(impl: SimpleNamespace) -> None:
    assert await is_begun_at_once(impl)


async def test_task_begins_later_with_a_factory_of_the_host_program(impl: SimpleNamespace) -> None:
    loop = asyncio.get_running_loop()
    loop.set_task_factory(lambda loop, call, **options: asyncio.Task(call, loop=loop, **options))
    try:
        assert not await is_begun_at_once(impl)
    finally:
        loop.set_task_factory(None)


async def test_task_begins_later_where_event_loops_nest(
    impl: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asyncio, "_nest_patched", True, raising=False)
    assert not await is_begun_at_once(impl)
