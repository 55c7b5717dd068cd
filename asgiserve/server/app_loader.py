"""From ``Config.app`` to the ASGI 3 application that is served: import, factory, adapters."""

from __future__ import annotations

import importlib
import inspect
import logging
import os
import pkgutil
import sys
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from types import ModuleType, TracebackType
from typing import TYPE_CHECKING, Any

from asgiserve.errors import ConfigError, StartupError
from asgiserve.log_formatters import TRACE
from asgiserve.middleware.asgi2 import ASGI2Adapter
from asgiserve.middleware.message_log import MessageLog
from asgiserve.middleware.proxy_headers import ProxyHeadersMiddleware
from asgiserve.middleware.wsgi import WSGIAdapter

if TYPE_CHECKING:
    from asgiserve.config import Config

__all__ = [
    "check_env_file",
    "choose_interface",
    "detect_interface",
    "import_app",
    "import_callable",
    "load_app",
    "make_app",
    "wrap_app",
]

logger = logging.getLogger("asgiserve.error")

# How many names an error message lists.
MAX_NAMES = 10


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


def put_first_on_path(directory: str) -> None:
    """Have modules of *directory* found before all others."""
    if sys.path[:1] != [directory]:
        sys.path.insert(0, directory)


def import_callable(
    import_string: str, app_dir: str | os.PathLike[str] | None, option: str
) -> Callable[..., Any]:
    """What the value of *option*, an import string, names.

    Args:
        app_dir: as of `import_app`.

    Raises:
        ConfigError: there is no such thing, importing it raised, or it cannot be called.
    """
    try:
        found: Callable[..., Any] = import_app(import_string, app_dir)
    except StartupError as error:
        raise ConfigError(f"{option}: {error}") from error
    if not callable(found):
        raise ConfigError(f"{option}: {import_string!r} is not callable")
    return found


def import_app(import_string: str, app_dir: str | os.PathLike[str] | None) -> Any:
    """What *import_string*, ``module:attribute``, names.

    Args:
        app_dir: the directory to search first, from now on; None for none.

    Raises:
        StartupError: there is no such thing, or importing it raised.
    """
    if app_dir is not None:
        try:
            put_first_on_path(os.path.abspath(app_dir))
        except FileNotFoundError:
            # The current directory was removed: no module is in it.
            pass
    module_name, _, attributes = import_string.partition(":")
    thing: Any = import_module(module_name, import_string)
    path = module_name
    for attribute in attributes.split("."):
        try:
            thing = getattr(thing, attribute)
        except AttributeError:
            names = suggest(attribute, public_names(thing))
            raise StartupError(
                f"cannot load {import_string!r}: {path!r} has no attribute {attribute!r}; {names}"
            ) from None
        path = f"{path}.{attribute}"
    return thing


def import_module(name: str, import_string: str) -> ModuleType:
    """Import the module *name*; what it raises is logged with the user's part of the traceback."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if first_foreign_frame(error.__traceback__) is None and is_part_of(error.name, name):
            missing = error.name or name
            raise StartupError(
                f"cannot load {import_string!r}: there is no module {missing!r}; "
                f"{suggest_module(missing, name)}"
            ) from None
        raise explain_failure(f"importing {name!r}", error) from error
    except SystemExit as error:
        raise StartupError(
            f"cannot load {import_string!r}: importing {name!r} called sys.exit({error.code!r})"
        ) from None
    except Exception as error:
        raise explain_failure(f"importing {name!r}", error) from error


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


def explain_failure(action: str, error: Exception) -> StartupError:
    """Log the traceback of *error* from the application's first frame on; give the one line."""
    trace = first_foreign_frame(error.__traceback__)
    try:
        logger.error("Exception while %s", action, exc_info=(type(error), error, trace))
    except Exception:  # noqa: BLE001 - what matters is the failure that is being explained
        # Of a formatter that is not ours: see TracebackFormatter.
        logger.error("Exception while %s", action)
    return StartupError(f"{action} raised {type(error).__name__}: {error}")


def first_foreign_frame(trace: TracebackType | None) -> TracebackType | None:
    """The part of *trace* below this module and importlib; None if no other code had run."""
    own_files = (__file__, importlib.__file__)
    while trace is not None:
        filename = trace.tb_frame.f_code.co_filename
        # CPython says "<frozen importlib._bootstrap>", PyPy "<builtin>/frozen importlib...".
        if filename not in own_files and "frozen importlib" not in filename:
            return trace
        trace = trace.tb_next
    return None


def is_part_of(missing: str | None, name: str) -> bool:
    """Whether *missing* is the module *name* or one of the packages that it is in."""
    return missing is not None and f"{name}.".startswith(f"{missing}.")


def importable_names(missing: str) -> list[str]:
    """The modules that stand where *missing* was looked for first."""
    package, _, _ = missing.rpartition(".")
    if package:
        parent = sys.modules.get(package)
        path = list(getattr(parent, "__path__", []))
        return [f"{package}.{module.name}" for module in pkgutil.iter_modules(path)]
    return [module.name for module in pkgutil.iter_modules(sys.path[:1])]


def public_names(thing: Any) -> list[str]:
    """The names of *thing* that may be an application: those of callables that it defines."""
    names = [name for name in vars(thing) if not name.startswith("_")] if has_dict(thing) else []
    callables = {name: getattr(thing, name, None) for name in names}
    module = getattr(thing, "__name__", None)
    own = [
        name
        for name, value in callables.items()
        if callable(value) and (not inspect.isclass(value) or value.__module__ == module)
    ]
    return own or names


def has_dict(thing: Any) -> bool:
    """Whether `vars` works on *thing*."""
    return hasattr(thing, "__dict__")


def suggest_module(missing: str, name: str) -> str:
    """Say what could be meant by the module *name*, of which *missing* was not found."""
    if name.endswith(".py") or "/" in name:
        module = name.removesuffix(".py").strip("./").replace("/", ".")
        return f"write the name of a module, {module!r}, not of a file"
    return suggest(missing, importable_names(missing))


def suggest(wanted: str, names: Iterable[str]) -> str:
    """Say which of *names*, the likely ones first, could be meant by *wanted*."""
    import difflib

    others = sorted(names)
    likely = difflib.get_close_matches(wanted, others, n=MAX_NAMES)
    listed = likely + [name for name in others if name not in likely]
    if not listed:
        return "there is nothing else"
    more = f" and {len(listed) - MAX_NAMES} more" if len(listed) > MAX_NAMES else ""
    return f"there is {', '.join(listed[:MAX_NAMES])}{more}"


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
