"""aiohttp's client: at the first try, and without a warning of the server."""

import asyncio
import hashlib
import io
import os
import zlib

import aiohttp
import pytest

from .waiting import DEADLINE_S

CONTENT = os.urandom(1_000_003)


@pytest.fixture(scope="module")
def server(start_shared_server):
    return start_shared_server(
        "-m", "asgiserve", "websocket_site:app", "--port=0", has_calm_clients=True
    )


@pytest.fixture
def connections():
    """The connections that the session has opened, one entry for each."""
    return []


@pytest.fixture
async def session(server, connections):
    async def note(session, context, params):
        connections.append(params)

    trace = aiohttp.TraceConfig()
    trace.on_connection_create_end.append(note)
    timeout = aiohttp.ClientTimeout(total=DEADLINE_S)
    async with aiohttp.ClientSession(server.url, timeout=timeout, trace_configs=[trace]) as session:
        yield session


async def pieces_of(content):
    for at in range(0, len(content), 50_000):
        await asyncio.sleep(0)
        yield content[at : at + 50_000]


def digest_of(content):
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


async def read(answer):
    async with answer as response:
        return response.status, await response.read()


async def read_json(answer):
    async with answer as response:
        return await response.json(content_type=None)


async def test_methods_and_statuses_share_one_connection(session, connections, seen_requests):
    assert await read(session.get("/hello")) == (200, b"Hello, world!")
    assert await read(session.head("/hello")) == (200, b"")
    assert await read(session.post("/echo", data=b"body")) == (200, b"body")
    assert await read(session.get("/status?code=204")) == (204, b"")
    fields = {"if-none-match": '"one"'}
    assert await read(session.get("/unchanged", headers=fields)) == (304, b"")
    assert await read(session.get("/gzipped")) == (200, b"many words " * 1000)
    assert (await read(session.get("/gather_sends")))[1].endswith(b"19;end")
    assert len(connections) == 1
    assert await asyncio.to_thread(seen_requests) == [
        "GET /hello 200",
        "HEAD /hello 200",
        "POST /echo 200",
        "GET /status?code=204 204",
        "GET /unchanged 304",
        "GET /gzipped 200",
        "GET /gather_sends 200",
    ]


async def test_uploads_of_each_framing_arrive_whole(session, connections, seen_requests):
    digest = digest_of(CONTENT)
    file = io.BytesIO(CONTENT)
    assert await read_json(session.post("/digest", data=file)) == digest
    assert await read_json(session.post("/digest", data=pieces_of(CONTENT))) == digest
    file = io.BytesIO(CONTENT)
    assert await read_json(session.post("/digest", data=file, expect100=True)) == digest
    file = io.BytesIO(CONTENT)
    assert await read_json(session.post("/digest", data=file, chunked=True)) == digest
    assert len(connections) == 1
    assert await asyncio.to_thread(seen_requests) == ["POST /digest 200"] * 4


async def test_compressed_upload_is_left_to_the_application(session):
    status, body = await read(session.post("/echo", data=b"many words " * 1000, compress="deflate"))
    assert status == 200
    assert zlib.decompress(body) == b"many words " * 1000


async def test_streams_go_up_and_down_at_once(session, seen_requests):
    async with session.post("/echo_stream", data=pieces_of(CONTENT)) as response:
        assert b"".join([piece async for piece in response.content.iter_any()]) == CONTENT
    assert await asyncio.to_thread(seen_requests) == ["POST /echo_stream 200"]


async def test_stream_without_an_end_can_be_left(session, server):
    async with session.get("/stream_for_ever?case=aiohttp-leaves") as response:
        assert (await response.content.readany()).startswith(b"data: tick")
        response.close()
    await asyncio.to_thread(server.wait_for_log, "stream: OSError from send")
    assert (await read(session.get("/hello")))[0] == 200


async def test_form_with_a_file_arrives_whole(session, seen_requests):
    form = aiohttp.FormData({"name": "many words"})
    form.add_field("file", io.BytesIO(CONTENT), filename="x.bin", content_type="application/x-e2e")
    status, body = await read(session.post("/echo", data=form))
    assert status == 200
    assert b"many words" in body
    assert CONTENT in body
    assert await asyncio.to_thread(seen_requests) == ["POST /echo 200"]


async def test_http_1_0_is_answered(server, seen_requests):
    async with aiohttp.ClientSession(server.url, version=aiohttp.HttpVersion10) as session:
        for _ in range(2):
            assert await read(session.get("/hello")) == (200, b"Hello, world!")
    assert await asyncio.to_thread(seen_requests) == ["GET /hello 200"] * 2


async def test_concurrent_requests_are_each_answered_once(session, seen_requests):
    targets = [f"/hello?{number}" for number in range(30)]
    answers = await asyncio.gather(*[read(session.get(target)) for target in targets])
    assert answers == [(200, b"Hello, world!")] * 30
    seen = await asyncio.to_thread(seen_requests)
    assert sorted(seen) == sorted(f"GET {target} 200" for target in targets)


# --- WebSocket ------------------------------------------------------------------------------------


@pytest.mark.parametrize("compress", [0, 9, 12, 15])
async def test_messages_come_back_with_each_compression(session, seen_requests, compress):
    text, data = "wörter " * 50_000, os.urandom(300_000)
    async with session.ws_connect("/echo", compress=compress) as websocket:
        assert bool(websocket.compress) == bool(compress)
        for _ in range(3):
            await websocket.send_str(text)
            assert await websocket.receive_str() == text
            await websocket.send_bytes(data)
            assert await websocket.receive_bytes() == data
    assert websocket.close_code == 1000
    assert (await asyncio.to_thread(seen_requests)) == ["GET /echo 101", "WEBSOCKET /echo 1000"]


async def test_ping_of_the_client_is_answered(session):
    async with session.ws_connect("/echo", autoping=False) as websocket:
        await websocket.ping(b"are you there?")
        answer = await websocket.receive(DEADLINE_S)
        assert (answer.type, answer.data) == (aiohttp.WSMsgType.PONG, b"are you there?")


@pytest.mark.parametrize("code", [1000, 1001, 3000, 4999])
async def test_close_code_of_the_client_is_taken(session, seen_requests, code):
    async with session.ws_connect("/echo") as websocket:
        assert await websocket.close(code=code, message=b"bye")
    assert await asyncio.to_thread(seen_requests) == ["GET /echo 101", f"WEBSOCKET /echo {code}"]
