"""Servers whose log holds nothing but their own plain lines, and what a report is to tell."""

import re
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from ..clients import HttpxClient
from ..conftest import StartServer
from ..server_process import ServerProcess
from .packages import describe

# No warning, no error, no traceback; libraries put their date first.
PLAIN_LINE = re.compile(r".{0,40}\bINFO: ")


def keep_plain(start: StartServer) -> StartServer:
    """As *start*, for servers that may write plain lines only."""

    def start_plain(*arguments: str, **details: object) -> ServerProcess:
        server = start(*arguments, **details)
        server.only_lines = PLAIN_LINE
        return server

    return start_plain


@pytest.fixture(scope="module")
def start_shared_server(start_shared_server: Callable[..., ServerProcess]) -> StartServer:
    """As in all end-to-end tests, but that the log has to stay plain."""
    return keep_plain(start_shared_server)


@pytest.fixture
def start_server(start_server: Callable[..., ServerProcess]) -> StartServer:
    """As in all end-to-end tests, but that the log has to stay plain."""
    return keep_plain(start_server)


@pytest.fixture
def http() -> Iterator[HttpxClient]:
    """One client, where another would say nothing new of the framework."""
    with closing(HttpxClient()) as client:
        yield client


def pytest_collection_modifyitems(items: list[pytest.Function]) -> None:
    """Have ``--junit-xml`` tell what the table is made of."""
    for item in items:
        item.user_properties += describe(item).items()
