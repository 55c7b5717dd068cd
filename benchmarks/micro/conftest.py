"""The columns under test: the pure one, and the compiled one where it was built."""

from __future__ import annotations

from importlib.util import find_spec
from types import SimpleNamespace

import pytest

from asgiserve._twins import TWINNED, load_column, module_of

IS_BUILT = any(find_spec(module_of("compiled", name)) for name in TWINNED)
COLUMNS = ["compiled", "pure"] if IS_BUILT else ["pure"]


@pytest.fixture(scope="session", params=COLUMNS)
def impl(request: pytest.FixtureRequest) -> SimpleNamespace:
    """The twinned modules of one column."""
    return SimpleNamespace(**load_column(request.param))
