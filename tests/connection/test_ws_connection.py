"""A WebSocket over a fake transport: handshake, messages, ends, time-outs, the application's order.

RFC 6455 sections 4, 5.5 and 7; ASGI WebSocket 2.5.
"""

from __future__ import annotations

import asyncio
import gc
import struct
import sys
import zlib

import pytest

from asgiserve.config.config import Config
from asgiserve.errors import ClientDisconnected
from tests.apps import RecordingApp
from tests.fakes import FakeTransport, Wire
from tests.http_responses import read_responses
from tests.ws_peer import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    Frame,
    client_close,
    client_frame,
    handshake,
    read_frames,
    split_answer,
)


class WsApp:
    """Accepts, then calls *serve*; keeps the scope, the events and what it raised."""

    def __init__(self, serve=None, **accept):
        self.accept = accept
        self.events = []
        self.error = None
        self.scope = None
        self.serve = serve or self.echo

    async def __call__(self, scope, receive, send):
        self.scope = scope

        async def record():
            event = await receive()
            self.events.append(event)
            return event

        try:
            assert (await record())["type"] == "websocket.connect"
            if self.accept is not None:
                await send({"type": "websocket.accept", **self.accept})
            await self.serve(record, send)
        except BaseException as exc:
            self.error = exc
            raise

    async def echo(self, receive, send):
        while (event := await receive())["type"] == "websocket.receive":
            await send({**event, "type": "websocket.send"})


def refusing(serve):
    app = WsApp(serve)
    app.accept = None
    return app


def frames_of(wire):
    return read_frames(split_answer(wire.sent)[1])


def close_frame(code, reason=""):
    return Frame(CLOSE, struct.pack("!H", code) + reason.encode())


@pytest.fixture
def app():
    return WsApp()


@pytest.fixture
def wire(impl, app):
    with Wire(impl, app) as wire:
        wire.feed(handshake("/chat?a=1", sec_websocket_protocol="v1, v2"))
        yield wire


def websocket_of(wire):
    (connection,) = wire.context.connections
    return connection


def begin_draining(wire):
    wire.context.is_draining = True
    for connection in wire.context.connections.copy():
        wire.call(connection.start_draining)


async def wait_forever(receive, send):
    await asyncio.Event().wait()


# The handshake.


def test_handshake_is_answered_and_the_scope_says_what_was_asked(wire, app):
    head, rest = split_answer(wire.sent)
    assert head.startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
    assert b"sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in head
    assert rest == b""
    scope = app.scope
    assert (scope["type"], scope["scheme"], scope["path"]) == ("websocket", "ws", "/chat")
    assert scope["subprotocols"] == ["v1", "v2"]
    assert "method" not in scope
    assert scope["extensions"] == {"websocket.http.response": {}}


def test_accept_carries_subprotocol_and_headers(impl):
    with Wire(impl, WsApp(subprotocol="v2", headers=[(b"X-A", b"1")])) as wire:
        wire.feed(handshake(sec_websocket_protocol="v1, v2"))
        head, _rest = split_answer(wire.sent)
        assert b"\r\nsec-websocket-protocol: v2\r\n" in head
        assert b"\r\nx-a: 1\r\n" in head


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"sec_websocket_version": "8"}, 426),
        ({"sec_websocket_version": None}, 426),
        ({"sec_websocket_key": None}, 400),
        ({"sec_websocket_key": "dG9vIHNob3J0"}, 400),
        ({"content_length": "3"}, 400),
    ],
)
def test_bad_handshake_is_refused(impl, app, fields, status):
    with Wire(impl, app) as wire:
        wire.feed(handshake(**fields))
        response = read_responses(wire.sent)[0]
        assert response.status == status
        assert (b"sec-websocket-version", b"13") in response.headers or status == 400
        assert app.scope is None
        assert not wire.is_open


