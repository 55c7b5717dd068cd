"""WebSocket's finer points, by the client of websockets and by bytes."""

import ast
import hashlib
import json
import struct

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.ws_peer import (
    CLOSE,
    PING,
    TEXT,
    Frame,
    client_close,
    client_frame,
    handshake,
)

from .journal import wait_for_journal
from .raw_websocket import RawWebSocket
from .waiting import DEADLINE_S
from .websocket_clients import open_websocket

SITE = "websocket_site:app"

MIB = 1024 * 1024


def close_frame(code, reason=""):
    return Frame(CLOSE, struct.pack("!H", code) + reason.encode())


# --- handshake ------------------------------------------------------------------------------------


def test_messages_in_the_packet_of_the_handshake_are_kept(server, open_raw_websocket):
    texts = [b"number %d" % number for number in range(50)]
    data = b"".join(client_frame(TEXT, text) for text in texts)
    raw = open_raw_websocket(server, "/echo", data=data)
    assert [raw.read_frame() for _ in texts] == [Frame(TEXT, text) for text in texts]


def test_close_in_the_packet_of_the_handshake_is_answered(server, open_raw_websocket):
    raw = open_raw_websocket(server, "/echo?case=at-once", data=client_close(3000, "at once"))
    assert raw.read_frame() == close_frame(3000)
    assert raw.read_to_end() == b""
    wait_for_journal(server, "at-once", [[3000, "at once"]])


def test_handshake_behind_other_requests_is_served(server):
    with RawWebSocket(server.address) as raw:
        assert raw.get("/hello").body == b"Hello, world!"
        raw.send(b"GET /hello HTTP/1.1\r\nhost: e2e\r\n\r\n" + handshake("/echo"))
        assert raw.read_answer().body == b"Hello, world!"
        assert raw.read_until(b"\r\n\r\n").startswith(b"HTTP/1.1 101 ")
        raw.send(client_frame(TEXT, b"hello"))
        assert raw.read_frame() == Frame(TEXT, b"hello")


def test_handshake_of_another_version_is_a_426(server, connect):
    raw = connect(server)
    raw.send(handshake("/echo", sec_websocket_version="12"))
    answer = raw.read_answer()
    assert (answer.status, answer.header("sec-websocket-version")) == (426, "13")


def test_scope_tells_what_the_handshake_says(server):
    fields = {"origin": "http://elsewhere", "x-twice": "a"}
    target = "/scope?q=caf%C3%A9"
    with open_websocket(
        server, target, additional_headers=fields, subprotocols=["a", "b"]
    ) as socket:
        local_address = socket.local_address
        scope = ast.literal_eval(socket.recv(DEADLINE_S))
    assert scope["type"] == "websocket"
    assert scope["scheme"] == "ws"
    assert (scope["path"], scope["raw_path"]) == ("/scope", b"/scope")
    assert scope["query_string"] == b"q=caf%C3%A9"
    assert scope["subprotocols"] == ["a", "b"]
    assert scope["client"] == local_address
    assert scope["server"] == server.address
    assert (b"origin", b"http://elsewhere") in scope["headers"]
    assert "websocket.http.response" in scope["extensions"]
    assert scope["state"]["number"] == 1


def test_denial_is_streamed_to_the_client(server):
    with pytest.raises(InvalidStatus) as caught, open_websocket(server, "/deny"):
        pass
    answer = caught.value.response
    assert (answer.status_code, answer.body) == (401, b"who are you?")
    assert answer.headers["www-authenticate"] == "Basic"
    assert answer.headers["content-type"] == "text/plain"


def test_crash_before_accept_is_a_500(server):
    with pytest.raises(InvalidStatus) as caught, open_websocket(server, "/crash_early"):
        pass
    assert caught.value.response.status_code == 500
    server.expect_traceback("RuntimeError: broken before accept")


def test_crash_after_accept_closes_with_1011(server):
    with open_websocket(server, "/crash") as socket:
        with pytest.raises(ConnectionClosed) as caught:
            socket.recv(DEADLINE_S)
        assert caught.value.rcvd.code == 1011
    server.expect_traceback("RuntimeError: broken after accept")


def test_access_log_tells_of_open_and_close(server):
    with open_websocket(server, "/echo?case=logged") as socket:
        for _ in range(3):
            socket.send("hello")
            socket.recv(DEADLINE_S)
    wait_for_journal(server, "logged", [[1000, ""]])
    server.wait_for_log(r"/echo\?case=logged.* 101\b")
    server.wait_for_log(r"/echo\?case=logged.* 1000\b")


