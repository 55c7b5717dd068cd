"""asgiserve: an ASGI server, compiled over llhttp, with a pure-Python twin of every hot module."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asgiserve.config.parameters import takes_options
from asgiserve.version import __version__

if TYPE_CHECKING:
    from asgiserve.cli.command import main
    from asgiserve.server.server import Server
    from asgiserve.uvicorn_api import Config

__all__ = ["Config", "Server", "__version__", "main", "run"]


@takes_options
def run(app: Any, **options: Any) -> None:
    """Serve *app* until a signal stops the server.

    Args:
        app: an import string ``module:attribute``, or an application.
        options: those of `Config`.

    Raises:
        ConfigError: an option is not allowed.
        SystemExit: with status 3 when the server could not start, and with status 1 when the
            application's shutdown failed.
        RuntimeError: an event loop runs in this thread.
    """
    import asyncio
    import logging

    from asgiserve.errors import STARTUP_FAILURE, StartupError
    from asgiserve.process.standard_files import open_standard_files
    from asgiserve.process.title import set_process_title
    from asgiserve.server.server import Server
    from asgiserve.supervisor.required import needs_supervisor
    from asgiserve.uvicorn_api import Config

    open_standard_files()
    config = Config(app, **options)
    # As where a worker imports a script that has no guard.
    if asyncio._get_running_loop() is not None:
        raise RuntimeError(
            "asgiserve.run() was called while an event loop runs: in a script that is imported, "
            "put it below if __name__ == '__main__'; in a coroutine, await Server(config).serve()"
        )
    try:
        if config.reload:
            from asgiserve.reload.reloader import run_reloader
            from asgiserve.worker.main_module import name_main_module

            status = run_reloader(name_main_module(config))
        elif needs_supervisor(config):
            from asgiserve.supervisor.supervise import supervise
            from asgiserve.worker.main_module import name_main_module

            # What is preloaded is taken from this process.
            status = supervise(config if config.preload else name_main_module(config))
        else:
            set_process_title("server", config)
            server = Server(config)
            server.run()
            status = server.exit_status
    except StartupError as error:
        logging.getLogger("asgiserve.error").error("%s", error)
        raise SystemExit(STARTUP_FAILURE) from None
    if status:
        raise SystemExit(status)


def __getattr__(name: str) -> Any:
    """Import a name when it is first asked for: a bare import stays cheap."""
    if name == "main":
        from asgiserve.cli.command import main

        return main
    if name == "Config":
        from asgiserve.uvicorn_api import Config

        return Config
    if name == "Server":
        from asgiserve.server.server import Server

        return Server
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