def test_upgrade_is_ignored_where_websockets_are_switched_off(impl):
    app = RecordingApp()
    with Wire(impl, app, ws="none") as wire:
        wire.feed(handshake())
        assert read_responses(wire.sent)[0].status == 200
        assert app.requests[0].scope["type"] == "http"


@pytest.mark.parametrize("is_split", [False, True])
def test_bytes_behind_the_handshake_are_kept(impl, app, is_split):
    data = handshake() + client_frame(TEXT, b"early") + client_frame(TEXT, b"bird")
    with Wire(impl, app) as wire:
        wire.feed(*([data[at : at + 1] for at in range(len(data))] if is_split else [data]))
        assert frames_of(wire) == [Frame(TEXT, b"early"), Frame(TEXT, b"bird")]


def test_bytes_before_the_accept_do_not_pile_up(impl):
    app = refusing(wait_forever)
    with Wire(impl, app) as wire:
        wire.feed(handshake(), *[client_frame(BINARY, b"x" * 16000)] * 40)
        assert wire.transport.unread_bytes > 30 * 16000


# Messages.


def test_messages_are_echoed(wire, app):
    wire.feed(
        client_frame(TEXT, "gr\u00fc\u00df".encode()), client_frame(BINARY, bytes(range(256)) * 300)
    )
    wire.feed(client_frame(TEXT, b"a", is_final=False) + client_frame(PING, b"p"))
    wire.feed(client_frame(CONTINUATION, b"b"))
    assert frames_of(wire) == [
        Frame(TEXT, "gr\u00fc\u00df".encode()),
        Frame(BINARY, bytes(range(256)) * 300),
        Frame(PONG, b"p"),
        Frame(TEXT, b"ab"),
    ]
    assert app.events[1] == {"type": "websocket.receive", "text": "gr\u00fc\u00df"}
    assert app.events[2]["bytes"][:3] == b"\x00\x01\x02"


def test_ping_is_answered_while_the_application_is_busy(impl):
    with Wire(impl, WsApp(wait_forever)) as wire:
        wire.feed(handshake(), client_frame(PING, b"1"), client_frame(PING, b""))
        assert frames_of(wire) == [Frame(PONG, b"1"), Frame(PONG, b"")]


def test_full_queue_pauses_the_socket_until_half_of_it_is_taken(impl):
    async def serve(receive, send):
        await gate.wait()
        for _ in range(8):
            await receive()
        await wait_forever(receive, send)

    app = WsApp(serve)
    with Wire(impl, app, ws_max_queue=8) as wire:
        gate = asyncio.Event()
        wire.feed(handshake(), *[client_frame(TEXT, b"%d" % number) for number in range(20)])
        assert wire.transport.unread_bytes > 0
        wire.call(gate.set)
        assert [event.get("text") for event in app.events[1:]] == list("01234567")
        assert wire.transport.unread_bytes > 0


def test_every_message_comes_though_the_queue_is_small(impl, app):
    with Wire(impl, app, ws_max_queue=1) as wire:
        wire.feed(handshake(), b"".join(client_frame(TEXT, b"%d" % n) for n in range(100)))
        assert [int(frame.payload) for frame in frames_of(wire)] == list(range(100))


def test_compression_is_agreed_on_and_works_both_ways(impl, app):
    deflater = zlib.compressobj(wbits=-12)
    payload = deflater.compress(b"hello " * 100) + deflater.flush(zlib.Z_SYNC_FLUSH)
    offer = "permessage-deflate; client_max_window_bits"
    with Wire(impl, app) as wire:
        wire.feed(handshake(sec_websocket_extensions=offer))
        assert b"sec-websocket-extensions: permessage-deflate" in split_answer(wire.sent)[0]
        wire.feed(client_frame(TEXT, payload[:-4], is_compressed=True))
        (frame,) = frames_of(wire)
        assert frame.is_compressed
        inflated = zlib.decompressobj(-15).decompress(frame.payload + b"\x00\x00\xff\xff")
        assert inflated == b"hello " * 100


