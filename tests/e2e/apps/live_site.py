"""An application for servers in the process of the tests, which can look into it."""

import asyncio
import threading


class LiveSite:
    """Answers with its name, and notes what happens to it.

    Args:
        steps: coroutine functions, by the event of the lifespan before whose answer they run; they
            are called with that event and ``send``.
    """

    def __init__(self, name="site", **steps):
        self.name = name
        self.events = []
        self.is_free = threading.Event()
        self._steps = steps

    async def __call__(self, scope, receive, send):
        await getattr(self, scope["type"])(scope, receive, send)

    async def lifespan(self, scope, receive, send):
        for event in ("startup", "shutdown"):
            assert (await receive())["type"] == f"lifespan.{event}"
            self.events.append(event)
            if event in self._steps:
                await self._steps[event](event, send)
            await send({"type": f"lifespan.{event}.complete"})

    async def http(self, scope, receive, send):
        self.events.append(scope["path"])
        if scope["path"] == "/raise":
            raise LookupError("no such page")
        if scope["path"] == "/block":
            # What an application must not do: nothing else runs meanwhile.
            self.is_free.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": self.name.encode(), "more_body": True})
        if scope["path"] == "/endless":
            await asyncio.Event().wait()
        await send({"type": "http.response.body"})

    async def websocket(self, scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": self.name})
        await receive()


app = LiveSite("by import string")
