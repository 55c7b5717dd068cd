"""Find an application by ``module:attribute``, for servers that only take an object."""

from __future__ import annotations

import importlib
from typing import Any


def import_app(name: str) -> Any:
    """Return the attribute that *name* points at."""
    module, _, attribute = name.partition(":")
    return getattr(importlib.import_module(module), attribute)
