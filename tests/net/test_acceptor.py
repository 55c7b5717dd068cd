"""From accepted sockets to connections; the limits of accepting stand in test_accept_loop.py."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from asgiserve._twins import context
from asgiserve.config.config import Config
from asgiserve.errors import StartupError
from asgiserve.net import acceptor as acceptor_module
from asgiserve.net.acceptor import Acceptor
from asgiserve.net.listener import Listener
from asgiserve.net.tls import TlsSettings
from asgiserve.server.server import Server
from tests.apps import answer
from tests.certificates import Authority

REQUEST = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
HEADER = b"PROXY UNKNOWN\r\n"


async def app(scope: Any, receive: Any, send: Any) -> None:
    await answer(send, b"hi")


class LoopWithoutReaders(asyncio.SelectorEventLoop):
    """An event loop that cannot watch sockets for others, as Windows' own."""

    def add_reader(self, *arguments: Any) -> None:
        raise NotImplementedError

    def remove_reader(self, fd: Any) -> bool:
        if isinstance(fd, int):  # the loop's own sock_accept() and its like
            return super().remove_reader(fd)
        raise NotImplementedError


@pytest.fixture
def listener() -> Iterator[Listener]:
    sock = socket.create_server(("127.0.0.1", 0))
    yield Listener(sock)
    sock.close()


def make_acceptor(listener: Listener, **options: Any) -> Acceptor:
    loop = asyncio.get_running_loop()
    return Acceptor(context.WorkerContext(app, Config(app, **options), loop), [listener])


async def ask(acceptor: Acceptor) -> bytes:
    """The whole answer to a request."""
    reader, writer = await asyncio.open_connection(*address_of(acceptor))
    writer.write(REQUEST)
    whole = await reader.read()
    writer.close()
    return whole


def address_of(acceptor: Acceptor) -> tuple[str, int]:
    address: tuple[str, int] = acceptor.servers[0].sockets[0].getsockname()
    return address


async def wait_for_count(acceptor: Acceptor, count: int) -> None:
    """Turn the loop until there are *count* connections."""
    async with asyncio.timeout(10):
        while acceptor.count() != count:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0)


async def test_connections_are_accepted_until_the_end(listener: Listener) -> None:
    acceptor = make_acceptor(listener)
    await acceptor.start()
    assert acceptor.servers[0].is_serving()
    assert (await ask(acceptor)).startswith(b"HTTP/1.1 200")
    address = address_of(acceptor)
    acceptor.close()
    assert not acceptor.servers[0].is_serving()
    assert acceptor.servers[0].sockets == ()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(*address)
    await acceptor.settle()


def test_loop_that_watches_no_sockets_accepts_by_itself(listener: Listener) -> None:
    async def serve() -> None:
        acceptor = make_acceptor(listener)
        await acceptor.start()
        # A client of this loop could not wait for its connection either.
        with socket.create_connection(address_of(acceptor)) as client:
            client.sendall(REQUEST)
            assert (await asyncio.to_thread(client.recv, 100)).startswith(b"HTTP/1.1 200")
        acceptor.close()
        await acceptor.settle()

    with asyncio.Runner(loop_factory=make_blind_loop) as runner:
        runner.run(serve())


def make_blind_loop() -> asyncio.AbstractEventLoop:
    return LoopWithoutReaders()


