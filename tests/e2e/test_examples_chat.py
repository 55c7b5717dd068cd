"""The example of a chat: two real servers, the real Redis between them, nginx before them."""

import signal
import sys
from contextlib import ExitStack

import pytest
from websockets.exceptions import ConnectionClosedError

from .programs import EXAMPLES, host_and_port
from .waiting import DEADLINE_S, wait_until
from .websocket_clients import open_websocket_at

if sys.platform == "win32":
    pytest.skip("nginx and Redis run on unix", allow_module_level=True)

HANDSHAKE = 'GET /chat HTTP/1.1" 101'


@pytest.fixture
def servers(start_server, programs):
    environment = {"REDIS_URL": programs.start_redis()}
    options = ["chat:app", "--port=0", f"--app-dir={EXAMPLES / 'chat'}"]
    return [start_server("-m", "asgiserve", *options, environment=environment) for _ in range(2)]


@pytest.fixture
def join(servers, programs):
    """Let one more member into the chat, by the address that both servers share."""
    changes = {
        "127.0.0.1:8001": host_and_port(servers[0]),
        "127.0.0.1:8002": host_and_port(servers[1]),
    }
    port = programs.start_nginx("chat/nginx.conf", changes)
    with ExitStack() as stack:
        yield lambda: stack.enter_context(open_websocket_at(("127.0.0.1", port), "/chat"))


def assert_all_hear(members, text):
    members[0].send(text)
    for member in members:
        assert member.recv(DEADLINE_S) == text


def test_messages_cross_between_the_servers(servers, join):
    members = [join() for _ in range(4)]
    for server in servers:
        wait_until(lambda s=server: s.log().count(HANDSHAKE) == 2, "half of the members")
    for number in range(len(members)):
        # Each speaks in turn, so that messages cross in both directions.
        assert_all_hear(members[number:] + members[:number], f"this is number {number}")


def test_members_of_a_server_that_stops_go_to_the_other(servers, join):
    members = [join() for _ in range(2)]
    assert_all_hear(members, "hello")
    stopping, staying = servers
    stopping.send_signal(signal.SIGTERM)
    assert stopping.exit_status() == 0
    codes = [close_code(member) for member in members]
    assert sorted(codes, key=str) == [1012, None]
    members[codes.index(1012)] = join()
    assert_all_hear(members, "here again")
    wait_until(lambda: staying.log().count(HANDSHAKE) == 2, "both at the server that stays")


def close_code(member):
    """The code that *member* was sent away with; None for one who is there."""
    try:
        member.send("is anybody there?")
        assert member.recv(DEADLINE_S) == "is anybody there?"
    except ConnectionClosedError as end:
        return end.rcvd.code if end.rcvd else 1006
    return None


def test_server_without_redis_does_not_start(start_server, tmp_path):
    server = start_server(
        "-m",
        "asgiserve",
        "chat:app",
        f"--app-dir={EXAMPLES / 'chat'}",
        environment={"REDIS_URL": f"unix://{tmp_path}/none"},
        wait=False,
    )
    assert server.exit_status() == 3
    assert "redis.exceptions.ConnectionError" in server.log()
    server.end_test()  # the tracebacks are the application's
