"""WebSockets as every real client sees them."""

import os

import pytest

from .journal import wait_for_journal
from .websocket_clients import WEBSOCKET_CLIENTS, Closed, Refused


@pytest.fixture(scope="module")
def server(start_shared_server):
    return start_shared_server(
        "-m", "asgiserve", "websocket_site:app", "--port", "0", has_calm_clients=True
    )


@pytest.fixture
def url(server):
    return server.url.replace("http", "ws", 1)


@pytest.fixture(params=sorted(WEBSOCKET_CLIENTS))
def client(request):
    return WEBSOCKET_CLIENTS[request.param]()


@pytest.mark.parametrize(
    "message",
    ["hello", "", "größer als ASCII: 🐍", b"", bytes(range(256)), "wörter " * 20_000],
    ids=["text", "empty", "unicode", "empty-binary", "binary", "long-text"],
)
async def test_message_comes_back(client, url, message):
    await client.connect(f"{url}/echo")
    await client.send(message)
    assert await client.receive() == message
    await client.close()


async def test_messages_come_back_in_order(client, url):
    await client.connect(f"{url}/echo")
    messages = [f"number {number}" * (number % 7) for number in range(500)]
    for message in messages:
        await client.send(message)
    assert [await client.receive() for _ in messages] == messages
    await client.close()


async def test_messages_of_1_mib_come_back(client, url):
    await client.connect(f"{url}/echo")
    for _ in range(5):
        message = os.urandom(1024 * 1024)
        await client.send(message)
        assert await client.receive() == message
    await client.close()


async def test_subprotocol_and_fields_of_the_application_arrive(client, url):
    await client.connect(f"{url}/choose", ("soap", "chat.v2"))
    assert client.subprotocol == "chat.v2"
    fields = [(name.lower(), value) for name, value in client.headers]
    assert ("x-extra", "yes") in fields
    cookies = [value for name, value in fields if name == "set-cookie"]
    assert cookies == ["one=1", "two=2"]
    assert await client.receive() == "['soap', 'chat.v2']"
    await client.close()


async def test_close_of_the_application_arrives(client, url, server):
    case = f"closed-by-app-{type(client).__name__}"
    await client.connect(f"{url}/close?case={case}&code=4321&reason=t%C3%BCr+zu")
    assert await client.receive() == "last words"
    with pytest.raises(Closed) as caught:
        await client.receive()
    assert (caught.value.code, caught.value.reason) == (4321, "tür zu")
    await client.close()
    wait_for_journal(server, case, [[4321, "tür zu"]])


async def test_close_of_the_client_arrives(client, url, server):
    case = f"closed-by-client-{type(client).__name__}"
    await client.connect(f"{url}/echo?case={case}")
    await client.close(3001, "bin müde")
    wait_for_journal(server, case, [[3001, "bin müde"]])


async def test_refusal_is_a_403(client, url):
    with pytest.raises(Refused) as caught:
        await client.connect(f"{url}/refuse")
    assert caught.value.status == 403


async def test_denial_has_the_status_of_the_application(client, url):
    with pytest.raises(Refused) as caught:
        await client.connect(f"{url}/deny")
    assert caught.value.status == 401


async def test_application_that_returns_closes_with_1000(client, url):
    await client.connect(f"{url}/leave")
    with pytest.raises(Closed) as caught:
        await client.receive()
    assert (caught.value.code, caught.value.reason) == (1000, "")
    await client.close()
