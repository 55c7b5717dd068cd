"""What ``receive`` gives of a request, and how it may be awaited (ASGI HTTP 2.5, "Request")."""

from __future__ import annotations

import asyncio

import pytest

from tests.apps import RecordingApp, answer, body, read_body, receiving_app, start
from tests.fakes import Wire
from tests.http_responses import read_responses
from tests.ws_peer import handshake

GET = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"
POST_HEAD = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\n"
CHUNKED_HEAD = b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n"


def test_request_without_a_body_is_one_event(impl):
    events = []
    with Wire(impl, receiving_app(1, events)) as wire:
        wire.feed(GET)
    assert events == [{"type": "http.request", "body": b"", "more_body": False}]
    assert type(events[0]["body"]) is bytes


def test_body_in_the_same_read_is_one_event(impl):
    events = []
    with Wire(impl, receiving_app(1, events)) as wire:
        wire.feed(POST_HEAD + b"hello")
    assert events == [{"type": "http.request", "body": b"hello", "more_body": False}]


def test_body_is_given_as_it_comes(impl):
    events = []
    with Wire(impl, receiving_app(3, events)) as wire:
        wire.feed(POST_HEAD + b"he")
        assert [event["body"] for event in events] == [b"he"]
        wire.feed(b"l")
        assert [event["body"] for event in events] == [b"he", b"l"]
        wire.feed(b"lo")
    assert [event["body"] for event in events] == [b"he", b"l", b"lo"]
    assert [event["more_body"] for event in events] == [True, True, False]


def test_chunks_are_decoded(impl):
    events = []
    with Wire(impl, receiving_app(2, events)) as wire:
        wire.feed(CHUNKED_HEAD + b"2\r\nhe\r\n3;x=y\r\nllo\r\n")
        wire.feed(b"0\r\n\r\n")
    assert b"".join(event["body"] for event in events) == b"hello"
    assert [event["more_body"] for event in events] == [True, False]


def test_request_trailers_are_dropped(impl):  # RFC 9110 section 6.5.1
    events = []
    with Wire(impl, receiving_app(1, events)) as wire:
        wire.feed(CHUNKED_HEAD + b"5\r\nhello\r\n0\r\nx: y\r\n\r\n")
    assert events == [{"type": "http.request", "body": b"hello", "more_body": False}]


def test_request_trailers_are_given_when_asked_for(impl):
    events = []

    async def app(scope, receive, send):
        assert "http.request.trailers" in scope["extensions"]
        events.append(await receive())
        await answer(send)

    with Wire(impl, app, request_trailers=True) as wire:
        wire.feed(CHUNKED_HEAD + b"5\r\nhello\r\n0\r\nX: y\r\n\r\n")
        assert len(read_responses(wire.sent)) == 1
    assert events[0]["body"] == b"hello"
    assert list(events[0]["trailers"]) == [(b"x", b"y")]


def test_unread_body_does_not_disturb_the_next_request(impl):  # RFC 9112 section 9.3
    async def app(scope, receive, send):
        await answer(send, scope["path"].encode())

    with Wire(impl, app) as wire:
        wire.feed(POST_HEAD + b"hello" + b"GET /b HTTP/1.1\r\nhost: a\r\n\r\n")
        assert [response.body for response in read_responses(wire.sent)] == [b"/", b"/b"]
        assert wire.is_open


def test_rest_of_an_unread_body_does_not_disturb_the_next_request(impl):  # RFC 9112 section 9.3
    async def app(scope, receive, send):
        await answer(send, scope["path"].encode())

    with Wire(impl, app) as wire:
        wire.feed(POST_HEAD + b"he")
        assert len(read_responses(wire.sent)) == 1
        wire.feed(b"llo" + b"GET /b HTTP/1.1\r\nhost: a\r\n\r\n")
        assert [response.body for response in read_responses(wire.sent)] == [b"/", b"/b"]
        assert wire.is_open


def test_large_unread_body_closes_the_connection(impl):  # RFC 9112 section 9.3
    async def app(scope, receive, send):
        await answer(send)

    with Wire(impl, app) as wire:
        wire.feed(POST_HEAD.replace(b": 5", b": 100000000") + b"hello")
        (response,) = read_responses(wire.sent)
        # A client that was not told might send its next request before it sees the end.
        assert (b"connection", b"close") in response.headers
        assert not wire.is_open


