"""Types of ASGI 3.0 applications: scopes, messages and callables (HTTP 2.5, lifespan 2.0).

Applications may import them for their annotations; nothing here exists for the server alone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Literal, NotRequired, Protocol, TypeAlias, TypedDict

__all__ = [
    "ASGI2Application",
    "ASGI2Instance",
    "ASGI3Application",
    "ASGIReceive",
    "ASGISend",
    "ASGIVersions",
    "HTTPDisconnectEvent",
    "HTTPRequestEvent",
    "HTTPRequestTrailersEvent",
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


class LifespanScope(TypedDict):
    """The scope of the lifespan (ASGI lifespan 2.0)."""

    type: Literal["lifespan"]
    asgi: ASGIVersions
    state: NotRequired[dict[str, Any]]


class HTTPRequestEvent(TypedDict):
    """Received: a part of the request's body."""

    type: Literal["http.request"]
    body: bytes
    more_body: bool


class HTTPRequestTrailersEvent(TypedDict):
    """Received after the body, with ``request_trailers``: the request's trailers."""

    type: Literal["http.request.trailers"]
    headers: Iterable[tuple[bytes, bytes]]


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


Scope: TypeAlias = HTTPScope | LifespanScope

ReceiveEvent: TypeAlias = (
    HTTPRequestEvent
    | HTTPRequestTrailersEvent
    | HTTPDisconnectEvent
    | LifespanStartupEvent
    | LifespanShutdownEvent
)

SendEvent: TypeAlias = (
    HTTPResponseStartEvent
    | HTTPResponseBodyEvent
    | HTTPResponseTrailersEvent
    | HTTPResponseEarlyHintEvent
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


class ASGI2Instance(Protocol):
    """What an ASGI 2 application makes of a scope."""

    def __init__(self, scope: Scope) -> None: ...

    async def __call__(self, receive: ASGIReceive, send: ASGISend) -> None:
        """Serve the scope that the instance was made for."""
        ...


ASGI2Application: TypeAlias = type[ASGI2Instance]
