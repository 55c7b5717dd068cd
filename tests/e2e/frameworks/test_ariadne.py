"""Queries and subscriptions of GraphQL by Ariadne. https://ariadnegraphql.org/"""

import pytest
from websockets.exceptions import ConnectionClosed

from ..clients import fetch_json
from ..waiting import DEADLINE_S, wait_until
from . import graphql_peer
from .packages import need

need("ariadne")
pytestmark = pytest.mark.framework("Ariadne", "ariadne")


@pytest.fixture(scope="module")
def server(start_shared_server):
    return start_shared_server("-m", "asgiserve", "ariadne_site:app", "--port", "0")


@pytest.fixture
def socket(server):
    with graphql_peer.open_graphql(server) as socket:
        yield socket


def ended(server):
    """The subscriptions that have ended, asked for by a query over another socket."""
    with graphql_peer.open_graphql(server) as socket:
        socket.open_session()
        socket.send("subscribe", id="q", payload={"query": "{ ended }"})
        return socket.receive()["payload"]["data"]["ended"]


def test_query_is_answered(server, client):
    answer = fetch_json(client, "POST", f"{server.url}/", {"query": "{ __typename }"})
    assert answer.json == {"data": {"__typename": "Query"}}


@pytest.mark.feature("WebSocket")
def test_subscriptions_share_a_socket(socket):
    graphql_peer.check_shared_socket(socket)


@pytest.mark.feature("WebSocket")
def test_subscription_that_is_not_wanted_any_more_ends(server, socket):
    socket.open_session()
    socket.subscribe("unwanted", 1_000_000)
    assert socket.receive()["payload"] == {"data": {"counter": 0}}
    socket.send("complete", id="unwanted")
    wait_until(lambda: "unwanted" in ended(server), "the subscription to end")


@pytest.mark.feature("disconnect")
def test_subscription_ends_with_its_socket(server):
    with graphql_peer.open_graphql(server) as socket:
        socket.open_session()
        socket.subscribe("deserted", 1_000_000)
        assert socket.receive()["type"] == "next"
    wait_until(lambda: "deserted" in ended(server), "the subscription to end")


@pytest.mark.feature("WebSocket")
def test_bad_query_is_an_error_of_its_own(server, socket):
    socket.open_session()
    socket.subscribe("bad", 1, query="subscription { nonsense }")
    message = socket.receive()
    assert (message["type"], message["id"]) == ("error", "bad")
    server.expect_line("Cannot query field 'nonsense'")
    socket.subscribe("good", 1)
    assert socket.receive()["payload"] == {"data": {"counter": 0}}


@pytest.mark.feature("WebSocket")
def test_subscription_without_a_session_closes_with_4401(socket):
    socket.subscribe("early", 1)
    with pytest.raises(ConnectionClosed) as caught:
        socket.socket.recv(DEADLINE_S)
    assert caught.value.rcvd.code == 4401
