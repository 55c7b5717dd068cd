"""A Django project with Channels, in debug, as the documentation of Channels writes them."""

import asyncio
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler
from django.core.asgi import get_asgi_application
from django.http import HttpResponse
from django.urls import path, re_path
from site_events import note

settings.configure(
    DEBUG=True,
    ALLOWED_HOSTS=["127.0.0.1", "e2e"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="only for tests",
    INSTALLED_APPS=["channels", "django.contrib.staticfiles"],
    STATIC_URL="static/",
    STATICFILES_DIRS=[Path(__file__).parent],
    CHANNEL_LAYERS={"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}},
)

# Before what follows, which needs the settings.
django_application = get_asgi_application()

from channels.generic.http import AsyncHttpConsumer  # noqa: E402
from channels.generic.websocket import AsyncWebsocketConsumer  # noqa: E402
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from channels.security.websocket import AllowedHostsOriginValidator  # noqa: E402


async def hello(request):
    return HttpResponse("Hello!")


class Echo(AsyncWebsocketConsumer):
    async def receive(self, text_data=None, bytes_data=None):
        await self.send(text_data=text_data, bytes_data=bytes_data)

    async def disconnect(self, close_code):
        note(f"websocket ended with {close_code}")


class Room(AsyncWebsocketConsumer):
    async def connect(self):
        self.room = self.scope["url_route"]["kwargs"]["room"]
        await self.channel_layer.group_add(self.room, self.channel_name)
        await self.accept()

    async def disconnect(self, close_code):
        await self.channel_layer.group_discard(self.room, self.channel_name)

    async def receive(self, text_data):
        await self.channel_layer.group_send(self.room, {"type": "chat.message", "text": text_data})

    async def chat_message(self, event):
        await self.send(text_data=event["text"])


class Events(AsyncHttpConsumer):
    async def handle(self, body):
        headers = [(b"cache-control", b"no-cache"), (b"content-type", b"text/event-stream")]
        await self.send_headers(headers=headers)
        number = 0
        while True:
            await self.send_body(f"data: {number}\n\n".encode(), more_body=True)
            number += 1
            await asyncio.sleep(0.01)

    async def disconnect(self):
        note("events ended")


urlpatterns = [path("hello", hello)]

application = ProtocolTypeRouter(
    {
        "http": URLRouter(
            [
                path("events", Events.as_asgi()),
                re_path(r"", ASGIStaticFilesHandler(django_application)),
            ]
        ),
        "websocket": AllowedHostsOriginValidator(
            URLRouter([path("echo", Echo.as_asgi()), path("rooms/<str:room>", Room.as_asgi())])
        ),
    }
)
