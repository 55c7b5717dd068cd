"""From import strings, MODULE:ATTRIBUTE, to what they name; a failure says what could be meant."""

from __future__ import annotations

import importlib
import inspect
import logging
import os
import pkgutil
import sys
from collections.abc import Callable, Iterable
from types import ModuleType, TracebackType
from typing import Any

from asgiserve.errors import ConfigError, StartupError

__all__ = ["explain_failure", "import_app", "import_callable"]

logger = logging.getLogger("asgiserve.error")

# Frames of files in it are not the application's.
OWN_FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "")
# How many names an error message lists.
MAX_NAMES = 10


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
    """The part of *trace* below asgiserve and importlib; None if no other code had run."""
    while trace is not None:
        filename = trace.tb_frame.f_code.co_filename
        # CPython says "<frozen importlib._bootstrap>", PyPy "<builtin>/frozen importlib...".
        is_own = filename.startswith(OWN_FOLDER) or filename == importlib.__file__
        if not is_own and "frozen importlib" not in filename:
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


def put_first_on_path(directory: str) -> None:
    """Have modules of *directory* found before all others."""
    if sys.path[:1] != [directory]:
        sys.path.insert(0, directory)
