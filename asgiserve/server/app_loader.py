"""From ``Config.app`` to the ASGI 3 application that is served: factory, adapters."""

from __future__ import annotations

import importlib
import inspect
import logging
from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from asgiserve.errors import ConfigError, StartupError
from asgiserve.imports import explain_failure, import_app
from asgiserve.logs.formatters import TRACE
from asgiserve.middleware.asgi2 import ASGI2Adapter
from asgiserve.middleware.message_log import MessageLog
from asgiserve.middleware.proxy_headers import ProxyHeadersMiddleware
from asgiserve.middleware.wsgi import WSGIAdapter

if TYPE_CHECKING:
    from asgiserve.config.config import Config

__all__ = [
    "check_env_file",
    "choose_interface",
    "detect_interface",
    "load_app",
    "make_app",
    "wrap_app",
]

logger = logging.getLogger("asgiserve.error")


def load_app(config: Config) -> Any:
    """Import the application if need be, and wrap it into what *config* asks for.

    Raises:
        ConfigError: the environment file needs a package that is not installed.
        StartupError: the application cannot be imported or made, or is none.
    """
    app, name = make_app(config)
    return wrap_app(app, choose_interface(app, name, config), config)


def make_app(config: Config) -> tuple[Any, str]:
    """Import the application if need be; give it without anything around it, and its name.

    Raises:
        ConfigError: the environment file needs a package that is not installed.
        StartupError: the application cannot be imported or made, or is none.
    """
    load_env_file(config)
    if isinstance(config.app, str):
        app, name = import_app(config.app, config.app_dir), repr(config.app)
    else:
        app, name = config.app, getattr(config.app, "__qualname__", "app")
    if not callable(app):
        raise StartupError(f"{name} is {describe(app)}, not an application")
    if config.factory or is_plain_factory(app):
        if not config.factory:
            logger.warning("%s takes no arguments: used as a factory; say so with factory", name)
        app = call_factory(app, name)
    return app, name


def choose_interface(app: Any, name: str, config: Config) -> str:
    """How *app* is called: as *config* says, or as it looks."""
    if config.interface != "auto":
        return config.interface
    interface = detect_interface(app)
    if interface != "asgi3":
        logger.info("%s is taken for an application of interface %s", name, interface)
    return interface


def wrap_app(app: Any, interface: str, config: Config) -> Any:
    """Put the adapter for *interface* and the middleware that *config* asks for around *app*."""
    if interface == "wsgi":
        app = WSGIAdapter(
            app,
            keeps_underscores=config.wsgi_underscore_headers,
            is_multiprocess=(config.workers or 1) > 1,
        )
    elif interface == "asgi2":
        app = ASGI2Adapter(app)
    if logger.isEnabledFor(TRACE):
        app = MessageLog(app)
    if config.proxy_headers and config.forwarded_allow_ips:
        app = ProxyHeadersMiddleware(
            app,
            trusted_hosts=list(config.forwarded_allow_ips),
            use_forwarded=config.forwarded_header == "forwarded",
            fields=config.forwarded_fields,
            root_path_mode=config.root_path_mode,
        )
    return app


def check_env_file(config: Config) -> None:
    """Raise a ConfigError if *config* names an environment file that nothing here can read."""
    if config.env_file is not None and find_spec("dotenv") is None:
        raise ConfigError("env_file: needs python-dotenv: pip install 'asgiserve[dotenv]'")


def load_env_file(config: Config) -> None:
    """Set what is not set yet in the environment of the application."""
    check_env_file(config)
    if config.env_file is not None:
        logger.info("Loading environment from %r", config.env_file)
        importlib.import_module("dotenv").load_dotenv(config.env_file)


def call_factory(factory: Callable[[], Any], name: str) -> Any:
    """The application that *factory* makes.

    Raises:
        StartupError: it raised, or what it made is no application.
    """
    try:
        app = factory()
    except Exception as error:
        raise explain_failure(f"calling the factory {name}", error) from error
    if inspect.iscoroutine(app):
        app.close()
        raise StartupError(f"the factory {name} is a coroutine function; make it a plain one")
    if not callable(app):
        raise StartupError(f"the factory {name} gave {describe(app)}, not an application")
    return app


def describe(thing: Any) -> str:
    """*thing* by its type."""
    return "None" if thing is None else f"a {type(thing).__name__}"


def is_plain_factory(app: Any) -> bool:
    """Whether *app* is a plain function without parameters, which no interface calls."""
    return inspect.isfunction(app) and not inspect.signature(app).parameters


def detect_interface(app: Any) -> str:
    """Tell ``asgi3``, ``asgi2`` and ``wsgi`` applications apart by how they can be called.

    A coroutine function is ASGI 3, as is whatever takes three arguments. A class, or a plain
    callable that takes exactly one argument, is ASGI 2 (as ``asgiref.compatibility`` has it). A
    plain callable that takes exactly two is WSGI: no version of ASGI calls with two. Anything
    else is taken for ASGI 3.
    """
    if getattr(app, "_asgi_single_callable", False):
        return "asgi3"
    if getattr(app, "_asgi_double_callable", False):
        return "asgi2"
    if inspect.isclass(app):
        return "asgi3" if hasattr(app, "__await__") else "asgi2"
    if inspect.iscoroutinefunction(app) or inspect.iscoroutinefunction(type(app).__call__):
        return "asgi3"
    counts = [count for count in (1, 2, 3) if accepts(app, count)]
    if counts == [1]:
        return "asgi2"
    return "wsgi" if counts == [2] else "asgi3"


def accepts(function: Any, count: int) -> bool:
    """Whether *function* can be called with *count* positional arguments."""
    try:
        inspect.signature(function).bind(*range(count))
    except (TypeError, ValueError):
        return False
    return True
