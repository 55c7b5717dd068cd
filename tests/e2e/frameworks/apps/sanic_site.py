"""A Sanic application as Sanic's documentation writes them."""

import asyncio
import hashlib

from sanic import Sanic, json, text
from site_events import end_when_told, note

app = Sanic("Site")


@app.before_server_start
async def start(app):
    note("started")


@app.after_server_stop
async def stop(app):
    note("stopped")


@app.get("/items/<item_id:int>")
async def read_item(request, item_id):
    return json({"item_id": item_id, "q": request.args.get("q")})


@app.post("/items")
async def create_item(request):
    return json(request.json, status=201)


@app.post("/upload")
async def upload(request):
    file = request.files.get("file")
    sha256 = hashlib.sha256(file.body).hexdigest()
    values = {"name": file.name, "note": request.form.get("note")}
    return json({**values, "bytes": len(file.body), "sha256": sha256})


@app.post("/digest", stream=True)
async def digest_stream(request):
    digest, size = hashlib.sha256(), 0
    async for chunk in request.stream:
        digest.update(chunk)
        size += len(chunk)
    return json({"bytes": size, "sha256": digest.hexdigest()})


@app.post("/read", stream=True)
async def read_stream(request):
    while True:
        body = await request.stream.read()
        if body is None:
            break
        note(f"read {len(body)}")
    note("body ended")
    return text("read")


@app.get("/count")
async def count(request):
    response = await request.respond(content_type="text/plain")
    for number in range(100):
        await response.send(f"{number}\n")
    await response.eof()


@app.get("/ticks")
async def tick_for_ever(request):
    response = await request.respond(content_type="text/plain")
    try:
        while True:
            await response.send("tick\n")
            await asyncio.sleep(0.01)
    finally:
        note("ticks ended")


@app.post("/work")
async def work(request):
    request.app.add_task(end_when_told(request.args.get("name")))
    return text("queued", status=202)


@app.websocket("/goodbye")
async def say_goodbye(request, ws):
    await ws.send("goodbye")
    await ws.close(4001, "enough")


@app.websocket("/echo")
async def echo(request, ws):
    while (data := await ws.recv()) is not None:
        await ws.send(data)
    note("websocket ended")