def test_compressor_is_given_up_in_a_pause(impl, app):
    text = b'{"name": "value", "number": 1234567890}' * 5

    def send_twice():
        for _ in range(2):
            wire.feed(client_frame(TEXT, text))
        return [len(frame.payload) for frame in frames_of(wire)]

    with Wire(impl, app) as wire:
        wire.feed(handshake(sec_websocket_extensions="permessage-deflate"))
        send_twice()
        assert send_twice()[-1] < 20
        wire.tick(3)
        assert send_twice()[-1] > 20


def test_compression_can_be_switched_off(impl, app):
    with Wire(impl, app, ws_per_message_deflate=False) as wire:
        wire.feed(handshake(sec_websocket_extensions="permessage-deflate"))
        assert b"sec-websocket-extensions" not in wire.sent


def test_slow_reader_stops_its_sender(impl):
    sent = 0

    async def serve(receive, send):
        nonlocal sent
        while True:
            await send({"type": "websocket.send", "bytes": b"x" * 10_000})
            sent += 1

    with Wire(impl, WsApp(serve)) as wire:
        wire.transport.stall()
        wire.feed(handshake())
        assert 5 <= sent <= 10
        wire.feed(client_frame(PING, b"1"), client_frame(PING, b"2"))
        wire.drain(120_000)
        assert 10 < sent <= 25
        wire.lose()


def test_only_the_last_ping_of_a_slow_reader_is_answered(impl):
    async def serve(receive, send):
        await send({"type": "websocket.send", "bytes": b"x" * 100_000})
        await wait_forever(receive, send)

    with Wire(impl, WsApp(serve)) as wire:
        wire.transport.stall()
        wire.feed(handshake(), *[client_frame(PING, b"%d" % number) for number in range(50)])
        wire.drain()
        assert frames_of(wire)[1:] == [Frame(PONG, b"49")]


# Ends.


@pytest.mark.parametrize(
    ("close", "answer", "code", "reason"),
    [
        (client_close(1000, "bye"), close_frame(1000), 1000, "bye"),
        (client_close(4321), close_frame(4321), 4321, ""),
        (client_close(), Frame(CLOSE, b""), 1005, ""),
    ],
    # Names without the mask, which is another one in each process.
    ids=["code and reason", "code", "nothing"],
)
def test_close_of_the_client_is_answered(wire, app, close, answer, code, reason):
    wire.feed(close)
    assert frames_of(wire) == [answer]
    assert app.events[-1] == {"type": "websocket.disconnect", "code": code, "reason": reason}
    assert app.error is None
    assert not wire.is_open


def test_close_of_the_application_waits_for_the_clients(impl):
    async def serve(receive, send):
        await send({"type": "websocket.close", "code": 3000, "reason": "done"})

    with Wire(impl, WsApp(serve)) as wire:
        wire.feed(handshake())
        assert frames_of(wire) == [close_frame(3000, "done")]
        wire.feed(client_frame(TEXT, b"late"))
        assert wire.is_open
        wire.feed(client_close(3000))
        assert not wire.is_open
        assert len(frames_of(wire)) == 1


def test_client_that_does_not_answer_a_close_is_closed(impl):
    async def serve(receive, send):
        await send({"type": "websocket.close"})

    with Wire(impl, WsApp(serve)) as wire:
        wire.feed(handshake())
        wire.tick(9)
        assert wire.is_open
        wire.tick(2)
        assert not wire.is_open


def test_application_that_returns_closes_normally(impl):
    async def serve(receive, send):
        return

    with Wire(impl, WsApp(serve)) as wire:
        wire.feed(handshake())
        assert frames_of(wire) == [close_frame(1000)]


