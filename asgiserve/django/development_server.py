"""A server with the methods that Django's ``runserver`` calls of its server class."""

from __future__ import annotations

import atexit
import logging
import os
import socket
import sys
import threading
from typing import Any

from asgiserve.config.config import Config
from asgiserve.errors import StartupError
from asgiserve.server.server import Server

__all__ = ["DevelopmentServer"]

# What requests under way get when the code has changed.
GRACE_S = 1.0
BACKLOG = 2048


class DevelopmentServer:
    """Serves one ASGI application at one socket, in whatever thread.

    Args:
        address: host and port.
        handler_class: ignored; Django's servers make one of it for each request.
        ipv6: the address is one of IPv6.

    Raises:
        OSError: the address cannot be bound.
    """

    def __init__(self, address: tuple[str, int], handler_class: Any, ipv6: bool = False) -> None:
        self._socket = socket.socket(socket.AF_INET6 if ipv6 else socket.AF_INET)
        try:
            if sys.platform != "win32":
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._socket.bind(address)
            # Django says now where it is: clients wait from now on until the application is there.
            self._socket.listen(BACKLOG)
        except BaseException:
            self._socket.close()
            raise
        self.server_port = self._socket.getsockname()[1]
        self._app: Any = None

    def set_app(self, application: Any) -> None:
        """Serve *application*."""
        self._app = application

    def serve_forever(self) -> None:
        """Serve until a signal or the end of the process."""
        # Django has said so, and where.
        use_colors = False if os.environ.get("DJANGO_COLORS") == "nocolor" else None
        config = Config(self._app, use_colors=use_colors, timeout_graceful_shutdown=GRACE_S)
        server = Server(config)
        logging.getLogger("asgiserve.error").setLevel(logging.WARNING)
        has_stopped = threading.Event()

        def stop() -> None:
            # The reloader ends the process by sys.exit() in the main thread, and this one with it.
            server.should_exit = True
            has_stopped.wait(2 * GRACE_S)

        if threading.current_thread() is not threading.main_thread():
            atexit.register(stop)
        try:
            server.run(sockets=[self._socket])
        except StartupError as error:
            print(f"Error: {error}", file=sys.stderr)
            # As Django does: sys.exit() ends no process in a thread.
            os._exit(1)
        finally:
            has_stopped.set()
