"""A chat in any number of processes: each message goes through Redis to all of them."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from fastapi.responses import FileResponse
from redis import asyncio as redis

PAGE = Path(__file__).with_name("chat.html")
# Messages that wait for a slow member; any more are dropped for that member.
MAX_UNREAD = 100
CHANNEL = "chat"

broker = redis.from_url(os.environ.get("REDIS_URL", "redis://127.0.0.1"), decode_responses=True)
# One queue for each member in this process: messages not sent yet.
members: set[asyncio.Queue[str]] = set()


def tell_all(text: str) -> None:
    """Queue *text* for every member in this process; a slow one delays nobody."""
    for unread in members:
        if not unread.full():
            unread.put_nowait(text)


async def relay(channel: redis.client.PubSub) -> None:
    """Pass messages from all processes to the members of this one."""
    while True:
        try:
            async for message in channel.listen():
                if message["type"] == "message":
                    tell_all(message["data"])
        except redis.ConnectionError:
            await asyncio.sleep(1)  # the next listen() connects, and subscribes again


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Listen to Redis while the server runs; without Redis it does not start."""
    async with broker, broker.pubsub() as channel:
        await channel.subscribe(CHANNEL)
        relaying = asyncio.create_task(relay(channel))
        yield
        relaying.cancel()


app = FastAPI(lifespan=lifespan)


async def send_unread(socket: WebSocket, unread: asyncio.Queue[str]) -> None:
    """Send one member the messages as they arrive."""
    with suppress(WebSocketDisconnect):
        while True:
            await socket.send_text(await unread.get())


@app.get("/")
async def show_page() -> FileResponse:
    """Serve the page; it opens the WebSocket."""
    return FileResponse(PAGE)


@app.websocket("/chat")
async def chat(socket: WebSocket) -> None:
    """Serve one member until they leave."""
    unread: asyncio.Queue[str] = asyncio.Queue(MAX_UNREAD)
    members.add(unread)
    await socket.accept()
    sender = asyncio.create_task(send_unread(socket, unread))
    try:
        async for text in socket.iter_text():
            await broker.publish(CHANNEL, text)
    finally:
        members.discard(unread)
        sender.cancel()
