"""What the fuzzing client talks to: sends every message back as it came."""

from __future__ import annotations

from typing import Any


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    assert scope["type"] == "websocket"
    assert (await receive())["type"] == "websocket.connect"
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        text = message.get("text")
        echo = {"bytes": message["bytes"]} if text is None else {"text": text}
        try:
            await send({"type": "websocket.send", **echo})
        except OSError:  # the client has gone, as it does in many a case
            return
