"""A FastAPI application to be measured by ``asgiserve bench``: its requests cost a known time."""

import asyncio
import contextvars
import time

import anyio
from fastapi import FastAPI, Request
from starlette.middleware.base import BaseHTTPMiddleware

# CPU time of one request; the server's own is far below it, even in the pure column.
BURN_US = 3000

setting = contextvars.ContextVar("setting", default="")


def burn(us=BURN_US):
    end_ns = time.thread_time_ns() + us * 1000
    while time.thread_time_ns() < end_ns:
        pass


class Middleware(BaseHTTPMiddleware):
    """Runs what is within it in a task of anyio's."""

    async def dispatch(self, request, call_next):
        setting.set("by middleware")
        return await call_next(request)


app = FastAPI()
app.add_middleware(Middleware)


@app.get("/threads")
def burn_in_thread():
    burn()
    return {}


@app.get("/stuck")
def block_thread():
    time.sleep(60)


@app.get("/tasks")
async def burn_in_tasks():
    """Has all that a task could lose on the way; what is missing is a 500."""
    task = asyncio.current_task()
    assert task is not None
    assert task.get_loop() is asyncio.get_running_loop()
    assert setting.get() == "by middleware"

    async def work():
        assert asyncio.current_task() is not task
        assert setting.get() == "by middleware"
        burn(BURN_US // 3)
        await asyncio.sleep(0)

    async with asyncio.timeout(10):
        await asyncio.create_task(work())
        await asyncio.gather(work())
    async with anyio.create_task_group() as group:
        group.start_soon(work)
    with anyio.move_on_after(0.001) as scope:
        await anyio.sleep_forever()
    assert scope.cancelled_caught
    return {}


@app.post("/echo")
async def echo(request: Request):
    return {"bytes": len(await request.body()), "json": await request.json()}
