"""``asgiserve.Config``: the options, and what uvicorn's Config can do with them.

The options themselves stand in ``config``, which knows nothing of servers.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from asgiserve.config import config as options

__all__ = ["Config"]


@dataclass(frozen=True)
class Config(options.Config):
    """The options of one server, checked, in their normal form; and what they lead to.

    Attributes:
        loaded: `load` was called.
        loaded_app: the application that `load` has made, with everything around it.
        ssl: the context of TLS that `load` has made; None: no TLS.
    """

    ssl: ClassVar[ssl.SSLContext | None] = None
    _loaded_interface: ClassVar[str] = "asgi3"

    def load(self) -> None:
        """Import the application and read the files of TLS; a server takes what was loaded.

        Raises:
            ConfigError: an option is wrong, or a file that it names.
            StartupError: the application cannot be imported, or a file cannot be read.
        """
        from asgiserve.net.tls import TlsSettings
        from asgiserve.server.app_loader import choose_interface, make_app, wrap_app

        tls = TlsSettings.from_config(self)
        app, name = make_app(self)
        interface = choose_interface(app, name, self)
        # They are no fields: nothing that was checked changes.
        object.__setattr__(self, "ssl", None if tls is None else tls.context)
        object.__setattr__(self, "_loaded_interface", interface)
        object.__setattr__(self, "loaded_app", wrap_app(app, interface, self))
        object.__setattr__(self, "loaded", True)

    def load_app(self) -> Any:
        """Import what ``app`` names, and give it as it is.

        Raises:
            StartupError: there is no such thing, or importing it raised.
        """
        from asgiserve.imports import import_app

        return import_app(self.app, self.app_dir) if isinstance(self.app, str) else self.app

    def configure_logging(self) -> None:
        """Set up the loggers, as a server does when it is made."""
        from asgiserve.logs.configure import configure_logging

        configure_logging(self)

    def get_loop_factory(self) -> Callable[[], asyncio.AbstractEventLoop] | None:
        """The factory of ``loop``, for ``asyncio.Runner``; None: the event loop policy's."""
        from asgiserve.server.event_loop import choose_loop_factory

        return choose_loop_factory(self)

    def bind_socket(self) -> socket.socket:
        """Bind the address, without listening; for ``Server.serve(sockets=[...])``.

        Of several addresses the first one with IPv4, or else the first, is taken. Nobody removes
        the file of a unix socket.

        Raises:
            StartupError: it cannot be bound.
        """
        from asgiserve.net.sockets import bind_listeners

        sockets = [listener.sock for listener in bind_listeners(self)]
        chosen = next((each for each in sockets if each.family == socket.AF_INET), sockets[0])
        for each in sockets:
            if each is not chosen:
                each.close()
        chosen.set_inheritable(True)
        return chosen

    def lifespan_class(self, config: options.Config | None = None) -> Any:
        """The lifespan of the application that was loaded; servers make their own.

        Args:
            config: ignored; here for callers of uvicorn's, where it is a class.
        """
        from asgiserve.asgi.lifespan import Lifespan

        if not self.loaded:
            self.load()
        return Lifespan(self.loaded_app, self)

    @property
    def encoded_headers(self) -> list[tuple[bytes, bytes]]:
        """The default fields of answers, but for Date."""
        from asgiserve.server.server_state import encode_headers

        return encode_headers(self.headers, has_server=self.server_header)

    @property
    def asgi_version(self) -> str:
        """The version of ASGI by which the application is called.

        With interface auto it is known once it is loaded, and "3.0" before.
        """
        interface = self._loaded_interface if self.interface == "auto" else self.interface
        return "2.0" if interface == "asgi2" else "3.0"

    @property
    def should_reload(self) -> bool:
        """Whether the server restarts when files change, for which it has to import ``app``."""
        return self.reload and isinstance(self.app, str)

    @property
    def use_subprocess(self) -> bool:
        """Whether other processes than this one serve."""
        return self.reload or (self.workers or 1) > 1