def test_websockets_can_be_turned_off(start, connect):
    server = start("--ws", "none")
    raw = connect(server)
    raw.send(handshake("/hello"))
    answer = raw.read_answer()
    assert (answer.status, answer.body) == (200, b"Hello, world!")


# --- messages -------------------------------------------------------------------------------------


@pytest.mark.parametrize("compression", ["deflate", None])
def test_fragments_arrive_as_one_message(server, compression):
    with open_websocket(server, "/echo", compression=compression) as socket:
        socket.send(["one ", "", "twö ", "three " * 10_000])
        assert socket.recv(DEADLINE_S) == "one twö " + "three " * 10_000
        socket.send([b"\x00", b"\x01" * 100_000, b"\x02"])
        assert socket.recv(DEADLINE_S) == b"\x00" + b"\x01" * 100_000 + b"\x02"


def test_ping_between_fragments_is_answered_at_once(server):
    with open_websocket(server, "/echo") as socket:
        pongs = []

        def fragments():
            yield "before "
            pongs.append(socket.ping(b"between").wait(DEADLINE_S))
            yield "after"

        socket.send(fragments())
        assert socket.recv(DEADLINE_S) == "before after"
    assert pongs == [True]


def test_ping_is_answered_while_the_application_is_busy(server, tmp_path):
    permission = tmp_path / "go"
    with open_websocket(server, f"/hold?path={permission}") as socket:
        socket.send("wait")
        assert socket.ping().wait(DEADLINE_S)
        permission.touch()
        socket.send("how many?")
        assert socket.recv(DEADLINE_S) == "2"


def test_compressed_messages_come_back(server):
    value = json.dumps([{"name": f"item {number}", "price": number / 4} for number in range(5000)])
    with open_websocket(server, "/echo") as socket:
        assert [extension.name for extension in socket.protocol.extensions] == [
            "permessage-deflate"
        ]
        for message in (value, value[::-1], "short", value.encode(), value):
            socket.send(message)
            assert socket.recv(DEADLINE_S) == message


def test_compression_saves_bytes_on_the_wire(server, open_raw_websocket):
    raw = open_raw_websocket(server, "/echo", sec_websocket_extensions="permessage-deflate")
    raw.send(client_frame(TEXT, b"again and " * 1000))
    echo = raw.read_frame()
    assert echo.is_compressed
    assert len(echo.payload) < 200


def test_compression_can_be_turned_off(start):
    server = start("--no-ws-per-message-deflate")
    with open_websocket(server, "/echo") as socket:
        assert socket.protocol.extensions == []
        socket.send("again and " * 1000)
        assert socket.recv(DEADLINE_S) == "again and " * 1000


def test_message_of_16_mib_arrives_whole_and_a_larger_one_is_a_1009(server):
    data = bytes(range(256)) * (16 * MIB // 256)
    with open_websocket(server, "/digest", compression=None) as socket:
        socket.send(data)
        assert socket.recv(DEADLINE_S) == f"{16 * MIB} {hashlib.sha256(data).hexdigest()}"
        assert code_after(socket, data + b"x") == 1009


@pytest.mark.parametrize("compression", ["deflate", None])
def test_message_over_the_limit_is_a_1009(start, compression):
    server = start("--ws-max-size", "1000")
    for message in ["x" * 1001, ["x" * 600, "x" * 401], b"\x00" * 5_000_000]:
        with open_websocket(server, "/echo", compression=compression) as socket:
            socket.send("x" * 1000)
            assert socket.recv(DEADLINE_S) == "x" * 1000
            assert code_after(socket, message) == 1009


def code_after(socket, message):
    """The code with which the server closes after *message*."""
    try:
        socket.send(message)
        socket.recv(DEADLINE_S)
    except ConnectionClosed as end:
        return end.rcvd.code if end.rcvd else None
    raise AssertionError("the server has not closed")


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (b"\x81\x02hi", 1002),  # not masked
        (client_frame(TEXT, b"\xff"), 1007),
        (client_frame(3, b""), 1002),
        (client_frame(PING, b"x" * 126), 1002),
        (client_close(1006), 1002),
    ],
    ids=["unmasked", "not-utf-8", "opcode", "long-ping", "close-code"],
)
def test_breach_of_the_protocol_is_told_by_a_close_code(server, open_raw_websocket, bad, code):
    raw = open_raw_websocket(server, "/echo", data=client_frame(TEXT, b"fine"))
    assert raw.read_frame() == Frame(TEXT, b"fine")
    raw.send(bad)
    assert raw.read_frame().payload[:2] == struct.pack("!H", code)
    raw.half_close()
    assert raw.read_to_end() == b""
