"""The only chooser between the two columns: every hot module compiled, or every one pure.

Modules without a twin import the hot ones from here; twinned modules import their own column.
``ASGISERVE_SPEEDUPS`` decides: ``auto`` takes the compiled column where it was built, ``require``
fails without it, ``off`` takes the pure one. A column that is half there is an ImportError, never
a slow-down that nobody asked for.
"""

from __future__ import annotations

import os
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING, Literal

from asgiserve.errors import ColumnError

if TYPE_CHECKING:
    from asgiserve.asgi import cycle, http_cycle, scope, ws_cycle
    from asgiserve.codecs import (
        header_fields,
        http1_chunks,
        http1_framing,
        http1_head,
        http1_parser,
        http_date,
        ws_frames,
        ws_messages,
    )
    from asgiserve.connection import (
        context,
        flow_control,
        http1_connection,
        http1_cycle,
        http1_ends,
        ws_connection,
        ws_wire_cycle,
    )
    from asgiserve.logs import access_line

__all__ = [
    "COLUMN",
    "LLHTTP_VERSION",
    "TWINNED",
    "access_line",
    "context",
    "cycle",
    "flow_control",
    "header_fields",
    "http1_chunks",
    "http1_connection",
    "http1_cycle",
    "http1_ends",
    "http1_framing",
    "http1_head",
    "http1_parser",
    "http_cycle",
    "http_date",
    "load_column",
    "module_of",
    "scope",
    "ws_connection",
    "ws_cycle",
    "ws_frames",
    "ws_messages",
    "ws_wire_cycle",
]

Column = Literal["compiled", "pure"]

SPEEDUPS = "asgiserve._speedups"

# Where the pure twin of each compiled module lives; that one lies in the folder of the same name
# below SPEEDUPS.
TWINNED = {
    "access_line": "asgiserve.logs.access_line",
    "context": "asgiserve.connection.context",
    "cycle": "asgiserve.asgi.cycle",
    "flow_control": "asgiserve.connection.flow_control",
    "header_fields": "asgiserve.codecs.header_fields",
    "http1_chunks": "asgiserve.codecs.http1_chunks",
    "http1_connection": "asgiserve.connection.http1_connection",
    "http1_ends": "asgiserve.connection.http1_ends",
    "http1_cycle": "asgiserve.connection.http1_cycle",
    "http1_framing": "asgiserve.codecs.http1_framing",
    "http1_head": "asgiserve.codecs.http1_head",
    "http1_parser": "asgiserve.codecs.http1_parser",
    "http_cycle": "asgiserve.asgi.http_cycle",
    "http_date": "asgiserve.codecs.http_date",
    "scope": "asgiserve.asgi.scope",
    "ws_connection": "asgiserve.connection.ws_connection",
    "ws_cycle": "asgiserve.asgi.ws_cycle",
    "ws_frames": "asgiserve.codecs.ws_frames",
    "ws_messages": "asgiserve.codecs.ws_messages",
    "ws_wire_cycle": "asgiserve.connection.ws_wire_cycle",
}


def module_of(column: Column, name: str) -> str:
    """The full name of the twinned module *name* in *column*."""
    pure_name = TWINNED[name]
    return pure_name if column == "pure" else pure_name.replace("asgiserve", SPEEDUPS, 1)


def choose_column(mode: str) -> Column:
    """Name the column for *mode*, a value of ``ASGISERVE_SPEEDUPS``.

    Raises:
        ColumnError: *mode* is unknown, or asks for a column that was not built.
    """
    if mode not in ("auto", "require", "off"):
        raise ColumnError(f"ASGISERVE_SPEEDUPS is auto, require or off, not {mode!r}")
    if mode == "off":
        return "pure"
    if any(find_spec(module_of("compiled", name)) for name in TWINNED):
        return "compiled"
    if mode == "require":
        raise ColumnError(
            "ASGISERVE_SPEEDUPS=require, but the compiled column was not built for this Python"
        )
    return "pure"


def load_column(column: Column) -> dict[str, ModuleType]:
    """Import every twinned module of *column*, by basename.

    Raises:
        ColumnError: one of them is missing or cannot be imported; the message names it.
    """
    modules = {}
    for name in TWINNED:
        full_name = module_of(column, name)
        try:
            modules[name] = import_module(full_name)
        except ImportError as error:
            # A mate that it cimports may be what is missing.
            culprit = error.name if (error.name or "").startswith(SPEEDUPS) else full_name
            raise ColumnError(
                f"the {column} column of asgiserve is incomplete: {culprit}: {error}; install "
                "asgiserve again, or set ASGISERVE_SPEEDUPS=off for the pure one",
                name=culprit,
            ) from error
    return modules


COLUMN: Column = choose_column(os.environ.get("ASGISERVE_SPEEDUPS") or "auto")
globals().update(load_column(COLUMN))

# The pure parser is none of llhttp.
LLHTTP_VERSION: str | None = getattr(http1_parser, "LLHTTP_VERSION", None)
