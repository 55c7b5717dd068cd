"""Mistakes that a type checker finds; each line that has none of them fails the check."""

from __future__ import annotations

from application import app

import asgiserve
from asgiserve.asgi_types import ASGIReceive, ASGISend, Scope
from asgiserve.testing import serve

asgiserve.run(app, prot=8000)  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
asgiserve.run(app, port="8000")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
asgiserve.run(5)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
serve(app, ws=1)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
asgiserve.Config(app, wrokers=1)  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]


async def misspelt(scope: Scope, receive: ASGIReceive, send: ASGISend) -> None:
    if scope["type"] == "http":
        scope["pth"]  # type: ignore[typeddict-item] # pyright: ignore
    await send({"type": "http.response.stat"})  # type: ignore # pyright: ignore
