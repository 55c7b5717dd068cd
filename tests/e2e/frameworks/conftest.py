"""Servers whose log holds nothing but their own plain lines, and what a report is to tell."""

import os
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from ..clients import CLIENTS, Client, HttpxClient
from ..conftest import StartServer
from ..server_process import ServerProcess
from .graphql_peer import GraphqlSocket, open_graphql
from .packages import describe

# What a framework makes of a request does not depend on who sent it; the clients differ in how they
# send, which the other end-to-end tests try with all of them.
ASKING_CLIENTS = (
    sorted(CLIENTS) if os.environ.get("ASGISERVE_TEST_END_TO_END") == "both" else ["httpx"]
)


@pytest.fixture(params=ASKING_CLIENTS)
def client(request: pytest.FixtureRequest) -> Iterator[Client]:
    """The client that asks each framework; at night, each of them in turn."""
    with closing(CLIENTS[request.param]()) as client:
        yield client


def keep_plain(start: StartServer) -> StartServer:
    """As *start*, for servers that may write plain lines only."""

    def start_plain(*arguments: str, **details: object) -> ServerProcess:
        return start(*arguments, has_calm_clients=True, **details)

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
def site_url(server: ServerProcess) -> str:
    """Where the routes of the site stand."""
    return server.url


@pytest.fixture
def graphql(server: ServerProcess) -> Iterator[GraphqlSocket]:
    """A WebSocket for operations, without a session."""
    with open_graphql(server) as graphql:
        yield graphql


@pytest.fixture
def http() -> Iterator[HttpxClient]:
    """One client, where another would say nothing new of the framework."""
    with closing(HttpxClient()) as client:
        yield client


def pytest_collection_modifyitems(items: list[pytest.Function]) -> None:
    """Have ``--junit-xml`` tell what the table is made of."""
    for item in items:
        item.user_properties += describe(item).items()
