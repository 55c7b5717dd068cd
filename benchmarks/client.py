"""A small blocking client for the benchmarks that count requests instead of making load."""

from __future__ import annotations

import socket

from benchmarks.samples import HELLO_BODY
from benchmarks.server_process import ServerError

__all__ = ["read_answer"]

RECEIVE_BYTES = 65536


def read_answer(client: socket.socket) -> None:
    """Read until the body's end.

    Raises:
        ServerError: the server closed the connection before it.
    """
    answer = b""
    while not answer.endswith(HELLO_BODY):
        piece = client.recv(RECEIVE_BYTES)
        if not piece:
            raise ServerError(f"connection closed after {answer!r}")
        answer += piece
