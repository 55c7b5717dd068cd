"""Types of ASGI 3.0 applications: scopes, messages and callables.

HTTP 2.5, WebSocket 2.5 and lifespan 2.0, with the extensions that the server has. Applications may
import them for their annotations; nothing here exists for the server alone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Literal, NotRequired, Protocol, TypeAlias, TypedDict

__all__ = [
    "ASGI2Application",
    "ASGI2Instance",
    "ASGI3Application",
    "ASGIApp",
    "ASGIReceive",
    "ASGISend",
    "ASGIVersions",
    "HTTPDisconnectEvent",
    "HTTPRequestEvent",
    "HTTPResponseBodyEvent",
    "HTTPResponseEarlyHintEvent",
    "HTTPResponseStartEvent",
    "HTTPResponseTrailersEvent",
    "HTTPScope",
    "LifespanScope",
    "LifespanShutdownCompleteEvent",
    "LifespanShutdownEvent",
    "LifespanShutdownFailedEvent",
    "LifespanStartupCompleteEvent",
    "LifespanStartupEvent",
    "LifespanStartupFailedEvent",
    "Message",
    "ReceiveEvent",
    "Scope",
    "SendEvent",
    "WWWScope",
    "WebSocketAcceptEvent",
    "WebSocketCloseEvent",
    "WebSocketConnectEvent",
    "WebSocketDisconnectEvent",
    "WebSocketReceiveEvent",
    "WebSocketResponseBodyEvent",
    "WebSocketResponseStartEvent",
    "WebSocketScope",
    "WebSocketSendEvent",
]


class ASGIVersions(TypedDict):
    """The versions in every scope: of ASGI, and of the protocol's specification."""

    version: Literal["3.0"]
    spec_version: str


class HTTPScope(TypedDict):
    """The scope of one HTTP request (ASGI HTTP 2.5)."""

    type: Literal["http"]
    asgi: ASGIVersions
    http_version: str
    method: str
    scheme: str
    path: str
    raw_path: bytes
    query_string: bytes
    root_path: str
    headers: Iterable[tuple[bytes, bytes]]
    client: tuple[str, int] | None
    server: tuple[str, int | None] | None
    state: NotRequired[dict[str, Any]]
    extensions: dict[str, dict[str, Any]]


class WebSocketScope(TypedDict):
    """The scope of one WebSocket (ASGI WebSocket 2.5)."""

    type: Literal["websocket"]
    asgi: ASGIVersions
    http_version: str
    scheme: str
    path: str
    raw_path: bytes
    query_string: bytes
    root_path: str
    headers: Iterable[tuple[bytes, bytes]]
    client: tuple[str, int] | None
    server: tuple[str, int | None] | None
    subprotocols: Iterable[str]
    state: NotRequired[dict[str, Any]]
    extensions: dict[str, dict[str, Any]]


class LifespanScope(TypedDict):
    """The scope of the lifespan (ASGI lifespan 2.0)."""

    type: Literal["lifespan"]
    asgi: ASGIVersions
    state: NotRequired[dict[str, Any]]


class HTTPRequestEvent(TypedDict):
    """Received: a part of the request's body; the last has the trailers, with the option for it."""

    type: Literal["http.request"]
    body: bytes
    more_body: bool
    trailers: NotRequired[Iterable[tuple[bytes, bytes]]]


class HTTPDisconnectEvent(TypedDict):
    """Received: the client has gone, or the response is complete."""

    type: Literal["http.disconnect"]


class HTTPResponseStartEvent(TypedDict):
    """Sent: status and headers."""

    type: Literal["http.response.start"]
    status: int
    headers: NotRequired[Iterable[tuple[bytes, bytes]]]
    trailers: NotRequired[bool]


class HTTPResponseBodyEvent(TypedDict):
    """Sent: a part of the response's body."""

    type: Literal["http.response.body"]
    body: NotRequired[bytes]
    more_body: NotRequired[bool]


class HTTPResponseTrailersEvent(TypedDict):
    """Sent after the body: trailers of the response."""

    type: Literal["http.response.trailers"]
    headers: Iterable[tuple[bytes, bytes]]
    more_trailers: NotRequired[bool]


class HTTPResponseEarlyHintEvent(TypedDict):
    """Sent before the response: ``Link`` values of a 103 (Early Hints)."""

    type: Literal["http.response.early_hint"]
    links: Iterable[bytes]


class WebSocketConnectEvent(TypedDict):
    """Received first: a client asks for a WebSocket."""

    type: Literal["websocket.connect"]


