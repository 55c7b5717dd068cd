"""What TLS transports get from the event loop, and what they leave behind."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from asgiserve.config.config import Config
from asgiserve.net.tls import TlsSettings
from asgiserve.net.transport_loop import ResetWatch, TransportLoop
from asgiserve.net.transports import start_tls
from tests.apps import answer
from tests.certificates import Authority
from tests.fakes import ManualLoop

needs_epoll = pytest.mark.skipif(sys.platform != "linux", reason="event loops elsewhere need none")

TLS_TRANSPORTS = ("SSLTransport_Socket", "SSLProtocol")
NO_LINGERING = struct.pack("ii", 1, 0)


@pytest.fixture(params=["asyncio", "uvloop"])
def loop(request: pytest.FixtureRequest) -> Iterator[asyncio.AbstractEventLoop]:
    module = pytest.importorskip(request.param, reason="uvloop is not made for this Python")
    loop = module.new_event_loop()
    yield loop
    loop.close()


@pytest.fixture
def uv_loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = pytest.importorskip(
        "uvloop", reason="uvloop is not made for this Python"
    ).new_event_loop()
    yield loop
    loop.close()


def accepted_pair() -> tuple[socket.socket, socket.socket]:
    """A client's TCP socket, and the one that was accepted for it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        accepted, _ = listener.accept()
    accepted.setblocking(False)
    return client, accepted


def reset(client: socket.socket) -> None:
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGERING)
    client.close()


def test_reset_is_told_after_the_data_in_front_of_it(loop: asyncio.AbstractEventLoop) -> None:
    client, accepted = accepted_pair()
    transport_loop = TransportLoop(loop)
    seen: list[object] = []

    def read() -> None:
        # As aiofastnet does: one read that is not full is the last of a turn.
        try:
            seen.append(accepted.recv(100))
        except OSError as error:
            seen.append(type(error))
            transport_loop.remove_reader(accepted.fileno())
            loop.stop()

    client.send(b"data")
    reset(client)
    transport_loop.add_reader(accepted.fileno(), read)
    loop.call_later(10, loop.stop)
    loop.run_forever()
    accepted.close()
    assert seen == [b"data", ConnectionResetError]


@needs_epoll
def test_reset_is_told_to_a_reader_that_comes_back(uv_loop: asyncio.AbstractEventLoop) -> None:
    client, accepted = accepted_pair()
    transport_loop = TransportLoop(uv_loop)
    transport_loop.add_reader(accepted.fileno(), lambda: None)
    transport_loop.remove_reader(accepted.fileno())
    reset(client)
    transport_loop.add_reader(accepted.fileno(), uv_loop.stop)
    uv_loop.run_forever()
    transport_loop.remove_reader(accepted.fileno())
    accepted.close()


@needs_epoll
def test_reset_is_told_to_the_last_reader(uv_loop: asyncio.AbstractEventLoop) -> None:
    client, accepted = accepted_pair()
    watch = ResetWatch(uv_loop)
    watch.add(accepted.fileno(), lambda: pytest.fail("the first reader was called"))
    watch.add(accepted.fileno(), uv_loop.stop)
    reset(client)
    uv_loop.run_forever()
    watch.remove(accepted.fileno())
    accepted.close()


@needs_epoll
def test_watch_leaves_nothing_in_the_loop(uv_loop: asyncio.AbstractEventLoop) -> None:
    pairs = [accepted_pair() for _ in range(3)]
    before = os.listdir("/proc/self/fd")
    watch = ResetWatch(uv_loop)
    for _, accepted in pairs:
        watch.add(accepted.fileno(), lambda: None)
    assert len(os.listdir("/proc/self/fd")) == len(before) + 1
    for client, accepted in pairs:
        watch.remove(accepted.fileno())
        watch.remove(accepted.fileno())
        client.close()
        accepted.close()
    assert len(os.listdir("/proc/self/fd")) < len(before)


@needs_epoll
def test_reader_that_raises_is_called_once(uv_loop: asyncio.AbstractEventLoop) -> None:
    reported: list[object] = []
    uv_loop.set_exception_handler(lambda _, context: reported.append(context["exception"]))
    client, accepted = accepted_pair()
    watch = ResetWatch(uv_loop)
    calls: list[bool] = []

    def fail() -> None:
        calls.append(True)
        uv_loop.call_soon(uv_loop.call_soon, uv_loop.stop)
        raise ValueError("ours")

    watch.add(accepted.fileno(), fail)
    reset(client)
    uv_loop.run_forever()
    accepted.close()
    assert len(calls) == len(reported) == 1


def test_connection_is_served_where_no_watch_can_be_made(
    uv_loop: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise OSError("out of descriptors")

    monkeypatch.setattr("select.epoll", fail, raising=False)
    watch = ResetWatch(uv_loop)
    watch.add(0, lambda: None)
    watch.remove(0)


def test_no_timer_keeps_a_transport() -> None:
    loop = ManualLoop()
    TransportLoop(loop).call_later(3600, lambda: None).cancel()
    assert not loop._scheduled
    loop.close()


@pytest.mark.parametrize(
    ("error", "is_reported"),
    [(ConnectionResetError, False), (ConnectionResetError(), False), (ValueError(), True)],
)
def test_only_what_is_not_the_peers_fault_is_reported(error: Any, is_reported: bool) -> None:
    loop = ManualLoop()
    TransportLoop(loop).call_exception_handler({"message": "it failed", "exception": error})
    assert bool(loop.errors) == is_reported
    loop.close()


# The beginning of a handshake, more of it, and what is none.
BROKEN = (b"\x16\x03\x01\x02\x00", b"\x16\x03\x01\x02\x00\x01\x00", b"\x16no!!!")


@pytest.mark.skipif(
    sys.implementation.name != "cpython", reason="without reference counts the collector frees all"
)
@pytest.mark.parametrize("transports", ["aiofastnet", "own"])
def test_broken_handshake_leaves_nothing_for_the_garbage_collector(
    loop: asyncio.AbstractEventLoop,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    transports: str,
) -> None:
    if transports == "own":
        monkeypatch.setattr("asgiserve.net.transports.import_aiofastnet", lambda: None)
    files = Authority(tmp_path).issue("localhost")
    tls = TlsSettings(Config(answer, ssl_certfile=files.certificate, ssl_keyfile=files.key))
    # Those of the event loop's own are told to its handler, which is the server's or the program's.
    loop.set_exception_handler(lambda _, context: None)

    async def shake_hands(data: bytes, end: Callable[[socket.socket], None]) -> None:
        client, accepted = accepted_pair()
        client.send(data)
        end(client)
        await start_tls(TransportLoop(loop), asyncio.Protocol, accepted, "192.0.2.1:1", tls)
        # Transports close their sockets a little later.
        for _ in range(5):
            await asyncio.sleep(0)
        assert accepted.fileno() == -1

    gc.collect()
    gc.disable()
    try:
        for data in BROKEN:
            for end in (socket.socket.close, reset):
                loop.run_until_complete(shake_hands(data, end))
        left = [type(each).__name__ for each in gc.get_objects()]
    finally:
        gc.enable()
    assert not [name for name in left if name in TLS_TRANSPORTS]
