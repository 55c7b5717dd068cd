"""What tests of processes share."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator

import pytest

from asgiserve.process.orphans import PR_SET_CHILD_SUBREAPER, adopt_orphans


@pytest.fixture
def adopting() -> Iterator[None]:
    """Processes that lose their parents become the test's."""
    if not adopt_orphans():
        pytest.skip("no adoption here")
    yield
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