def test_large_body_that_may_yet_be_read_does_not_close_the_connection(impl):
    async def app(scope, receive, send):
        await send(start())
        await send(body(b"reading", more=True))
        await read_body(receive)
        await send(body())

    with Wire(impl, app) as wire:
        wire.feed(POST_HEAD.replace(b": 5", b": 100000") + b"x" * 50000)
        wire.feed(b"x" * 50000)
        (response,) = read_responses(wire.sent)
        assert b"connection" not in dict(response.headers)
        assert wire.is_open


@pytest.mark.parametrize(
    "call",
    [
        lambda receive: receive(),
        lambda receive: asyncio.create_task(receive()),
        lambda receive: asyncio.wait_for(receive(), 10),
        lambda receive: first_of(asyncio.gather(receive(), asyncio.sleep(0))),
        lambda receive: asyncio.ensure_future(receive()),
        lambda receive: asyncio.shield(receive()),
    ],
    ids=["await", "create_task", "wait_for", "gather", "ensure_future", "shield"],
)
@pytest.mark.parametrize("is_there", [True, False], ids=["at once", "later"])
def test_receive_works_in_every_way_of_awaiting(impl, call, is_there):
    events = []

    async def app(scope, receive, send):
        events.append(await call(receive))
        await asyncio.create_task(send(start()))
        await asyncio.wait_for(send(body(b"hi")), 10)

    with Wire(impl, app) as wire:
        if is_there:
            wire.feed(POST_HEAD + b"hello")
        else:
            wire.feed(POST_HEAD)
            wire.feed(b"hello")
        (response,) = read_responses(wire.sent)
        assert response.body == b"hi"
    assert events == [{"type": "http.request", "body": b"hello", "more_body": False}]


async def first_of(results):
    return (await results)[0]


def test_receive_that_is_cancelled_before_it_begins_loses_nothing(impl):
    events = []

    async def app(scope, receive, send):
        task = asyncio.create_task(receive())
        task.cancel()
        await asyncio.wait([task])
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(receive(), 0)
        events.append(await receive())
        await answer(send)

    with Wire(impl, app) as wire:
        wire.feed(POST_HEAD + b"hello")
        assert len(read_responses(wire.sent)) == 1
    assert events == [{"type": "http.request", "body": b"hello", "more_body": False}]


def test_receive_that_is_cancelled_loses_nothing(impl):
    events = []

    async def app(scope, receive, send):
        task = asyncio.create_task(receive())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        events.append(await receive())
        await answer(send)

    with Wire(impl, app) as wire:
        wire.feed(POST_HEAD)
        wire.feed(b"hello")
        assert len(read_responses(wire.sent)) == 1
    assert events == [{"type": "http.request", "body": b"hello", "more_body": False}]


# --- concurrency ----------------------------------------------------------------------------------


def test_request_over_the_limit_of_concurrency_is_503(impl):  # RFC 9110 section 15.6.4
    resume = asyncio.Event()
    calls = []

    async def app(scope, receive, send):
        calls.append(scope["path"])
        await resume.wait()
        await answer(send, b"hi")

    with Wire(impl, app, limit_concurrency=1) as wire:
        wire.feed(GET)
        first = wire.transport
        wire.connect()
        wire.feed(GET)
        (response,) = read_responses(wire.sent)
        assert response.status == 503
        assert response.says_close
        assert response.value(b"retry-after") == b"5"
        assert calls == ["/"]
        wire.call(resume.set)
        assert [response.status for response in read_responses(bytes(first.sent))] == [200]
        wire.connect()
        wire.feed(GET)
        assert [response.status for response in read_responses(wire.sent)] == [200]


class HeldApp:
    """Answers when the test says so."""

    def __init__(self):
        self.waiting = []
        self.paths = []

    async def __call__(self, scope, receive, send):
        self.paths.append(scope["path"])
        resume = asyncio.Event()
        self.waiting.append(resume)
        await resume.wait()
        await answer(send, b"hi")

    def answer_next(self):
        self.waiting.pop(0).set()


