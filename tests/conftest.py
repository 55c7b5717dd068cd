"""Fixtures of tests in several folders: the two columns, the event loop, adopted processes."""

from __future__ import annotations

import ctypes
import signal
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from hypothesis import settings

from asgiserve._twins import Column
from asgiserve.process.orphans import PR_SET_CHILD_SUBREAPER, adopt_orphans
from tests.columns import COLUMNS, load_namespace

# These assert in the name of the tests, and should show as much when they fail.
pytest.register_assert_rewrite(
    "tests.conformance.verdicts",
    "tests.e2e.frameworks.site_checks",
    "tests.fakes",
    "tests.http_responses",
    "tests.parser_traces",
)


def pytest_configure(config: pytest.Config) -> None:
    """Have the plugin of asgiserve, also where it was installed before there was one."""
    if not config.pluginmanager.has_plugin("asgiserve"):
        config.pluginmanager.import_plugin("asgiserve.pytest_plugin")
    # A shell has a process in the background ignore it, and so would every server of the tests.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


# How long one example takes says more of the machine than of the code.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")


@pytest.fixture(scope="session", params=COLUMNS)
def impl(request: pytest.FixtureRequest) -> SimpleNamespace:
    """The twinned modules of one column: ``impl.http1_parser.RequestParser``."""
    return load_namespace(request.param)


@pytest.fixture(scope="session", params=COLUMNS)
def column(request: pytest.FixtureRequest) -> Column:
    """The column of a server process, which `tests.columns.environment_of` gives it."""
    return request.param


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Run ``async def`` tests on asyncio alone."""
    return "asyncio"


@pytest.fixture
def adopting() -> Iterator[None]:
    """Processes that lose their parents become the test's."""
    if not adopt_orphans():
        pytest.skip("no adoption here")
    yield
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