@pytest.mark.parametrize("options", [{"proxy_protocol": True}, {"limit_connections": 5}])
def test_loop_that_watches_no_sockets_refuses_what_it_cannot(
    listener: Listener, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[str] = []

    async def serve() -> None:
        server = Server(Config("never.imported:app", **options))
        monkeypatch.setattr(server, "_load_app", lambda: loaded.append("application"))
        await server.serve([listener])

    (name,) = options
    with (
        asyncio.Runner(loop_factory=make_blind_loop) as runner,
        pytest.raises(StartupError, match=f"{name} needs an event loop"),
    ):
        runner.run(serve())
    assert not loaded


@pytest.mark.parametrize("iterations", range(5))
def test_loop_that_watches_no_sockets_serves_what_comes_while_it_stops(
    listener: Listener, iterations: int
) -> None:
    async def serve() -> None:
        acceptor = make_acceptor(listener)
        await acceptor.start()
        await asyncio.sleep(0)
        with socket.create_connection(address_of(acceptor)) as client:
            client.sendall(REQUEST)
            for _ in range(iterations):
                await asyncio.sleep(0)
            acceptor.close(serves_waiting=True)
            await acceptor.settle()
            client.settimeout(10)
            assert (await asyncio.to_thread(client.recv, 100)).startswith(b"HTTP/1.1 200")
        await wait_for_count(acceptor, 0)

    with asyncio.Runner(loop_factory=make_blind_loop) as runner:
        runner.run(serve())


def test_loop_that_watches_no_sockets_speaks_tls(listener: Listener, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    files = authority.issue("localhost")

    def ask(address: tuple[str, int]) -> bytes:
        with (
            socket.create_connection(address, timeout=10) as sock,
            authority.client_context().wrap_socket(sock, server_hostname="localhost") as client,
        ):
            client.sendall(REQUEST)
            return client.recv(100)

    async def serve() -> None:
        config = Config(app, ssl_certfile=str(files.certificate), ssl_keyfile=str(files.key))
        worker = context.WorkerContext(app, config, asyncio.get_running_loop())
        acceptor = Acceptor(worker, [listener], tls=TlsSettings.from_config(config))
        await acceptor.start()
        answer = await asyncio.to_thread(ask, address_of(acceptor))
        assert answer.startswith(b"HTTP/1.1 200")
        acceptor.close()
        await acceptor.settle()
        await wait_for_count(acceptor, 0)

    with asyncio.Runner(loop_factory=make_blind_loop) as runner:
        runner.run(serve())


async def test_connection_without_its_header_counts(listener: Listener) -> None:
    acceptor = make_acceptor(listener, proxy_protocol=True)
    await acceptor.start()
    _, writer = await asyncio.open_connection(*address_of(acceptor))
    await wait_for_count(acceptor, 1)
    writer.close()
    await wait_for_count(acceptor, 0)
    acceptor.close()
    await acceptor.settle()


async def test_header_that_has_begun_is_waited_for_at_the_end(listener: Listener) -> None:
    acceptor = make_acceptor(listener, proxy_protocol=True)
    await acceptor.start()
    reader, writer = await asyncio.open_connection(*address_of(acceptor))
    writer.write(HEADER[:5])
    await wait_for_count(acceptor, 1)
    acceptor.close()
    settling = asyncio.ensure_future(acceptor.settle())
    writer.write(HEADER[5:] + REQUEST)
    await settling
    assert (await reader.read()).startswith(b"HTTP/1.1 200")
    writer.close()


async def test_header_that_does_not_come_is_not_waited_for_for_long(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acceptor_module, "SETTLE_S", 0.01)
    acceptor = make_acceptor(listener, proxy_protocol=True)
    await acceptor.start()
    reader, writer = await asyncio.open_connection(*address_of(acceptor))
    await wait_for_count(acceptor, 1)
    acceptor.close()
    await acceptor.settle()
    assert await reader.read() == b""
    writer.close()


async def test_what_waits_is_taken_before_the_end_if_nobody_else_will(listener: Listener) -> None:
    acceptor = make_acceptor(listener)
    await acceptor.start()
    with socket.create_connection(address_of(acceptor)) as client:
        # The loop has not turned since.
        acceptor.close(serves_waiting=True)
        await acceptor.settle()
        client.sendall(REQUEST)
        client.setblocking(False)
        loop = asyncio.get_running_loop()
        assert (await loop.sock_recv(client, 100)).startswith(b"HTTP/1.1 200")


async def test_plain_connection_counts_from_when_it_is_taken(listener: Listener) -> None:
    acceptor = make_acceptor(listener, limit_connections=1)
    await acceptor.start()
    with socket.create_connection(address_of(acceptor)) as client:
        acceptor.close(serves_waiting=True)
        # The loop has not turned: nobody has told the connection of its transport yet.
        assert acceptor.count() == 1
        await acceptor.settle()
        assert acceptor.count() == 1
        client.close()
        await wait_for_count(acceptor, 0)


async def test_plain_connection_that_breaks_at_once_is_forgotten(
    listener: Listener, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(factory: Any, sock: socket.socket) -> None:
        sock.close()
        raise ConnectionResetError("the peer is gone")

    acceptor = make_acceptor(listener)
    loop = asyncio.get_running_loop()
    caplog.set_level("DEBUG", "asgiserve.error")
    with socket.create_connection(listener.sock.getsockname()):
        with monkeypatch.context() as patch:
            patch.setattr(loop, "connect_accepted_socket", fail)
            acceptor.close(serves_waiting=True)
        await acceptor.settle()
    assert acceptor.count() == 0
    assert "A connection was lost before it began: the peer is gone" in caplog.text


async def test_plain_connection_that_never_comes_about_is_not_waited_for_for_long(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[BaseException] = []

    async def hang(factory: Any, sock: socket.socket) -> None:
        sock.close()
        try:
            await loop.create_future()
        except asyncio.CancelledError as exc:
            ended.append(exc)
            raise

    monkeypatch.setattr(acceptor_module, "SETTLE_S", 0.01)
    acceptor = make_acceptor(listener)
    loop = asyncio.get_running_loop()
    with socket.create_connection(listener.sock.getsockname()):
        with monkeypatch.context() as patch:
            patch.setattr(loop, "connect_accepted_socket", hang)
            acceptor.close(serves_waiting=True)
        assert acceptor.count() == 1
        await acceptor.settle()
        await wait_for_count(acceptor, 0)
    assert len(ended) == 1