class WebSocketReceiveEvent(TypedDict):
    """Received: a message, which is one of text and bytes."""

    type: Literal["websocket.receive"]
    bytes: NotRequired[bytes | None]
    text: NotRequired[str | None]


class WebSocketDisconnectEvent(TypedDict):
    """Received last: the close code, 1005 if there was none and 1006 if the client just left."""

    type: Literal["websocket.disconnect"]
    code: int
    reason: str


class WebSocketAcceptEvent(TypedDict):
    """Sent: the WebSocket is open."""

    type: Literal["websocket.accept"]
    subprotocol: NotRequired[str | None]
    headers: NotRequired[Iterable[tuple[bytes, bytes]]]


class WebSocketSendEvent(TypedDict):
    """Sent: a message, which is one of text and bytes."""

    type: Literal["websocket.send"]
    bytes: NotRequired[bytes | None]
    text: NotRequired[str | None]


class WebSocketCloseEvent(TypedDict):
    """Sent: the end; in place of an accept it is a refusal, by status 403."""

    type: Literal["websocket.close"]
    code: NotRequired[int]
    reason: NotRequired[str | None]


class WebSocketResponseStartEvent(TypedDict):
    """Sent in place of an accept: status and headers of a refusal."""

    type: Literal["websocket.http.response.start"]
    status: int
    headers: NotRequired[Iterable[tuple[bytes, bytes]]]


class WebSocketResponseBodyEvent(TypedDict):
    """Sent: a part of a refusal's body."""

    type: Literal["websocket.http.response.body"]
    body: NotRequired[bytes]
    more_body: NotRequired[bool]


class LifespanStartupEvent(TypedDict):
    """Received: prepare to serve."""

    type: Literal["lifespan.startup"]


class LifespanShutdownEvent(TypedDict):
    """Received: all requests are done."""

    type: Literal["lifespan.shutdown"]


class LifespanStartupCompleteEvent(TypedDict):
    """Sent: connections may be accepted."""

    type: Literal["lifespan.startup.complete"]


class LifespanStartupFailedEvent(TypedDict):
    """Sent: the server must not serve."""

    type: Literal["lifespan.startup.failed"]
    message: NotRequired[str]


class LifespanShutdownCompleteEvent(TypedDict):
    """Sent: the process may end."""

    type: Literal["lifespan.shutdown.complete"]


class LifespanShutdownFailedEvent(TypedDict):
    """Sent: not everything could be put away."""

    type: Literal["lifespan.shutdown.failed"]
    message: NotRequired[str]


WWWScope: TypeAlias = HTTPScope | WebSocketScope
Scope: TypeAlias = WWWScope | LifespanScope

ReceiveEvent: TypeAlias = (
    HTTPRequestEvent
    | HTTPDisconnectEvent
    | WebSocketConnectEvent
    | WebSocketReceiveEvent
    | WebSocketDisconnectEvent
    | LifespanStartupEvent
    | LifespanShutdownEvent
)

SendEvent: TypeAlias = (
    HTTPResponseStartEvent
    | HTTPResponseBodyEvent
    | HTTPResponseTrailersEvent
    | HTTPResponseEarlyHintEvent
    | WebSocketAcceptEvent
    | WebSocketSendEvent
    | WebSocketCloseEvent
    | WebSocketResponseStartEvent
    | WebSocketResponseBodyEvent
    | LifespanStartupCompleteEvent
    | LifespanStartupFailedEvent
    | LifespanShutdownCompleteEvent
    | LifespanShutdownFailedEvent
)

# A message of either direction as middleware sees it.
Message: TypeAlias = MutableMapping[str, Any]

ASGIReceive: TypeAlias = Callable[[], Awaitable[ReceiveEvent]]
ASGISend: TypeAlias = Callable[[SendEvent], Awaitable[None]]
ASGI3Application: TypeAlias = Callable[[Scope, ASGIReceive, ASGISend], Awaitable[None]]
# What middleware wraps; ASGI 3 it is unless something else is said.
ASGIApp: TypeAlias = ASGI3Application


class ASGI2Instance(Protocol):
    """What an ASGI 2 application makes of a scope."""

    def __init__(self, scope: Scope) -> None: ...

    async def __call__(self, receive: ASGIReceive, send: ASGISend) -> None:
        """Serve the scope that the instance was made for."""
        ...


ASGI2Application: TypeAlias = type[ASGI2Instance]
