"""Which columns this test run covers: what is there, or what ``ASGISERVE_TEST_COLUMNS`` demands.

``both`` and ``compiled`` fail where the compiled column was not built; ``pure`` leaves it out even
if it was.
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from types import SimpleNamespace

from asgiserve._twins import TWINNED, Column, load_column, module_of

__all__ = ["COLUMNS", "environment_of", "load_namespace"]


def columns_to_test() -> list[Column]:
    wanted = os.environ.get("ASGISERVE_TEST_COLUMNS") or "auto"
    if wanted not in ("auto", "both", "compiled", "pure"):
        raise ValueError(f"ASGISERVE_TEST_COLUMNS is both, compiled or pure, not {wanted!r}")
    is_built = any(find_spec(module_of("compiled", name)) for name in TWINNED)
    if wanted in ("both", "compiled") and not is_built:
        raise RuntimeError(
            f"ASGISERVE_TEST_COLUMNS={wanted}, but the compiled column was not built"
        )
    if wanted == "compiled":
        return ["compiled"]
    return ["pure", "compiled"] if is_built and wanted != "pure" else ["pure"]


def load_namespace(column: Column) -> SimpleNamespace:
    """Each twinned module of *column* by its basename, and the column's own name."""
    return SimpleNamespace(column=column, **load_column(column))


def environment_of(column: Column) -> dict[str, str]:
    """Environment of a process that is to run *column*, with no other option set in it."""
    others = {name: value for name, value in os.environ.items() if "ASGISERVE_" not in name}
    return {**others, "ASGISERVE_SPEEDUPS": "require" if column == "compiled" else "off"}


COLUMNS = columns_to_test()
