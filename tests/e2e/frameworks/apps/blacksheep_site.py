"""A BlackSheep application as BlackSheep's documentation writes them."""

import asyncio
import hashlib
from collections.abc import AsyncIterable
from dataclasses import dataclass

from blacksheep import (
    Application,
    FileBuffer,
    FromForm,
    FromJSON,
    Request,
    Response,
    StreamedContent,
    WebSocket,
    WebSocketDisconnectError,
    accepted,
    created,
    get,
    json,
    post,
    text,
    ws,
)
from blacksheep.server.sse import ServerSentEvent
from site_events import end_when_told, note

app = Application()
tasks = set()


@app.on_start
async def start(app: Application) -> None:
    note("started")


@app.on_stop
async def stop(app: Application) -> None:
    note("stopped")


@dataclass
class Item:
    name: str
    price: float


@dataclass
class UploadForm:
    note: str
    file: FileBuffer


@get("/items/{item_id}")
async def read_item(item_id: int, q: str = "") -> Response:
    return json({"item_id": item_id, "q": q})


@post("/items")
async def create_item(data: FromJSON[Item]) -> Response:
    return created({"name": data.value.name, "price": data.value.price})


@post("/upload")
async def upload(data: FromForm[UploadForm]) -> Response:
    form = data.value
    content = form.file.read()
    sha256 = hashlib.sha256(content).hexdigest()
    values = {"name": form.file.file_name, "note": form.note}
    return json({**values, "bytes": len(content), "sha256": sha256})


@post("/digest")
async def digest_stream(request: Request) -> Response:
    digest, size = hashlib.sha256(), 0
    async for chunk in request.stream():
        digest.update(chunk)
        size += len(chunk)
    return json({"bytes": size, "sha256": digest.hexdigest()})


@get("/count")
async def count() -> Response:
    async def numbers():
        for number in range(100):
            yield f"{number}\n".encode()

    return Response(200, content=StreamedContent(b"text/plain", numbers))


@get("/poll")
async def poll_for_disconnect(request: Request) -> Response:
    note("working")
    while not await request.is_disconnected():  # noqa: ASYNC110 - there is nothing to await
        await asyncio.sleep(0.01)
    note("is_disconnected")
    return text("to nobody")


@get("/events")
async def send_events(request: Request) -> AsyncIterable[ServerSentEvent]:
    number = 0
    while True:
        if await request.is_disconnected():
            break
        yield ServerSentEvent({"number": number})
        number += 1
        await asyncio.sleep(0.01)
    note("events ended")


@post("/work")
async def work(name: str) -> Response:
    task = asyncio.create_task(end_when_told(name))
    tasks.add(task)
    task.add_done_callback(tasks.discard)
    return accepted("queued")


@ws("/echo")
async def echo(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        while True:
            message = await websocket.receive()
            if message.get("text") is not None:
                await websocket.send_text(message["text"])
            else:
                await websocket.send_bytes(message["bytes"])
    except WebSocketDisconnectError as end:
        note(f"websocket ended with {end.code}")
