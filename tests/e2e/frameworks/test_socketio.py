"""A Socket.IO server of python-socketio, driven by its own client.

https://python-socketio.readthedocs.io/
"""

import asyncio
import json
import os
from contextlib import asynccontextmanager

import pytest

from ..waiting import DEADLINE_S
from . import site_checks
from .packages import need

need("socketio")
import socketio  # noqa: E402

pytestmark = pytest.mark.framework("python-socketio", "python-socketio")
SITE = "socketio_site:app"


class TestSite(site_checks.StartAndStop):
    pass


@asynccontextmanager
async def joined(server, name, transports=("websocket",)):
    """A client called *name*; ``heard`` is a queue of what it is told."""
    client = socketio.AsyncClient(reconnection=False)
    client.heard = asyncio.Queue()

    @client.on("*")
    async def hear(event, data):
        client.heard.put_nowait((event, data))

    await client.connect(server.url, auth={"token": name}, transports=list(transports))
    try:
        yield client
    finally:
        await client.disconnect()


async def hear(client):
    return await asyncio.wait_for(client.heard.get(), DEADLINE_S)


def test_polling_alone_is_enough(server, http):
    # By hand: the client, when it leaves, waits twenty seconds for its last poll, on any server.
    url = f"{server.url}/socket.io/?transport=polling&EIO=4"
    opened = http.fetch("GET", url).text
    assert opened.startswith("0")
    session = f"{url}&sid={json.loads(opened[1:])['sid']}"
    assert http.fetch("POST", session, body=b'40{"token":"ann"}').text == "OK"
    assert http.fetch("GET", session).text.startswith("40{")
    assert http.fetch("POST", session, body=b'427["double","ab"]').text == "OK"
    assert http.fetch("GET", session).text == '437["abab"]'
    assert http.fetch("POST", session, body=b"1").status == 200


@pytest.mark.feature("WebSocket")
@pytest.mark.parametrize(
    "transports", [("websocket",), ("polling", "websocket")], ids=["websocket", "upgraded"]
)
async def test_room_hears_what_one_says(server, transports):
    async with joined(server, "ann", transports) as ann, joined(server, "bob", transports) as bob:
        assert await ann.call("say", "grüß dich", timeout=DEADLINE_S) == "told 9 letters"
        for client in (ann, bob):
            assert await hear(client) == ("said", {"by": "ann", "text": "grüß dich"})
        assert ann.transport() == "websocket"


@pytest.mark.feature("WebSocket")
async def test_binary_attachment_comes_back(server):
    data = os.urandom(100_000)
    async with joined(server, "ann") as ann:
        assert await ann.call("double", data, timeout=DEADLINE_S) == data + data


@pytest.mark.feature("WebSocket")
async def test_events_arrive_in_order(server):
    async with joined(server, "ann") as ann:
        await ann.emit("count", 300)
        heard = [await hear(ann) for _ in range(300)]
    assert heard == [("number", number) for number in range(300)]


@pytest.mark.feature("WebSocket")
async def test_connection_outlives_half_a_second_of_pings_of_engine_io(server):
    async with joined(server, "patient") as patient:
        await asyncio.sleep(0.5)  # every 0.1 s a ping of Engine.IO is answered by the client
        assert await patient.call("double", "x", timeout=DEADLINE_S) == "xx"


@pytest.mark.feature("WebSocket")
async def test_refused_client_is_told_so(server):
    client = socketio.AsyncClient(reconnection=False)
    reasons = []
    client.on("connect_error", reasons.append)
    with pytest.raises(socketio.exceptions.ConnectionError):
        await client.connect(server.url, auth={"token": "wrong"}, transports=["websocket"])
    assert reasons == [{"message": "not you"}]


@pytest.mark.feature("disconnect")
async def test_end_of_a_client_is_seen(server):
    async with joined(server, "watcher") as watcher:
        async with joined(server, "leaver"):
            pass
        async with asyncio.timeout(DEADLINE_S):
            while "leaver" not in await watcher.call("who_has_left"):  # noqa: ASYNC110
                await asyncio.sleep(0.01)


@pytest.mark.feature("background")
async def test_background_task_tells_the_room_by_itself(server):
    async with joined(server, "ann") as ann:
        await ann.emit("begin_work", "work of ann")
        (server.work_dir / "work of ann").touch()
        assert await hear(ann) == ("worked", "work of ann")
