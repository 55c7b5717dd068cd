"""A Socket.IO server as python-socketio's documentation writes them, with a chat room."""

import asyncio

import socketio
from site_events import end_when_told, note

server = socketio.AsyncServer(async_mode="asgi", ping_interval=0.1)
app = socketio.ASGIApp(
    server, on_startup=lambda: note("started"), on_shutdown=lambda: note("stopped")
)

ended = []


@server.event
async def connect(sid, environ, auth):
    if auth == {"token": "wrong"}:
        raise socketio.exceptions.ConnectionRefusedError("not you")
    await server.save_session(sid, {"name": auth["token"]})
    await server.enter_room(sid, "chat")


@server.event
async def say(sid, text):
    """Tell the room, and acknowledge."""
    session = await server.get_session(sid)
    await server.emit("said", {"by": session["name"], "text": text}, room="chat")
    return f"told {len(text)} letters"


@server.event
async def double(sid, data):
    return data + data


@server.event
async def count(sid, end):
    for number in range(end):
        await server.emit("number", number, to=sid)
        await asyncio.sleep(0)


@server.event
async def disconnect(sid, reason):
    ended.append((await server.get_session(sid))["name"])


@server.event
async def begin_work(sid, name):
    async def work():
        await end_when_told(name)
        await server.emit("worked", name, to=sid)

    server.start_background_task(work)


@server.event
async def who_has_left(sid):
    return ended
