"""A Starlette application: streams, background tasks, middleware, files and leaving clients."""

import asyncio
import hashlib
from contextlib import asynccontextmanager
from pathlib import Path

from site_events import end_when_told, note
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.endpoints import WebSocketEndpoint
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import ClientDisconnect
from starlette.responses import (
    FileResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    StreamingResponse,
)
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles


@asynccontextmanager
async def lifespan(app):
    note("started")
    yield {"seats": 3}
    note("stopped")


class StampMiddleware(BaseHTTPMiddleware):
    """Reads the state on the way in, and adds a field on the way out."""

    async def dispatch(self, request, call_next):
        response = await call_next(request)
        response.headers["x-seats"] = str(request.state.seats)
        return response


async def hello(request):
    return PlainTextResponse(f"Hello, {request.query_params.get('name', 'world')}!")


async def create_item(request):
    return JSONResponse(await request.json(), 201)


async def digest_stream(request):
    """Read the body piece by piece."""
    case = request.query_params.get("case")
    digest, size = hashlib.sha256(), 0
    try:
        async for chunk in request.stream():
            digest.update(chunk)
            size += len(chunk)
            note(f"{case}: chunk")
    except ClientDisconnect:
        note(f"{case}: ClientDisconnect")
    return JSONResponse({"bytes": size, "sha256": digest.hexdigest()})


async def upload(request):
    async with request.form() as form:
        content = await form["file"].read()
        sha256 = hashlib.sha256(content).hexdigest()
        values = {"name": form["file"].filename, "note": form["note"]}
    return JSONResponse({**values, "bytes": len(content), "sha256": sha256})


async def start_work(request):
    work = BackgroundTask(end_when_told, request.query_params["name"])
    return PlainTextResponse("queued", 202, background=work)


async def count(request):
    async def numbers():
        for number in range(100):
            yield f"{number}\n"

    return StreamingResponse(numbers(), media_type="text/plain")


async def tick_for_ever(request):
    """Stream until Starlette ends it because the client has gone; each tick is noted."""
    case = request.query_params["case"]

    async def ticks():
        while True:
            note(f"{case}: tick")
            yield "data: tick\n\n"
            await asyncio.sleep(0.01)

    return StreamingResponse(ticks(), media_type="text/event-stream")


async def poll_for_disconnect(request):
    """Work until the client has gone, asking with ``request.is_disconnected``."""
    note("working")
    while not await request.is_disconnected():  # noqa: ASYNC110 - there is nothing to await
        await asyncio.sleep(0.01)
    note("is_disconnected")
    return PlainTextResponse("to nobody")


async def send_file(request):
    return FileResponse(Path(__file__).parent / "starlette_site.py", filename="site.py")


async def redirect(request):
    return RedirectResponse("/hello?name=again")


async def set_cookies(request):
    response = PlainTextResponse("two cookies")
    response.set_cookie("one", "1")
    response.set_cookie("two", "2", httponly=True)
    return response


class Shout(WebSocketEndpoint):
    """Sends back bytes, and tells of the end."""

    encoding = "bytes"

    async def on_connect(self, websocket):
        if websocket.query_params["case"] == "denied":
            response = PlainTextResponse("not you", 401, {"x-seats": "none"})
            await websocket.send_denial_response(response)
            return
        await websocket.accept(subprotocol=websocket.scope["subprotocols"][0])

    async def on_receive(self, websocket, data):
        await websocket.send_bytes(data.upper() + b"!" * websocket.state.seats)

    async def on_disconnect(self, websocket, close_code):
        note(f"{websocket.query_params['case']} ended with {close_code}")


plain_routes = [
    Route("/hello", hello),
    Route("/items", create_item, methods=["POST"]),
    Route("/digest", digest_stream, methods=["POST"]),
    Route("/upload", upload, methods=["POST"]),
    Route("/count", count),
    Route("/ticks", tick_for_ever),
    Route("/poll", poll_for_disconnect),
    Route("/work", start_work, methods=["POST"]),
    Route("/file", send_file),
    Route("/redirect", redirect),
    Route("/cookies", set_cookies),
    WebSocketRoute("/shout", Shout),
]

app = Starlette(
    lifespan=lifespan,
    routes=[
        *plain_routes,
        Mount("/static", StaticFiles(directory=Path(__file__).parent)),
        Mount("/stamped", routes=plain_routes, middleware=[Middleware(StampMiddleware)]),
        Mount("/small", routes=plain_routes, middleware=[Middleware(GZipMiddleware)]),
    ],
)
