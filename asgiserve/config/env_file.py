"""Environment files: read for the options that take variables of other programs."""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping

__all__ = ["surroundings"]


def surroundings(env_file: str | os.PathLike[str] | None) -> Mapping[str, str]:
    """The environment of this process, and what *env_file* adds to it, which changes nothing here.

    Raises:
        ValueError: the file cannot be read.
    """
    if env_file is None:
        return os.environ
    try:
        dotenv = importlib.import_module("dotenv")
    except ImportError:
        # That it is missing is told where the application's environment is set.
        return os.environ
    try:
        values = dotenv.dotenv_values(env_file)
    except OSError as error:
        raise ValueError(f"{env_file}: {error.strerror}") from None
    except ValueError as error:
        raise ValueError(f"{env_file}: {error}") from None
    return {name: text for name, text in values.items() if text is not None} | dict(os.environ)
