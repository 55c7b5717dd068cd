"""A Quart application as Quart's documentation writes them."""

import asyncio
import hashlib

from quart import Quart, abort, make_response, redirect, request, websocket
from site_events import end_when_told, note

app = Quart(__name__)
app.config["MAX_CONTENT_LENGTH"] = 4 * 1024 * 1024


@app.before_serving
async def start():
    note("started")
    app.greeting = "hello from lifespan"


@app.after_serving
async def stop():
    note("stopped")


@app.get("/items/<int:item_id>")
async def read_item(item_id):
    return {"item_id": item_id, "q": request.args.get("q")}


@app.get("/state")
async def read_state():
    return {"greeting": app.greeting}


@app.get("/sync-items/<int:item_id>")
def read_item_in_a_thread(item_id):
    return {"item_id": item_id}


@app.post("/items")
async def create_item():
    return await request.get_json(), 201


@app.post("/upload")
async def upload():
    file = (await request.files)["file"]
    form = await request.form
    content = file.read()
    sha256 = hashlib.sha256(content).hexdigest()
    return {
        "name": file.filename,
        "note": form["note"],
        "bytes": len(content),
        "sha256": sha256,
    }


@app.post("/login")
async def login():
    return dict(await request.form)


@app.post("/digest")
async def digest_stream():
    digest, size = hashlib.sha256(), 0
    async for chunk in request.body:
        digest.update(chunk)
        size += len(chunk)
    return {"bytes": size, "sha256": digest.hexdigest()}


@app.get("/count")
async def stream():
    async def numbers():
        for number in range(100):
            yield f"{number}\n"

    return numbers(), {"content-type": "text/plain"}


@app.get("/ticks")
async def tick_for_ever():
    async def ticks():
        try:
            while True:
                yield b"data: tick\n\n"
                await asyncio.sleep(0.01)
        finally:
            note("ticks ended")

    response = await make_response(ticks(), {"content-type": "text/event-stream"})
    response.timeout = None
    return response


@app.get("/events")
async def send_events():
    async def events():
        number = 0
        try:
            while True:
                yield f"data: {number}\n\n".encode()
                number += 1
                await asyncio.sleep(0.01)
        finally:
            note("events ended")

    headers = {"content-type": "text/event-stream", "cache-control": "no-cache"}
    response = await make_response(events(), headers)
    response.timeout = None
    return response


@app.post("/work")
async def work():
    app.add_background_task(end_when_told, request.args["name"])
    return "queued", 202


@app.get("/cookies")
async def set_cookies():
    response = await make_response("two cookies")
    response.set_cookie("one", "1")
    response.set_cookie("two", "2")
    return response


@app.get("/redirect")
async def redirect_to_item():
    return redirect("/items/1")


@app.get("/crash")
async def crash():
    raise RuntimeError("broken on purpose")


@app.websocket("/rooms/<room>")
async def talk(room):
    if room == "cellar":
        abort(401, "not you")
    await websocket.accept(headers={"x-room": room}, subprotocol="chat")
    try:
        while True:
            await websocket.send(f"{room}: {await websocket.receive()}")
    except asyncio.CancelledError:
        note(f"{room} has ended")
        raise
