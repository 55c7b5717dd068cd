"""Connections that serve many requests: pooled, pipelined, in parallel."""

import asyncio
import random
import threading

import aiohttp
import httpx
import pytest

from .raw_client import RawClient


@pytest.fixture(scope="module")
def server(start_shared_server):
    # However slow the machine is, no connection of a pool is idle for that long.
    options = ["--port", "0", "--timeout-keep-alive", "120"]
    return start_shared_server("-m", "asgiserve", "asgi_site:app", *options)


def count_connections(server, mark):
    """From how many ports requests with *mark* came, by the access log."""
    lines = [line for line in server.log_since_mark().splitlines() if mark in line]
    return len({word for line in lines for word in line.split() if word.startswith("127.0.0.1:")})


def test_httpx_keeps_one_connection_for_many_requests(server):
    with httpx.Client(base_url=server.url, trust_env=False) as client:
        for number in range(50):
            body = b"x" * random.randrange(2000)
            assert client.post("/echo?sync", content=body).content == body, number
        with client.stream("POST", "/echo_stream?sync", content=iter([b"a", b"b"])) as response:
            assert b"".join(response.iter_raw()) == b"ab"
    assert count_connections(server, "?sync") == 1


@pytest.mark.anyio
async def test_httpx_async_pool_serves_requests_in_parallel(server):
    limits = httpx.Limits(max_connections=10, keepalive_expiry=120)
    async with httpx.AsyncClient(
        base_url=server.url, limits=limits, timeout=20, trust_env=False
    ) as client:
        bodies = [b"%d-" % number * 1000 for number in range(200)]
        answers = await asyncio.gather(
            *[client.post("/echo?pool", content=body) for body in bodies]
        )
    assert [answer.content for answer in answers] == bodies
    assert count_connections(server, "?pool") <= 10


@pytest.mark.anyio
async def test_aiohttp_pool_serves_requests_in_parallel(server):
    async def pieces(number):
        for piece in range(5):
            yield b"%d.%d " % (number, piece)

    async def post(session, number):
        async with session.post(f"{server.url}/echo_stream?aiohttp", data=pieces(number)) as answer:
            return await answer.read()

    connector = aiohttp.TCPConnector(limit=10, keepalive_timeout=120)
    async with aiohttp.ClientSession(connector=connector) as session:
        answers = await asyncio.gather(*[post(session, number) for number in range(200)])
    assert answers == [
        b"".join(b"%d.%d " % (number, piece) for piece in range(5)) for number in range(200)
    ]
    assert count_connections(server, "?aiohttp") <= 10


def test_pipelined_answers_that_wait_for_their_reader_arrive_whole_and_in_order(server):
    # Of answers that go out at once, some fit the kernel's buffers in part.
    bodies = [b"%04d" % number * 2000 for number in range(1000)]
    with RawClient(server.address, receive_buffer_bytes=4096) as raw:
        requests = b"".join(
            b"POST /echo HTTP/1.1\r\nhost: e2e\r\ncontent-length: 8000\r\n\r\n" + body
            for body in bodies
        )
        sender = threading.Thread(target=raw.send, args=[requests], daemon=True)
        sender.start()
        # Until the server, whose answers nobody takes, takes no more of the eight megabytes.
        sender.join(0.3)
        assert sender.is_alive()
        for body in bodies:
            assert raw.read_answer().body == body
        sender.join()