def test_application_that_fails_closes_with_1011(impl, caplog):
    async def serve(receive, send):
        raise ValueError("broken")

    with Wire(impl, WsApp(serve)) as wire:
        wire.feed(handshake())
        assert frames_of(wire) == [close_frame(1011)]
    assert caplog.text.count("ValueError: broken") == 1


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (client_frame(TEXT, b"\xff"), 1007),
        (client_frame(3), 1002),
        (b"\x81\x01a", 1002),
        (client_frame(BINARY, b"x" * 1001), 1009),
    ],
    ids=["no UTF-8", "reserved opcode", "no mask", "too large"],
)
def test_wrong_frames_fail_the_connection(impl, app, data, code):
    with Wire(impl, app, ws_max_size=1000) as wire:
        wire.feed(handshake(), data)
        (frame,) = frames_of(wire)
        assert (frame.opcode, frame.payload[:2]) == (CLOSE, struct.pack("!H", code))
        assert app.events[-1]["type"] == "websocket.disconnect"
        assert app.events[-1]["code"] == code
        assert not wire.is_open


def test_failure_waits_for_the_answers_to_what_came_before(impl, app):
    with Wire(impl, app) as wire:
        wire.feed(handshake(), client_frame(TEXT, b"a") + client_frame(3) + client_frame(TEXT))
        echo, close = frames_of(wire)
        assert echo == Frame(TEXT, b"a")
        assert close.payload[:2] == struct.pack("!H", 1002)
        assert not wire.is_open


def test_failure_does_not_wait_for_a_busy_application(impl):
    app = WsApp(wait_forever)
    with Wire(impl, app) as wire:
        wire.feed(handshake(), client_frame(TEXT, b"a") + client_frame(3))
        assert frames_of(wire) == []
        wire.tick(2)
        assert frames_of(wire)[0].payload[:2] == struct.pack("!H", 1002)
        assert not wire.is_open


def test_lost_connection_is_told_after_the_messages_that_came(impl):
    async def serve(receive, send):
        await gate.wait()
        while (await receive())["type"] == "websocket.receive":
            pass
        with pytest.raises(ClientDisconnected):
            await send({"type": "websocket.send", "text": "to nobody"})

    app = WsApp(serve)
    with Wire(impl, app) as wire:
        gate = asyncio.Event()
        wire.feed(handshake(), client_frame(TEXT, b"1"), client_frame(TEXT, b"2"))
        wire.lose()
        wire.call(gate.set)
        assert [event["type"] for event in app.events[1:]] == [
            "websocket.receive",
            "websocket.receive",
            "websocket.disconnect",
        ]
        assert app.events[-1]["code"] == 1006
        assert app.error is None


def test_half_close_is_the_end(wire, app):
    wire.feed_eof()
    assert app.events[-1]["code"] == 1006
    assert not wire.is_open


def test_cancelled_receive_loses_no_message(impl):
    seen = []

    async def serve(receive, send):
        for _ in range(3):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(receive(), 1)
        while (event := await receive())["type"] == "websocket.receive":
            seen.append(event["text"])

    with Wire(impl, WsApp(serve)) as wire:
        wire.feed(handshake())
        for _ in range(3):
            wire.loop.advance(1.5)
        wire.feed(client_frame(TEXT, b"1"), client_frame(TEXT, b"2"))
        assert seen == ["1", "2"]


# Refusals.


def test_close_before_accept_is_403(impl):
    async def serve(receive, send):
        await send({"type": "websocket.close"})

    with Wire(impl, refusing(serve)) as wire:
        wire.feed(handshake())
        assert read_responses(wire.sent)[0].status == 403
        assert not wire.is_open


def test_denial_is_answered_as_the_application_says(impl):
    async def serve(receive, send):
        headers = [(b"content-type", b"text/plain")]
        await send({"type": "websocket.http.response.start", "status": 401, "headers": headers})
        await send({"type": "websocket.http.response.body", "body": b"go ", "more_body": True})
        await send({"type": "websocket.http.response.body", "body": b"away"})

    with Wire(impl, refusing(serve)) as wire:
        wire.feed(handshake())
        response = read_responses(wire.sent)[0]
        assert (response.status, response.body) == (401, b"go away")
        assert (b"content-type", b"text/plain") in response.headers
        assert not wire.is_open