def get(path):
    return b"GET %s HTTP/1.1\r\nhost: a\r\n\r\n" % path


def feed_new_connection(wire, data):
    wire.connect()
    wire.feed(data)
    return wire.transport


def statuses(transport):
    return [response.status for response in read_responses(bytes(transport.sent))]


def test_requests_over_the_limit_wait_in_the_queue(impl):
    app = HeldApp()
    with Wire(impl, app, limit_concurrency=1, limit_queue=2) as wire:
        transports = [feed_new_connection(wire, get(path)) for path in (b"/1", b"/2", b"/3")]
        assert app.paths == ["/1"]
        assert statuses(feed_new_connection(wire, get(b"/4"))) == [503]
        for count in range(1, 4):
            wire.call(app.answer_next)
            assert app.paths == ["/1", "/2", "/3"][: count + 1]
        assert [statuses(transport) for transport in transports] == [[200], [200], [200]]
        assert wire.context.active_requests == 0


def test_request_waits_in_the_queue_no_longer_than_it_may(impl):
    app = HeldApp()
    with Wire(impl, app, limit_concurrency=1, limit_queue=2, timeout_queue=1) as wire:
        feed_new_connection(wire, get(b"/1"))
        second = feed_new_connection(wire, get(b"/2"))
        wire.tick(1.0)
        assert statuses(second) == []
        wire.tick(0.5)
        (response,) = read_responses(bytes(second.sent))
        assert response.status == 503
        assert response.says_close
        assert response.value(b"retry-after") == b"5"
        wire.call(app.answer_next)
        assert app.paths == ["/1"]


def test_request_whose_client_leaves_is_taken_from_the_queue(impl):
    app = HeldApp()
    with Wire(impl, app, limit_concurrency=1, limit_queue=1) as wire:
        feed_new_connection(wire, get(b"/1"))
        feed_new_connection(wire, get(b"/2"))
        wire.lose()
        third = feed_new_connection(wire, get(b"/3"))
        wire.call(app.answer_next)
        assert app.paths == ["/1", "/3"]
        wire.call(app.answer_next)
        assert statuses(third) == [200]


def test_body_of_a_request_in_the_queue_is_kept(impl):
    app = RecordingApp()
    held = HeldApp()

    async def route(scope, receive, send):
        await (held if scope["path"] == "/" else app)(scope, receive, send)

    with Wire(impl, route, limit_concurrency=1, limit_queue=1) as wire:
        wire.feed(GET)
        wire.connect()
        wire.feed(b"POST /2 HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhe")
        wire.feed(b"llo")
        wire.call(held.answer_next)
        (request,) = app.requests
        assert request.body == b"hello"
        assert [response.status for response in read_responses(wire.sent)] == [200]


def test_websocket_waits_in_the_queue(impl):
    app = HeldApp()
    accepted = []

    async def route(scope, receive, send):
        if scope["type"] == "http":
            await app(scope, receive, send)
            return
        accepted.append(await receive())
        await send({"type": "websocket.accept"})
        await receive()

    with Wire(impl, route, limit_concurrency=1, limit_queue=1) as wire:
        wire.feed(get(b"/1"))
        websocket = feed_new_connection(wire, handshake())
        assert accepted == []
        wire.call(app.answer_next)
        assert accepted == [{"type": "websocket.connect"}]
        assert websocket.sent.startswith(b"HTTP/1.1 101 ")
        # It is in progress now.
        assert statuses(feed_new_connection(wire, get(b"/2"))) == []
        websocket.lose()
        wire.run()
        assert app.paths == ["/1", "/2"]


def test_event_that_was_given_back_goes_to_the_task_that_waits(impl):
    events = []

    async def app(scope, receive, send):
        first = receive()
        waiting = asyncio.ensure_future(receive())
        await asyncio.sleep(0)
        with pytest.raises(KeyError):
            first.throw(KeyError())
        events.append(await waiting)
        await answer(send)

    with Wire(impl, app) as wire:
        wire.feed(POST_HEAD + b"hello")
        assert len(read_responses(wire.sent)) == 1
    assert events == [{"type": "http.request", "body": b"hello", "more_body": False}]
