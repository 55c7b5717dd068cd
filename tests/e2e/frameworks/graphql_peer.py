"""The client's side of ``graphql-transport-ws``.

https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from ..server_process import ServerProcess
from ..waiting import DEADLINE_S
from ..websocket_clients import open_websocket
from .site_checks import wait_for_event

COUNTER = "subscription($end: Int!, $name: String!) { counter(end: $end, name: $name) }"


class GraphqlSocket:
    """A WebSocket that carries operations."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    def send(self, kind: str, **details: Any) -> None:
        self.socket.send(json.dumps({"type": kind, **details}))

    def receive(self) -> dict[str, Any]:
        return json.loads(self.socket.recv(DEADLINE_S))

    def open_session(self) -> None:
        """Begin, as a client has to before all else."""
        self.send("connection_init")
        assert self.receive()["type"] == "connection_ack"

    def subscribe(self, name: str, end: int, *, query: str = COUNTER) -> None:
        """Have *name* count up to *end*."""
        payload = {"query": query, "variables": {"name": name, "end": end}}
        self.send("subscribe", id=name, payload=payload)


@contextmanager
def open_graphql(server: ServerProcess) -> Iterator[GraphqlSocket]:
    """A WebSocket on which no session has been opened."""
    with open_websocket(server, "/", subprotocols=["graphql-transport-ws"]) as socket:
        assert socket.subprotocol == "graphql-transport-ws"
        yield GraphqlSocket(socket)


class Subscriptions:
    """Subscriptions over WebSockets to a site that notes which have ended."""

    @pytest.mark.feature("WebSocket")
    def test_two_subscriptions_and_a_ping_share_a_socket(self, graphql: GraphqlSocket) -> None:
        graphql.open_session()
        graphql.subscribe("a", 20)
        graphql.subscribe("b", 30)
        numbers: dict[str, list[int]] = {"a": [], "b": []}
        completed = []
        while len(completed) < 2:
            message = graphql.receive()
            if message["type"] == "complete":
                completed.append(message["id"])
            else:
                assert message["type"] == "next"
                numbers[message["id"]].append(message["payload"]["data"]["counter"])
        assert numbers == {"a": list(range(20)), "b": list(range(30))}
        graphql.send("ping")
        assert graphql.receive()["type"] == "pong"

    @pytest.mark.feature("WebSocket")
    def test_subscription_that_is_not_wanted_any_more_ends(
        self, server: ServerProcess, graphql: GraphqlSocket
    ) -> None:
        graphql.open_session()
        graphql.subscribe("unwanted", 1_000_000)
        assert graphql.receive()["payload"] == {"data": {"counter": 0}}
        graphql.send("complete", id="unwanted")
        wait_for_event(server, "unwanted ended")

    @pytest.mark.feature("WebSocket")
    def test_subscription_without_a_session_closes_with_4401(self, graphql: GraphqlSocket) -> None:
        graphql.subscribe("early", 1)
        with pytest.raises(ConnectionClosed) as caught:
            graphql.receive()
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 4401


class LeftSubscription:
    """A subscription whose client leaves."""

    @pytest.mark.feature("disconnect")
    def test_subscription_ends_with_its_socket(self, server: ServerProcess) -> None:
        with open_graphql(server) as graphql:
            graphql.open_session()
            graphql.subscribe("deserted", 1_000_000)
            assert graphql.receive()["type"] == "next"
        wait_for_event(server, "deserted ended")