@pytest.mark.parametrize("is_raising", [False, True])
def test_application_that_ends_before_it_answers_gives_500(impl, caplog, is_raising):
    async def serve(receive, send):
        if is_raising:
            raise ValueError("broken")

    with Wire(impl, refusing(serve)) as wire:
        wire.feed(handshake())
        assert read_responses(wire.sent)[0].status == 500
        assert not wire.is_open
    assert ("ValueError: broken" in caplog.text) == is_raising
    assert caplog.text.count("serving GET /") == 1


# The order of messages.


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        (["websocket.send"], ["'websocket.send'", "'websocket.accept'"]),
        (["websocket.accept", "websocket.accept"], ["'websocket.accept'", "'websocket.send'"]),
        (
            ["websocket.http.response.start", "websocket.accept"],
            ["'websocket.accept'", "'websocket.http.response.body'"],
        ),
        (["websocket.accept", "http.response.start"], ["'http.response.start'"]),
    ],
)
def test_wrong_order_names_both_messages(impl, messages, words):
    async def serve(receive, send):
        for kind in messages:
            await send({"type": kind, "text": "a", "status": 400})

    app = refusing(serve)
    with Wire(impl, app) as wire:
        wire.feed(handshake())
    assert type(app.error).__name__ == "AppError"
    assert all(word in str(app.error) for word in words)


@pytest.mark.parametrize(
    "message",
    [
        {"type": "websocket.send"},
        {"type": "websocket.send", "text": None, "bytes": None},
        {"type": "websocket.send", "text": "a", "bytes": b"a"},
        {"type": "websocket.send", "text": b"a"},
        {"type": "websocket.send", "text": "lone \ud800"},
        {"type": "websocket.send", "bytes": "a"},
        {"type": "websocket.close", "code": 1005},
        {"type": "websocket.close", "code": "1000"},
        {"type": "websocket.close", "reason": b"no"},
        {"kind": "websocket.close"},
        None,
    ],
)
def test_malformed_messages_are_errors_of_the_application(impl, message):
    async def serve(receive, send):
        await send(message)

    app = WsApp(serve)
    with Wire(impl, app) as wire:
        wire.feed(handshake())
        assert frames_of(wire) == [close_frame(1011)]
    assert type(app.error).__name__ == "AppError"


def test_send_after_the_own_close_raises_an_oserror(impl):
    async def serve(receive, send):
        await send({"type": "websocket.close"})
        assert (await receive())["type"] == "websocket.disconnect"
        with pytest.raises(OSError, match=r"'websocket\.send'"):
            await send({"type": "websocket.send", "text": "a"})

    app = WsApp(serve)
    with Wire(impl, app) as wire:
        wire.feed(handshake())
    assert app.error is None


def test_subclasses_and_buffers_are_taken(impl):
    class Text(str):
        __slots__ = ()

    async def serve(receive, send):
        await send({"type": "websocket.send", "text": Text("a"), "bytes": None})
        await send({"type": "websocket.send", "bytes": bytearray(b"b")})

    with Wire(impl, WsApp(serve)) as wire:
        wire.feed(handshake())
        assert frames_of(wire)[:2] == [Frame(TEXT, b"a"), Frame(BINARY, b"b")]


# Time-outs and the server's end.


def test_ping_is_sent_and_its_pong_awaited(impl):
    app = WsApp()
    with Wire(impl, app, ws_ping_interval=5, ws_ping_timeout=3) as wire:
        wire.feed(handshake())
        wire.tick(6)
        (ping,) = frames_of(wire)
        assert ping.opcode == PING
        wire.feed(client_frame(PONG, b"not this"), client_frame(PONG, ping.payload))
        wire.tick(4)
        assert wire.is_open
        wire.tick(2)
        assert frames_of(wire)[1].opcode == PING
        wire.feed(client_frame(PONG, ping.payload))
        wire.tick(4)
        assert frames_of(wire)[2].payload[:2] == struct.pack("!H", 1011)
        assert app.events[-1]["code"] == 1011
        assert not wire.is_open


