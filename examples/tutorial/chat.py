"""A chat: everyone who has the page open reads what the others write."""

import asyncio
from contextlib import suppress
from pathlib import Path

from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from fastapi.responses import FileResponse

PAGE = Path(__file__).with_name("chat.html")
# Messages that wait for a slow member; any more are dropped for that member.
MAX_UNREAD = 100

app = FastAPI()
# One queue for each member: messages not sent yet.
members: set[asyncio.Queue[str]] = set()


def tell_all(text: str) -> None:
    """Queue *text* for every member; a slow one delays nobody."""
    for unread in members:
        if not unread.full():
            unread.put_nowait(text)


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
            tell_all(text)
    finally:
        members.discard(unread)
        sender.cancel()
