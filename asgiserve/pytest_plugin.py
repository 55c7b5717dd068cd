"""The plugin of pytest, with the fixture ``asgiserve_server``; imports the server on its use."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from asgiserve.testing import LiveServer, StartServer

__all__ = ["asgiserve_server"]


@pytest.fixture
def asgiserve_server() -> Iterator[StartServer]:
    """Start live servers: ``asgiserve_server(app, **options)``; they stop at the test's end."""
    from asgiserve.testing import serve

    with ExitStack() as stack:

        def start(app: Any, **options: Any) -> LiveServer:
            return stack.enter_context(serve(app, **options))

        yield start
