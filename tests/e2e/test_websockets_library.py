"""The two clients of the websockets library, with what changes the frames that they send."""

import asyncio
import os
import socket
import threading
from contextlib import ExitStack, asynccontextmanager
from urllib.parse import quote_plus

import pytest
from websockets.asyncio.client import connect as connect_async
from websockets.exceptions import ConnectionClosed
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.sync.client import connect as connect_sync

from .waiting import DEADLINE_S

MAX_BYTES = 16 * 1024 * 1024
LARGE = os.urandom(3_000_000)

# Options of a client, and whether its messages are compressed.
COMPRESSIONS = {
    "off": ({"compression": None}, False),
    "deflate": ({"compression": "deflate"}, True),
    "small windows": (
        {
            "extensions": [
                ClientPerMessageDeflateFactory(server_max_window_bits=9, client_max_window_bits=9)
            ]
        },
        True,
    ),
    "no context": (
        {
            "extensions": [
                ClientPerMessageDeflateFactory(
                    server_no_context_takeover=True, client_no_context_takeover=True
                )
            ]
        },
        True,
    ),
}


@pytest.fixture(scope="module")
def server(start_shared_server):
    return start_shared_server(
        "-m", "asgiserve", "websocket_site:app", "--port=0", has_calm_clients=True
    )


class Blocking:
    """The client that blocks, behind the calls of the other one."""

    def __init__(self, websocket):
        self.websocket = websocket

    def __getattr__(self, name):
        method = getattr(self.websocket, name)

        async def call(*arguments, **options):
            return await asyncio.to_thread(method, *arguments, **options)

        return call


@pytest.fixture(params=["asyncio", "sync"])
def connect(request, server):
    """Open a WebSocket of the site in an ``async with``."""

    @asynccontextmanager
    async def open_websocket(target, **options):
        url = f"ws://{server.address[0]}:{server.address[1]}{target}"
        # With a socket of our own there is no proxy in between, in any version.
        own_socket = socket.create_connection(server.address, DEADLINE_S)
        options = {"sock": own_socket, "max_size": MAX_BYTES, **options}
        if request.param == "asyncio":
            async with connect_async(url, **options) as websocket:
                yield websocket, websocket
            return

        def enter(stack):
            return stack.enter_context(connect_sync(url, **options))

        with ExitStack() as stack:
            websocket = await asyncio.to_thread(enter, stack)
            yield Blocking(websocket), websocket
            # Leaving it waits for the server's close frame.
            await asyncio.to_thread(stack.close)

    return open_websocket


@pytest.mark.parametrize("compression", COMPRESSIONS)
async def test_messages_come_back_with_each_compression(connect, seen_requests, compression):
    options, is_compressed = COMPRESSIONS[compression]
    async with connect("/echo", **options) as (client, websocket):
        assert bool(websocket.protocol.extensions) == is_compressed
        for message in ("", "wörter " * 30_000, b"", LARGE, "last"):
            await client.send(message)
            assert await client.recv() == message
    assert await asyncio.to_thread(seen_requests) == ["GET /echo 101", "WEBSOCKET /echo 1000"]


@pytest.mark.parametrize("compression", ["off", "deflate"])
@pytest.mark.parametrize(
    "pieces", [["one ", "", "größer", " three"], [b"a" * 70_000, b"b", b"", b"c" * 200]]
)
async def test_message_in_fragments_comes_back_as_one(connect, compression, pieces):
    async with connect("/echo", **COMPRESSIONS[compression][0]) as (client, _):
        await client.send(pieces)
        assert await client.recv() == pieces[0][:0].join(pieces)


async def test_ping_between_messages_is_answered(connect):
    async with connect("/echo") as (client, _):
        await client.send("before")
        answered = await client.ping(b"are you there?")
        await client.send("after")
        if isinstance(answered, threading.Event):
            assert await asyncio.to_thread(answered.wait, DEADLINE_S)
        else:
            await asyncio.wait_for(answered, DEADLINE_S)
        assert [await client.recv(), await client.recv()] == ["before", "after"]


@pytest.mark.parametrize(
    ("code", "reason"), [(1000, ""), (1001, "going"), (1011, "x" * 123), (3000, "müde"), (4999, "")]
)
async def test_close_code_of_the_client_is_taken(connect, seen_requests, code, reason):
    async with connect("/echo") as (client, websocket):
        await client.close(code, reason)
        sent, received = websocket.protocol.close_sent, websocket.protocol.close_rcvd
    # The server's frame repeats the code, as RFC 6455 section 5.5.1 wants.
    assert (sent.code, sent.reason, received.code) == (code, reason, code)
    assert await asyncio.to_thread(seen_requests) == ["GET /echo 101", f"WEBSOCKET /echo {code}"]


@pytest.mark.parametrize(("code", "reason"), [(1000, ""), (1013, "later"), (4321, "tür zu")])
async def test_close_code_of_the_application_arrives(connect, code, reason):
    target = f"/close?case=library&code={code}&reason={quote_plus(reason)}"
    async with connect(target) as (client, _):
        assert await client.recv() == "last words"
        with pytest.raises(ConnectionClosed) as caught:
            await client.recv()
    assert (caught.value.rcvd.code, caught.value.rcvd.reason) == (code, reason)


async def test_several_websockets_of_one_client_are_served_at_once(connect, seen_requests):
    async def talk(number):
        async with connect("/echo") as (client, _):
            for count in range(20):
                await client.send(f"{number}: {count}")
                assert await client.recv() == f"{number}: {count}"

    await asyncio.gather(*[talk(number) for number in range(5)])
    seen = await asyncio.to_thread(seen_requests)
    assert sorted(seen) == ["GET /echo 101"] * 5 + ["WEBSOCKET /echo 1000"] * 5
