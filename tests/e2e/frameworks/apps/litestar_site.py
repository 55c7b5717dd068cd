"""A Litestar application as Litestar's documentation writes them."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any

from litestar import Litestar, MediaType, Request, Response, WebSocket, get, post, websocket
from litestar.background_tasks import BackgroundTask
from litestar.datastructures import State, UploadFile
from litestar.di import Provide
from litestar.enums import RequestEncodingType
from litestar.handlers import websocket_listener
from litestar.params import Body
from litestar.response import ServerSentEvent, Stream
from site_events import end_when_told, note


@asynccontextmanager
async def lifespan(app: Litestar) -> AsyncGenerator[None, None]:
    app.state.greeting = "hello from lifespan"
    note("started")
    yield
    note("stopped")


@dataclass
class Item:
    name: str
    price: float


class TeapotError(Exception):
    """Answered by a handler of its own."""


def answer_as_teapot(request: Request, error: TeapotError) -> Response:
    return Response({"message": "short and stout"}, status_code=418)


async def open_session() -> AsyncGenerator[str, None]:
    yield "a session"
    note("session closed")


@get("/items/{item_id:int}")
async def read_item(item_id: int, q: str | None = None) -> dict[str, object]:
    return {"item_id": item_id, "q": q}


@post("/items")
async def create_item(data: Item) -> Item:
    return data


@get("/sync-items/{item_id:int}", sync_to_thread=True)
def read_item_in_a_thread(item_id: int) -> dict[str, int]:
    return {"item_id": item_id}


@dataclass
class UploadForm:
    file: UploadFile
    note: str


@post("/upload")
async def upload(
    data: Annotated[UploadForm, Body(media_type=RequestEncodingType.MULTI_PART)],
) -> dict[str, object]:
    content = await data.file.read()
    sha256 = hashlib.sha256(content).hexdigest()
    values = {"name": data.file.filename, "note": data.note}
    return {**values, "bytes": len(content), "sha256": sha256}


@post("/login")
async def login(
    data: Annotated[dict[str, str], Body(media_type=RequestEncodingType.URL_ENCODED)],
) -> dict[str, str]:
    return data


async def count() -> AsyncGenerator[str, None]:
    for number in range(100):
        yield f"{number}\n"


@get("/count")
async def stream() -> Stream:
    return Stream(count)


async def count_for_ever() -> AsyncGenerator[int, None]:
    number = 0
    try:
        while True:
            yield number
            number += 1
            await asyncio.sleep(0.01)
    finally:
        note("events ended")


@get("/events")
async def events() -> ServerSentEvent:
    return ServerSentEvent(count_for_ever())


@get("/ticks")
async def tick_for_ever() -> Stream:
    async def ticks() -> AsyncGenerator[str, None]:
        try:
            while True:
                yield "tick\n"
                await asyncio.sleep(0.01)
        finally:
            note("ticks ended")

    return Stream(ticks)


@post("/work", status_code=202, media_type=MediaType.TEXT)
async def work(name: str) -> Response[str]:
    return Response("queued", background=BackgroundTask(end_when_told, name))


@get("/with-session", dependencies={"session": Provide(open_session)})
async def use_session(session: str) -> dict[str, str]:
    return {"session": session}


@get("/state")
async def read_state(state: State) -> dict[str, str]:
    return {"greeting": state.greeting}


@get("/teapot")
async def brew() -> None:
    raise TeapotError


@get("/crash")
async def crash() -> None:
    raise RuntimeError("broken on purpose")


@websocket_listener("/prices")
async def raise_price(data: dict[str, Any]) -> dict[str, Any]:
    return {**data, "price": data["price"] * 2}


@websocket("/rooms/{room:str}")
async def talk(socket: WebSocket, room: str, state: State) -> None:
    await socket.accept(headers={"x-room": room, "x-greeting": state.greeting})
    async for data in socket.iter_data("binary"):
        await socket.send_data(data[::-1], "binary")
    note(f"{room} has ended")


app = Litestar(
    [
        read_item,
        create_item,
        read_item_in_a_thread,
        upload,
        login,
        stream,
        events,
        tick_for_ever,
        work,
        use_session,
        read_state,
        brew,
        crash,
        raise_price,
        talk,
    ],
    lifespan=[lifespan],
    exception_handlers={TeapotError: answer_as_teapot},
)