def test_pings_can_be_switched_off(impl, app):
    with Wire(impl, app, ws_ping_interval=None) as wire:
        wire.feed(handshake())
        wire.tick(100)
        assert frames_of(wire) == []


def test_reader_that_has_stopped_is_cut_off(impl):
    async def serve(receive, send):
        while True:
            await send({"type": "websocket.send", "bytes": b"x" * 10_000})

    app = WsApp(serve)
    with Wire(impl, app, timeout_write=5) as wire:
        wire.transport.stall()
        wire.feed(handshake())
        wire.tick(7)
        assert wire.transport.was_aborted
        assert isinstance(app.error, ClientDisconnected)


def test_drain_closes_with_1012(wire, app):
    wire.context.is_draining = True
    wire.call(wire.context.connections.copy().pop().start_draining)
    assert frames_of(wire) == [close_frame(1012)]
    assert app.events[-1] == {"type": "websocket.disconnect", "code": 1012, "reason": ""}
    wire.feed(client_close(1012))
    assert not wire.is_open


def test_drain_refuses_a_handshake_that_the_application_has_yet_to_answer(impl, caplog):
    async def serve(receive, send):
        assert (await receive())["type"] == "websocket.disconnect"
        await send({"type": "websocket.accept"})

    app = refusing(serve)
    with Wire(impl, app) as wire:
        wire.feed(handshake())
        begin_draining(wire)
        (response,) = read_responses(wire.sent)
        assert response.status == 503
        assert app.events[-1]["code"] == 1006
        assert isinstance(app.error, ClientDisconnected)
        wire.feed_eof()
        assert not wire.is_open
    assert not caplog.records


def test_drain_lets_the_application_end_its_denial(impl):
    async def serve(receive, send):
        await send({"type": "websocket.http.response.start", "status": 401})
        await send({"type": "websocket.http.response.body", "body": b"a", "more_body": True})
        await gate.wait()
        await send({"type": "websocket.http.response.body", "body": b"b"})

    with Wire(impl, refusing(serve)) as wire:
        gate = asyncio.Event()
        wire.feed(handshake())
        begin_draining(wire)
        wire.call(gate.set)
        (response,) = read_responses(wire.sent)
        assert (response.status, response.body) == (401, b"ab")


def test_handshake_that_comes_while_the_server_drains_is_refused(impl):
    app = RecordingApp()
    with Wire(impl, app) as wire:
        wire.context.is_draining = True
        wire.feed(handshake())
        (response,) = read_responses(wire.sent)
        assert response.status == 503
        assert not app.requests
        assert not wire.context.tasks


def test_handshake_that_waits_for_its_turn_is_refused_by_the_drain(impl):
    with Wire(impl, WsApp(), limit_concurrency=1, limit_queue=1) as wire:
        wire.feed(handshake())
        first = wire.transport
        wire.connect()
        wire.feed(handshake())
        assert wire.sent == b""
        begin_draining(wire)
        (response,) = read_responses(wire.sent)
        assert response.status == 503
        # It is not asked again, neither when there is room nor when its time is over.
        first.feed(client_close(1012))
        wire.tick(6)
        assert len(read_responses(wire.sent)) == 1


# --- peers that are waited for while the server drains


def test_peer_that_does_not_answer_the_close_is_given_up(wire):
    connection = websocket_of(wire)
    assert connection.count_progress() == -1
    begin_draining(wire)
    count = connection.count_progress()
    assert count > 0
    wire.feed(client_frame(TEXT, b"still here"))
    assert connection.count_progress() > count
    wire.call(connection.end_stalled)
    assert not wire.is_open


