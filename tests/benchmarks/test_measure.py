"""The load that instructions are counted under is what its form says."""

from __future__ import annotations

import socket

from benchmarks.samples import HELLO_BODY, REQUESTS
from benchmarks.wire.measure import request_and_close, request_in_turns


class Peers:
    """The servers' ends of connections, each of which has one answer ready, and its end."""

    def __init__(self) -> None:
        self.sockets: list[socket.socket] = []

    def connect(self) -> socket.socket:
        client, server = socket.socketpair()
        server.sendall(HELLO_BODY)
        server.shutdown(socket.SHUT_WR)
        self.sockets.append(server)
        return client

    def read(self) -> list[bytes]:
        """What came on each connection."""
        came = []
        for sock in self.sockets:
            with sock:
                came.append(sock.recv(65536))
        return came


def test_each_request_has_a_connection_that_the_server_closes() -> None:
    peers = Peers()
    request_and_close(peers.connect, REQUESTS["wrk"], 3)
    came = peers.read()
    assert len(came) == 3
    head = REQUESTS["wrk"].removesuffix(b"\r\n")
    assert set(came) == {head + b"Connection: close\r\n\r\n"}


def test_requests_are_spread_over_the_connections() -> None:
    peers = Peers()
    request_in_turns(peers.connect, REQUESTS["wrk"], 4, connections=4)
    assert peers.read() == [REQUESTS["wrk"]] * 4
