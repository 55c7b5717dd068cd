"""The clients of the WebSocket benchmarks see right echoes and wrong ones."""

from __future__ import annotations

import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from websockets.sync.server import ServerConnection, serve

from benchmarks.load.scenarios import ECHO_SCENARIOS
from benchmarks.load.ws_load import EchoClient
from benchmarks.server_process import ServerError, find_free_port
from benchmarks.ws_client import WebSocketClient
from benchmarks.ws_samples import BINARY, BINARY_64K, JSON_MESSAGES, TEXT, TEXT_32B


def echo(connection: ServerConnection) -> None:
    for message in connection:
        connection.send(message)


def shout(connection: ServerConnection) -> None:
    for message in connection:
        connection.send(message.upper())


def stutter(connection: ServerConnection) -> None:
    for message in connection:
        connection.send(iter([message[:10], message[10:]]))


@contextmanager
def serve_in_thread(
    handler: Callable[[ServerConnection], None], compression: str | None = None
) -> Iterator[int]:
    with serve(handler, "127.0.0.1", 0, compression=compression) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.socket.getsockname()[1]
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(("message", "opcode"), [(TEXT_32B, TEXT), (BINARY_64K, BINARY)])
def test_client_takes_plain_echoes(message, opcode):
    with serve_in_thread(echo) as port:
        client = WebSocketClient(port, offers_deflate=False)
        with client.socket:
            client.check_echo(message, opcode)
            client.check_echo(message, opcode)
    assert not client.is_compressed


def test_client_takes_echoes_compressed_with_one_context():
    with serve_in_thread(echo, compression="deflate") as port:
        client = WebSocketClient(port, offers_deflate=True)
        with client.socket:
            for message in JSON_MESSAGES:
                client.check_echo(message, TEXT)
    assert client.is_compressed


@pytest.mark.parametrize("handler", [shout, stutter])
def test_client_refuses_another_message_and_one_in_pieces(handler):
    with serve_in_thread(handler) as port:
        client = WebSocketClient(port, offers_deflate=False)
        with client.socket, pytest.raises(ServerError, match="wrong echo"):
            client.check_echo(TEXT_32B, TEXT)


needs_compiler = pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("cc") is None, reason="needs Linux and a C compiler"
)


@needs_compiler
@pytest.mark.parametrize("name", ECHO_SCENARIOS)
def test_load_is_made_and_counted(name):
    with (
        serve_in_thread(echo, compression="deflate") as port,
        EchoClient(ECHO_SCENARIOS[name], port, core=None) as client,
    ):
        loads = [client.run(0.05), client.run(0.05)]
    assert [load.failure for load in loads] == [None, None]
    assert all(load.exchanges >= ECHO_SCENARIOS[name].connections for load in loads)


def test_load_is_not_made_on_a_server_that_is_wrong():
    client = EchoClient(ECHO_SCENARIOS["ws-echo-32b-c64"], find_free_port(), core=None)
    with pytest.raises(ConnectionRefusedError), client:
        pass
    with serve_in_thread(shout) as port, pytest.raises(ServerError, match="wrong echo"):
        EchoClient(ECHO_SCENARIOS["ws-echo-32b-c64"], port, core=None).__enter__()