def test_peer_that_does_not_read_is_given_up_and_reset(impl):
    async def serve(receive, send):
        await send({"type": "websocket.send", "bytes": b"x" * 200_000})
        await receive()

    with Wire(impl, WsApp(serve)) as wire:
        wire.transport.stall()
        wire.feed(handshake())
        connection = websocket_of(wire)
        begin_draining(wire)
        count = connection.count_progress()
        wire.drain(1000)
        assert connection.count_progress() == count + 1000
        wire.call(connection.end_stalled)
        assert wire.transport.was_aborted


def test_handshake_that_is_never_answered_ends_with_the_drain(impl):
    app = refusing(wait_forever)
    with Wire(impl, app) as wire:
        wire.feed(handshake())
        wire.context.is_draining = True
        wire.call(wire.context.connections.copy().pop().tell_disconnect)
        assert read_responses(wire.sent)[0].status == 503
        assert not wire.is_open


def test_nothing_is_left_of_a_websocket(wire, app):
    assert len(wire.context.connections) == 1
    assert wire.context.active_requests == 1
    wire.feed(client_close(1000))
    wire.lose()
    assert not wire.context.connections
    assert not wire.context.tasks
    assert wire.context.active_requests == 0
    assert wire.context.requests_total == 1


def test_message_that_comes_while_a_receive_is_cancelled_is_for_the_next_one(impl):
    texts = []
    waiting = []

    async def serve(receive, send):
        waiting.append(asyncio.ensure_future(receive()))
        await asyncio.wait(waiting)
        for _ in range(2):
            texts.append((await receive())["text"])

    with Wire(impl, WsApp(serve)) as wire:
        wire.feed(handshake())

        def cancel_and_feed():
            waiting[0].cancel()
            wire.transport.get_protocol().data_received(client_frame(TEXT, b"one"))

        wire.call(cancel_and_feed)
        wire.feed(client_frame(TEXT, b"two"))
        assert texts == ["one", "two"]


def test_end_of_a_receive_that_is_kept_stays_as_it_was(impl):
    kept = []

    async def serve(receive, send):
        for _ in range(2):
            # As a trampoline does that steps awaitables itself.
            steps = app.receive().__await__()
            while True:
                try:
                    waited_for = next(steps)
                except StopIteration as end:
                    kept.append(end)
                    break
                await Suspended(waited_for)

    class Suspended:
        def __init__(self, waited_for):
            self.waited_for = waited_for

        def __await__(self):
            yield self.waited_for

    class Stepped(WsApp):
        async def __call__(self, scope, receive, send):
            self.receive = receive
            await super().__call__(scope, receive, send)

    app = Stepped(serve)
    with Wire(impl, app) as wire:
        wire.feed(handshake(), client_frame(TEXT, b"one"))
        wire.run()
        wire.feed(client_frame(TEXT, b"two"))
        assert [end.value["text"] for end in kept] == ["one", "two"]


@pytest.mark.skipif(sys.implementation.name != "cpython", reason="no reference is counted")
async def test_websocket_is_freed_without_the_garbage_collector(impl):
    async def serve(receive, send):
        while (await receive())["type"] == "websocket.receive":
            # A second task that waits, and is cancelled while it does.
            waiting = asyncio.create_task(receive())
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.wait([waiting])

    loop = asyncio.get_running_loop()
    worker = impl.context.WorkerContext(WsApp(serve), Config("main:app"), loop)
    gc.collect()
    gc.disable()
    try:
        for _ in range(3):
            transport = FakeTransport(loop)
            transport.connect(impl.http1_connection.Http1Connection(worker))
            transport.feed(handshake())
            for _ in range(3):
                await turns()
                transport.feed(client_frame(TEXT, b"hi"))
            await turns()
            transport.lose()
            await turns()
            # As a real transport does, which lets go of its protocol at the end.
            transport.set_protocol(None)
            del transport
        left = {type(thing).__name__ for thing in gc.get_objects()}
    finally:
        gc.enable()
    ours = {"Http1Connection", "WsConnection", "WsWireCycle", "MessageReader", "EventWait"}
    assert left & ours == set()


async def turns(count=10):
    for _ in range(count):
        await asyncio.sleep(0)
