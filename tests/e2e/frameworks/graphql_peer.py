"""The client's side of ``graphql-transport-ws``.

https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from websockets.sync.client import ClientConnection

from ..server_process import ServerProcess
from ..waiting import DEADLINE_S
from ..websocket_clients import open_websocket

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


def check_shared_socket(socket: GraphqlSocket) -> None:
    """Two subscriptions and a ping share a socket."""
    socket.open_session()
    socket.subscribe("a", 20)
    socket.subscribe("b", 30)
    numbers: dict[str, list[int]] = {"a": [], "b": []}
    completed = []
    while len(completed) < 2:
        message = socket.receive()
        if message["type"] == "complete":
            completed.append(message["id"])
        else:
            assert message["type"] == "next"
            numbers[message["id"]].append(message["payload"]["data"]["counter"])
    assert numbers == {"a": list(range(20)), "b": list(range(30))}
    socket.send("ping")
    assert socket.receive()["type"] == "pong"
