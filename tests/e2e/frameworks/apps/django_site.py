"""A Django project in one file, behind Django's ASGI handler."""

import asyncio
import hashlib
import time

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import (
    FileResponse,
    HttpResponse,
    HttpResponseRedirect,
    JsonResponse,
    StreamingHttpResponse,
)
from django.urls import path
from site_events import note

settings.configure(
    ALLOWED_HOSTS=["127.0.0.1", "e2e"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="only for tests",
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.middleware.common.CommonMiddleware",
    ],
)


async def hello_async(request, name):
    await asyncio.sleep(0)
    return HttpResponse(f"Hello, {name}!")


def hello_sync(request, name):
    return HttpResponse(f"Hello, {name}!")


def show_request(request):
    return JsonResponse(
        {
            "path": request.path,
            "query": request.GET.dict(),
            "host": request.get_host(),
            "remote": request.META["REMOTE_ADDR"],
            "absolute": request.build_absolute_uri(),
        }
    )


def post_form(request):
    return JsonResponse({"method": request.method, "form": request.POST.dict()})


async def upload(request):
    file = request.FILES["file"]
    sha256 = hashlib.sha256(file.read()).hexdigest()
    values = {"name": file.name, "bytes": file.size, "sha256": sha256}
    return JsonResponse({**values, "note": request.POST["note"]})


async def stream_async(request):
    async def numbers():
        for number in range(100):
            yield f"{number}\n"

    return StreamingHttpResponse(numbers())


def stream_sync(request):
    return StreamingHttpResponse(f"{number}\n" for number in range(100))


async def tick_for_ever(request):
    async def ticks():
        try:
            while True:
                yield "data: tick\n\n"
                await asyncio.sleep(0.01)
        finally:
            note("ticks ended")

    return StreamingHttpResponse(ticks(), content_type="text/event-stream")


def tick_sync_for_ever(request):
    def ticks():
        try:
            while True:
                yield "tick\n"
                time.sleep(0.01)
        finally:
            note("ticks ended")

    return StreamingHttpResponse(ticks(), content_type="text/plain")


def send_file(request):
    return FileResponse(open(__file__, "rb"))


def redirect(request):
    return HttpResponseRedirect("/hello-sync/again")


def crash(request):
    raise RuntimeError("broken on purpose")


urlpatterns = [
    path("hello-async/<str:name>", hello_async),
    path("hello-sync/<str:name>", hello_sync),
    path("request/<path:rest>", lambda request, rest: show_request(request)),
    path("form", post_form),
    path("upload", upload),
    path("stream-async", stream_async),
    path("stream-sync", stream_sync),
    path("ticks", tick_for_ever),
    path("ticks-sync", tick_sync_for_ever),
    path("file", send_file),
    path("redirect", redirect),
    path("crash", crash),
]

application = get_asgi_application()
wsgi_application = get_wsgi_application()


async def with_websockets(scope, receive, send):
    """Serve WebSockets beside Django, as one does without Channels."""
    if scope["type"] != "websocket":
        await application(scope, receive, send)
        return
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": f"{scope['path']}: {message['text']}"})
