"""Subscriptions of GraphQL over ``graphql-transport-ws``, by Ariadne.

https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md
"""

import json

import pytest
from websockets.exceptions import ConnectionClosed

from .waiting import DEADLINE_S, wait_until
from .websocket_clients import open_websocket

pytest.importorskip("ariadne")

COUNTER = "subscription($end: Int!, $name: String!) { counter(end: $end, name: $name) }"


@pytest.fixture(scope="module")
def server(start_shared_server):
    return start_shared_server("-m", "asgiserve", "graphql_site:app", "--port", "0")


@pytest.fixture
def socket(server):
    with open_websocket(server, "/", subprotocols=["graphql-transport-ws"]) as socket:
        assert socket.subprotocol == "graphql-transport-ws"
        yield socket


def send(socket, kind, **details):
    socket.send(json.dumps({"type": kind, **details}))


def receive(socket):
    return json.loads(socket.recv(DEADLINE_S))


def open_session(socket):
    send(socket, "connection_init")
    assert receive(socket)["type"] == "connection_ack"


def subscribe(socket, name, end, *, query=COUNTER):
    payload = {"query": query, "variables": {"name": name, "end": end}}
    send(socket, "subscribe", id=name, payload=payload)


def test_subscriptions_share_a_socket(socket):
    open_session(socket)
    subscribe(socket, "a", 20)
    subscribe(socket, "b", 30)
    numbers = {"a": [], "b": []}
    completed = []
    while len(completed) < 2:
        message = receive(socket)
        if message["type"] == "complete":
            completed.append(message["id"])
        else:
            assert message["type"] == "next"
            numbers[message["id"]].append(message["payload"]["data"]["counter"])
    assert numbers == {"a": list(range(20)), "b": list(range(30))}
    send(socket, "ping")
    assert receive(socket)["type"] == "pong"


def test_subscription_that_is_not_wanted_any_more_ends(server, socket):
    open_session(socket)
    subscribe(socket, "unwanted", 1_000_000)
    assert receive(socket)["payload"] == {"data": {"counter": 0}}
    send(socket, "complete", id="unwanted")
    wait_until(lambda: "unwanted" in ended(server), "the subscription to end")


def test_subscription_ends_with_its_socket(server):
    with open_websocket(server, "/", subprotocols=["graphql-transport-ws"]) as socket:
        open_session(socket)
        subscribe(socket, "deserted", 1_000_000)
        assert receive(socket)["type"] == "next"
    wait_until(lambda: "deserted" in ended(server), "the subscription to end")


def ended(server):
    """The subscriptions that have ended, asked for by a query over another socket."""
    with open_websocket(server, "/", subprotocols=["graphql-transport-ws"]) as socket:
        open_session(socket)
        send(socket, "subscribe", id="q", payload={"query": "{ ended }"})
        return receive(socket)["payload"]["data"]["ended"]


def test_bad_query_is_an_error_of_its_own(socket):
    open_session(socket)
    subscribe(socket, "bad", 1, query="subscription { nonsense }")
    message = receive(socket)
    assert (message["type"], message["id"]) == ("error", "bad")
    subscribe(socket, "good", 1)
    assert receive(socket)["payload"] == {"data": {"counter": 0}}


def test_subscription_without_a_session_closes_with_4401(socket):
    subscribe(socket, "early", 1)
    with pytest.raises(ConnectionClosed) as caught:
        socket.recv(DEADLINE_S)
    assert caught.value.rcvd.code == 4401
