"""A FastAPI application as FastAPI's documentation writes them."""

import asyncio
import hashlib
from collections.abc import AsyncIterable
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import (
    BackgroundTasks,
    Depends,
    FastAPI,
    File,
    Form,
    HTTPException,
    Request,
    UploadFile,
    WebSocket,
    WebSocketDisconnect,
    WebSocketException,
)
from fastapi.responses import JSONResponse, PlainTextResponse, StreamingResponse
from fastapi.sse import EventSourceResponse
from pydantic import BaseModel
from site_events import end_when_told, note


@asynccontextmanager
async def lifespan(app):
    note("started")
    yield {"greeting": "hello from lifespan"}
    note("stopped")


app = FastAPI(lifespan=lifespan)


class Item(BaseModel):
    name: str
    price: float


class TeapotError(Exception):
    pass


@app.exception_handler(TeapotError)
async def answer_as_teapot(request, error):
    return JSONResponse({"message": "short and stout"}, status_code=418)


async def session():
    try:
        yield "a session"
    finally:
        note("session closed")


@app.get("/items/{item_id}")
async def read_item(item_id: int, q: str | None = None):
    return {"item_id": item_id, "q": q}


@app.post("/items", status_code=201)
async def create_item(item: Item) -> Item:
    return item


@app.get("/sync-items/{item_id}")
def read_item_in_a_thread(item_id: int):
    return {"item_id": item_id}


@app.post("/upload")
async def upload(
    file: Annotated[UploadFile, File()], note: Annotated[str, Form()]
) -> dict[str, object]:
    content = await file.read()
    sha256 = hashlib.sha256(content).hexdigest()
    return {"name": file.filename, "note": note, "bytes": len(content), "sha256": sha256}


@app.post("/login")
async def login(username: Annotated[str, Form()], password: Annotated[str, Form()]):
    return {"username": username, "password": password}


async def count():
    for number in range(100):
        yield f"{number}\n"
        if number % 10 == 0:
            await asyncio.sleep(0)


@app.get("/count")
async def stream():
    return StreamingResponse(count(), media_type="text/plain")


@app.get("/count-from-a-thread")
def stream_from_a_thread():
    return StreamingResponse((f"{number}\n" for number in range(100)), media_type="text/plain")


@app.get("/ticks")
async def tick_for_ever():
    async def ticks():
        try:
            while True:
                yield "tick\n"
                await asyncio.sleep(0.01)
        finally:
            note("ticks ended")

    return StreamingResponse(ticks(), media_type="text/plain")


@app.get("/poll")
async def poll_for_disconnect(request: Request):
    note("working")
    while not await request.is_disconnected():  # noqa: ASYNC110 - there is nothing to await
        await asyncio.sleep(0.01)
    note("is_disconnected")


@app.get("/events", response_class=EventSourceResponse)
async def send_events() -> AsyncIterable[int]:
    number = 0
    try:
        while True:
            yield number
            number += 1
            await asyncio.sleep(0.01)
    finally:
        note("events ended")


@app.post("/work", status_code=202, response_class=PlainTextResponse)
async def work(name: str, tasks: BackgroundTasks):
    tasks.add_task(end_when_told, name)
    return "queued"


@app.get("/with-session")
async def use_session(session: Annotated[str, Depends(session)]):
    return {"session": session}


@app.get("/state")
async def read_state(request: Request):
    return {"greeting": request.state.greeting}


@app.get("/teapot")
async def brew():
    raise TeapotError


@app.get("/missing")
async def miss():
    raise HTTPException(status_code=404, detail="no such thing", headers={"x-reason": "missing"})


@app.get("/crash")
async def crash():
    raise RuntimeError("broken on purpose")


@app.websocket("/rooms/{room}")
async def talk(
    websocket: WebSocket, room: str, size: int, session: Annotated[str, Depends(session)]
):
    if size > 100:
        raise WebSocketException(1008, "too many people")
    await websocket.accept()
    try:
        while (text := await websocket.receive_text()) != "fire":
            answer = {"room": room, "size": size, "session": session, "text": text}
            await websocket.send_json({**answer, "greeting": websocket.state.greeting})
        raise WebSocketException(1008, "leave the building")
    except WebSocketDisconnect as end:
        note(f"{room} ended with {end.code} {end.reason}")
