"""httpx, with and without asyncio: at the first try, and without a warning of the server."""

import asyncio
import email
import hashlib
import os
from email.policy import HTTP

import httpx
import pytest

from .waiting import DEADLINE_S


@pytest.fixture(scope="module")
def server(start_shared_server):
    return start_shared_server(
        "-m", "asgiserve", "asgi_site:app", "--port=0", has_calm_clients=True
    )


@pytest.fixture
def client(server):
    with httpx.Client(base_url=server.url, timeout=DEADLINE_S, trust_env=False) as client:
        yield client


@pytest.fixture
async def async_client(server):
    async with httpx.AsyncClient(
        base_url=server.url, timeout=DEADLINE_S, trust_env=False
    ) as client:
        yield client


def port_of(answer):
    """The client's port, which tells connections apart."""
    return answer.extensions["network_stream"].get_extra_info("client_addr")[1]


def digest_of(content):
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


CONTENT = os.urandom(1_000_003)


def pieces_of(content):
    yield from (content[at : at + 50_000] for at in range(0, len(content), 50_000))


async def async_pieces_of(content):
    for piece in pieces_of(content):
        await asyncio.sleep(0)
        yield piece


def test_methods_and_statuses_share_one_connection(client, seen_requests):
    asked = [
        ("GET", "/hello", 200, b"Hello, world!"),
        ("HEAD", "/hello", 200, b""),
        ("POST", "/echo", 200, b"body"),
        ("GET", "/status?code=204", 204, b""),
        ("GET", "/unchanged", 304, b""),
        ("PUT", "/refuse_unread", 403, b"not read"),
        ("GET", "/gather_sends", 200, b"".join(b"%d;" % n for n in range(20)) + b"end"),
        ("OPTIONS", "/hello", 200, b"Hello, world!"),
        ("GET", "/gzipped", 200, b"many words " * 1000),
    ]
    ports = set()
    for method, target, status, body in asked:
        content = b"body" if method in ("POST", "PUT") else None
        answer = client.request(method, target, content=content, headers={"if-none-match": '"one"'})
        assert (answer.status_code, answer.content) == (status, body)
        ports.add(port_of(answer))
    assert len(ports) == 1
    assert seen_requests() == [f"{method} {target} {status}" for method, target, status, _ in asked]


def test_stream_arrives_piece_by_piece(client, seen_requests):
    with client.stream("POST", "/echo_stream", content=pieces_of(CONTENT)) as answer:
        assert answer.headers["transfer-encoding"] == "chunked"
        assert b"".join(answer.iter_raw()) == CONTENT
    assert seen_requests() == ["POST /echo_stream 200"]


def test_stream_without_an_end_can_be_left(client, server):
    with client.stream("GET", "/stream_for_ever?case=httpx-leaves") as answer:
        assert next(answer.iter_raw()).startswith(b"data: tick")
    server.wait_for_log("stream: OSError from send")
    assert client.get("/hello").text == "Hello, world!"


def test_upload_in_chunks_arrives_whole(client, seen_requests):
    answer = client.post("/digest", content=pieces_of(CONTENT))
    assert answer.json() == digest_of(CONTENT)
    assert seen_requests() == ["POST /digest 200"]


def test_refused_upload_gets_its_answer(client, seen_requests):
    answer = client.post("/refuse_unread", content=CONTENT)
    assert (answer.status_code, answer.text) == (403, "not read")
    assert client.get("/hello").status_code == 200
    assert seen_requests() == ["POST /refuse_unread 403", "GET /hello 200"]


def test_form_with_a_file_arrives_whole(client, seen_requests):
    files = {"file": ("größe.bin", CONTENT, "application/x-e2e")}
    answer = client.post("/echo", data={"name": "many words"}, files=files)
    head = f"content-type: {answer.request.headers['content-type']}\r\n\r\n".encode()
    name, file = email.message_from_bytes(head + answer.content, policy=HTTP).iter_parts()
    assert name.get_content().strip() == "many words"
    assert file.get_content() == CONTENT
    assert seen_requests() == ["POST /echo 200"]


async def test_concurrent_requests_are_each_answered_once(async_client, seen_requests):
    targets = [f"/digest?{number}" for number in range(30)]
    answers = await asyncio.gather(
        *[async_client.post(target, content=target.encode() * 1000) for target in targets]
    )
    for target, answer in zip(targets, answers, strict=True):
        assert answer.json() == digest_of(target.encode() * 1000)
    seen = await asyncio.to_thread(seen_requests)
    assert sorted(seen) == sorted(f"POST {target} 200" for target in targets)


async def test_connections_are_kept_and_used_again(server):
    opened = []

    async def trace(event, info):
        if event == "connection.connect_tcp.complete":
            opened.append(info)

    limited = httpx.Limits(max_connections=3, max_keepalive_connections=3)
    async with httpx.AsyncClient(
        base_url=server.url, limits=limited, trust_env=False, timeout=DEADLINE_S
    ) as client:
        gets = [client.get("/hello", extensions={"trace": trace}) for _ in range(30)]
        answers = await asyncio.gather(*gets)
        for _ in range(5):
            answers.append(await client.get("/hello", extensions={"trace": trace}))
    assert {answer.status_code for answer in answers} == {200}
    assert len(opened) <= 3


async def test_streams_go_up_and_down_at_once(async_client, seen_requests):
    async with async_client.stream(
        "POST", "/echo_stream", content=async_pieces_of(CONTENT)
    ) as answer:
        assert b"".join([piece async for piece in answer.aiter_raw()]) == CONTENT
    assert await asyncio.to_thread(seen_requests) == ["POST /echo_stream 200"]


async def test_request_that_is_cancelled_leaves_the_client_usable(async_client, server):
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await async_client.get("/long_poll?case=httpx-cancelled")
    await asyncio.to_thread(server.wait_for_log, "long poll got http.disconnect")
    assert (await async_client.get("/hello")).status_code == 200
