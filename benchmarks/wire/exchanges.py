"""What is sent on a connection whose instructions are counted, and how each answer ends."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.apps.raw import echo, hello
from benchmarks.samples import HELLO_BODY, REQUESTS
from benchmarks.ws_samples import TEXT, TEXT_32B, encode_frame, encode_handshake

__all__ = ["EXCHANGES", "App", "Exchange"]

App = Callable[..., Awaitable[Any]]


@dataclass(frozen=True)
class Exchange:
    """A request that is sent again and again, once the opening, if there is one, is answered."""

    app: App
    request: bytes
    answer_end: bytes
    opening: bytes = b""


# By the name of the request: GETs, which every form knows, and WebSocket messages.
EXCHANGES = {name: Exchange(hello, request, HELLO_BODY) for name, request in REQUESTS.items()}
EXCHANGES["ws-text-32b"] = Exchange(
    echo, encode_frame(TEXT_32B, TEXT), TEXT_32B, encode_handshake(8000)
)
