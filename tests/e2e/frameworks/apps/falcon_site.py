"""A Falcon ASGI application as Falcon's documentation writes them."""

import asyncio
import hashlib
from functools import partial

import falcon
import falcon.asgi
from falcon.asgi import SSEvent
from falcon.errors import WebSocketDisconnected
from site_events import end_when_told, note


class Lifespan:
    """Middleware, which Falcon tells of start and stop."""

    async def process_startup(self, scope, event):
        note("started")

    async def process_shutdown(self, scope, event):
        note("stopped")


class Item:
    async def on_get(self, req, resp, item_id):
        resp.media = {"item_id": item_id, "q": req.get_param("q")}


class Items:
    async def on_post(self, req, resp):
        resp.media = await req.get_media()
        resp.status = falcon.HTTP_CREATED


class Upload:
    async def on_post(self, req, resp):
        values = {}
        async for part in await req.get_media():
            if part.name == "note":
                values["note"] = await part.text
                continue
            digest, size = hashlib.sha256(), 0
            async for chunk in part.stream:
                digest.update(chunk)
                size += len(chunk)
            values |= {"name": part.filename, "bytes": size, "sha256": digest.hexdigest()}
        resp.media = values


class Digest:
    async def on_post(self, req, resp):
        digest, size = hashlib.sha256(), 0
        async for chunk in req.stream:
            digest.update(chunk)
            size += len(chunk)
        resp.media = {"bytes": size, "sha256": digest.hexdigest()}


class Count:
    async def on_get(self, req, resp):
        async def numbers():
            for number in range(100):
                yield f"{number}\n".encode()

        resp.content_type = falcon.MEDIA_TEXT
        resp.stream = numbers()


class Work:
    async def on_post(self, req, resp):
        resp.schedule(partial(end_when_told, req.get_param("name", required=True)))
        resp.status = falcon.HTTP_ACCEPTED
        resp.text = "queued"


class Events:
    async def on_get(self, req, resp):
        async def events():
            number = 0
            try:
                while True:
                    yield SSEvent(text=str(number), event_id=str(number))
                    number += 1
                    await asyncio.sleep(0.01)
            finally:
                note("events ended")

        resp.sse = events()


class Ticks:
    async def on_get(self, req, resp):
        async def ticks():
            try:
                while True:
                    yield b"tick\n"
                    await asyncio.sleep(0.01)
            finally:
                note("ticks ended")

        resp.content_type = falcon.MEDIA_TEXT
        resp.stream = ticks()


class Echo:
    async def on_websocket(self, req, ws):
        await ws.accept()
        try:
            async for message in receive_all(ws):
                if isinstance(message, str):
                    await ws.send_text(message)
                else:
                    await ws.send_data(message)
        except WebSocketDisconnected as end:
            note(f"websocket ended with {end.code}")


async def receive_all(ws):
    """First a text, then bytes, as Falcon's methods each expect one kind."""
    yield await ws.receive_text()
    while True:
        yield await ws.receive_data()


app = falcon.asgi.App(middleware=[Lifespan()])
app.add_route("/items/{item_id:int}", Item())
app.add_route("/items", Items())
app.add_route("/upload", Upload())
app.add_route("/digest", Digest())
app.add_route("/count", Count())
app.add_route("/work", Work())
app.add_route("/events", Events())
app.add_route("/ticks", Ticks())
app.add_route("/echo", Echo())
