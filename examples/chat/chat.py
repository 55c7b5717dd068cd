"""A WebSocket chat across any number of servers: each message goes through Redis.

pip install asgiserve starlette redis
REDIS_URL=redis://127.0.0.1:6379 asgiserve chat:app --port 8001
REDIS_URL=redis://127.0.0.1:6379 asgiserve chat:app --port 8002
"""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator

from redis import asyncio as redis
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

REDIS_URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")
CHANNEL = "chat"
# Messages that wait for a slow member; a member further behind is disconnected.
MAX_UNREAD = 100
TRY_AGAIN_LATER = 1013


class Room:
    """The members on this server."""

    def __init__(self) -> None:
        self._unread: dict[WebSocket, asyncio.Queue[str | None]] = {}

    async def serve(self, socket: WebSocket, connection: redis.Redis) -> None:
        """Serve *socket* until it disconnects."""
        await socket.accept()
        unread = self._unread[socket] = asyncio.Queue(MAX_UNREAD)
        writer = asyncio.create_task(self._write(socket, unread))
        try:
            while True:
                await connection.publish(CHANNEL, await socket.receive_text())
        except WebSocketDisconnect:
            pass  # it left, or its server stops: the page reconnects to another server
        finally:
            del self._unread[socket]
            writer.cancel()

    def tell_all(self, text: str) -> None:
        """Queue *text* for every member; a slow one delays nobody."""
        for unread in self._unread.values():
            if unread.full():
                while not unread.empty():
                    unread.get_nowait()
                unread.put_nowait(None)
            else:
                unread.put_nowait(text)

    async def _write(self, socket: WebSocket, unread: asyncio.Queue[str | None]) -> None:
        with contextlib.suppress(OSError, WebSocketDisconnect):
            while (text := await unread.get()) is not None:
                await socket.send_text(text)
            await socket.close(TRY_AGAIN_LATER, "too slow")


async def relay(connection: redis.Redis, room: Room, is_listening: asyncio.Event) -> None:
    """Pass messages from all servers to the members of this one; retry if Redis fails."""
    while True:
        with contextlib.suppress(redis.ConnectionError):
            async with connection.pubsub() as channel:
                await channel.subscribe(CHANNEL)
                is_listening.set()
                async for message in channel.listen():
                    if message["type"] == "message":
                        room.tell_all(message["data"])
        await asyncio.sleep(1)


@contextlib.asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[dict[str, object]]:
    """Connect to Redis; a server without it does not start."""
    room = Room()
    is_listening = asyncio.Event()
    async with redis.from_url(REDIS_URL, decode_responses=True) as connection:
        await connection.ping()
        relaying = asyncio.create_task(relay(connection, room, is_listening))
        await is_listening.wait()
        yield {"room": room, "redis": connection}
        relaying.cancel()


async def chat(socket: WebSocket) -> None:
    """One member."""
    await socket.state.room.serve(socket, socket.state.redis)


app = Starlette(routes=[WebSocketRoute("/chat", chat)], lifespan=lifespan)
