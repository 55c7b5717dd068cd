"""Each way in which a program runs an application."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from application import app, wrapped
from asgiref.typing import ASGI3Application
from starlette.applications import Starlette
from starlette.types import ASGIApp as StarletteApp

import asgiserve
from asgiserve import Config, Server
from asgiserve.errors import ConfigError, StartupError

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment


def wsgi_app(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
    start_response("200 OK", [])
    return [environ["PATH_INFO"].encode()]


def make_app() -> Starlette:
    return Starlette()


def run_each(by_asgiref: ASGI3Application, by_starlette: StarletteApp) -> None:
    asgiserve.run("main:app")
    asgiserve.run(app, host="::1", port=8000, workers=2, limit_request_body=None)
    asgiserve.run(wrapped, headers=[("x-a", "b")], log_level="info", ssl_certfile="cert.pem")
    asgiserve.run(by_asgiref, lifespan="on")
    asgiserve.run(by_starlette, access_log=False)
    asgiserve.run(Starlette(), timeout_graceful_shutdown=2.5)
    asgiserve.run(make_app, factory=True)
    asgiserve.run(wsgi_app, interface="wsgi")


async def serve_inside() -> int:
    config = Config(wrapped, port=0, log_config=None)
    server = Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - it is no event
        await asyncio.sleep(0.01)
    server.should_exit = True
    await serving
    return server.exit_status


def start_or_tell(options: dict[str, Any]) -> str:
    try:
        Server(Config("main:app", **options)).run()
    except (ConfigError, StartupError) as error:
        return str(error)
    return asgiserve.__version__
