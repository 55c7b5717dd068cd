"""Options that name ``__main__``, put so that another process finds what they mean."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from importlib.machinery import PathFinder
from typing import Any

from asgiserve.config.config import OPTIONS, Config
from asgiserve.errors import ConfigError

__all__ = ["name_main_module"]

PREFIX = "__main__:"


def name_main_module(config: Config) -> Config:
    """*config* with the importable name of this program's main module in place of ``__main__``.

    In a worker process another module has that name.

    Raises:
        ConfigError: that module has no other name.
    """
    values = {name: getattr(config, name) for name in OPTIONS}
    of_main = {name: text for name, value in values.items() if (text := text_of(name, value))}
    if not of_main:
        return config
    module = find_name(config.app_dir)
    if module is None:
        option, text = next(iter(of_main.items()))
        raise ConfigError(
            f"{option}: {text!r} cannot be imported by another process; put the application into "
            "a module, and give MODULE:ATTRIBUTE"
        )
    named: dict[str, Any] = {
        name: f"{module}:{text.removeprefix(PREFIX)}" for name, text in of_main.items()
    }
    return replace(config, **named)


def text_of(option: str, value: Any) -> str:
    """*value* as an import string, if it is something of ``__main__``; else ""."""
    if isinstance(value, str):
        return value if value.startswith(PREFIX) else ""
    # Applications that are no import strings are refused, with or without ``__main__``.
    if option == "app" or getattr(value, "__module__", None) != "__main__":
        return ""
    name = getattr(value, "__qualname__", "")
    return PREFIX + name if getattr(sys.modules["__main__"], name, None) is value else ""


def find_name(app_dir: str | os.PathLike[str] | None) -> str | None:
    """The name under which a worker can import the main module of this process."""
    main = sys.modules["__main__"]
    spec = getattr(main, "__spec__", None)
    if spec is not None:
        # python -m NAME; a folder or an archive that is run has no other name.
        return str(spec.name) if spec.name != "__main__" else None
    path = getattr(main, "__file__", None)
    if path is None:
        return None
    name, suffix = os.path.splitext(os.path.basename(path))
    if suffix != ".py" or "." in name:
        return None
    folders = sys.path if app_dir is None else [os.path.abspath(app_dir), *sys.path]
    found = [PathFinder.find_spec(name, folders)]
    if name in sys.modules:
        # Of the standard library, mostly; what is imported already is not looked for.
        found.append(getattr(sys.modules[name], "__spec__", None))
    origins = [each.origin if each is not None else None for each in found]
    is_found = all(each and os.path.realpath(each) == os.path.realpath(path) for each in origins)
    return name if is_found else None
