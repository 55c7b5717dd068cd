"""What an application is given, and when: scope, request events, disconnects (ASGI HTTP 2.5)."""

from __future__ import annotations

import asyncio
import contextvars

import pytest

from asgiserve.errors import ClientDisconnected
from tests.apps import RecordingApp, answer, body, read_body, start, trailers
from tests.fakes import CLIENT, SERVER, Wire
from tests.http_responses import read_responses

GET = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"
POST_HEAD = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\n"
CHUNKED_HEAD = b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n"
EXPECTING = POST_HEAD.replace(b"\r\n\r\n", b"\r\nexpect: 100-continue\r\n\r\n")
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
DISCONNECT = {"type": "http.disconnect"}


def scope_of(impl, request=GET, *, extra=None, state=None, **options):
    app = RecordingApp()
    with Wire(impl, app, extra=extra, state=state, **options) as wire:
        wire.feed(request)
    (seen,) = app.requests
    return seen.scope


# --- scope ----------------------------------------------------------------------------------------


def test_scope_has_every_key_with_its_type(impl):
    scope = scope_of(impl, b"GET /a%20b?c=%20d HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n")
    assert type(scope) is dict
    extensions = scope.pop("extensions")
    assert scope == {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.5"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/a b",
        "raw_path": b"/a%20b",
        "query_string": b"c=%20d",
        "root_path": "",
        "headers": [(b"host", b"a"), (b"x", b"y")],
        "client": CLIENT,
        "server": SERVER,
    }
    assert all(type(parameters) is dict for parameters in extensions.values())
    assert all(type(part) is bytes for pair in scope["headers"] for part in pair)
    assert type(scope["client"][1]) is int
    assert type(scope["server"][1]) is int


def test_scheme_is_https_over_tls(impl):
    assert scope_of(impl, extra={"sslcontext": object()})["scheme"] == "https"


def test_unix_socket_is_named_as_the_specification_says(impl):
    scope = scope_of(impl, extra={"peername": "", "sockname": "/run/a.sock"})
    assert scope["client"] is None
    assert scope["server"] == ("/run/a.sock", None)


def test_ipv6_addresses_are_pairs(impl):
    scope = scope_of(impl, extra={"peername": ("::1", 5, 0, 0), "sockname": ("::1", 8000, 0, 0)})
    assert scope["client"] == ("::1", 5)
    assert scope["server"] == ("::1", 8000)


def test_address_that_is_not_known_is_none(impl):
    scope = scope_of(impl, extra={"peername": None, "sockname": None})
    assert scope["client"] is None
    assert scope["server"] is None


def test_state_is_a_shallow_copy_for_each_request(impl):
    shared = []
    state = {"shared": shared}
    first = scope_of(impl, state=state)["state"]
    second = scope_of(impl, state=state)["state"]
    assert first == second == state
    assert first is not second
    assert first is not state
    assert first["shared"] is shared


def test_state_is_left_out_without_lifespan(impl):
    assert "state" not in scope_of(impl, state=None)


def test_scopes_of_one_connection_share_nothing_that_can_be_changed(impl):
    app = RecordingApp()
    with Wire(impl, app, state={}) as wire:
        wire.feed(GET + GET)
    first, second = (seen.scope for seen in app.requests)
    assert first == second
    for key in ("asgi", "headers", "extensions", "state"):
        assert first[key] is not second[key], key


@pytest.mark.parametrize(
    ("mode", "target", "path", "raw_path"),
    [
        ("keep", b"/b", "/b", b"/b"),
        ("keep", b"/api/b", "/api/b", b"/api/b"),
        ("strip", b"/api/b", "/b", b"/b"),
        ("strip", b"/api", "/", b"/"),
        ("strip", b"/b", "/b", b"/b"),
        ("strip", b"/apiary", "/apiary", b"/apiary"),
        ("prepend", b"/b", "/api/b", b"/api/b"),
        ("prepend", b"/api/b", "/api/api/b", b"/api/api/b"),
        ("auto", b"/b%20c", "/api/b c", b"/api/b%20c"),
        ("auto", b"/api/b", "/api/b", b"/api/b"),
        ("auto", b"/api", "/api", b"/api"),
        ("auto", b"/apiary", "/api/apiary", b"/api/apiary"),
        ("auto", b"http://a/b", "/api/b", b"/api/b"),
        # Not a path, so nothing is mounted below it (RFC 9112 section 3.2.4).
        ("auto", b"*", "*", b"*"),
        ("prepend", b"*", "*", b"*"),
    ],
)
def test_root_path_does_what_its_mode_says(impl, mode, target, path, raw_path):
    request = b"GET %s HTTP/1.1\r\nhost: a\r\n\r\n" % target
    scope = scope_of(impl, request, root_path="/api", root_path_mode=mode)
    assert scope["root_path"] == "/api"
    assert scope["path"] == path
    assert scope["raw_path"] == raw_path


def test_application_is_not_called_before_a_request(impl):
    app = RecordingApp()
    with Wire(impl, app) as wire:
        wire.feed(b"GET / HTTP/1.1\r\nhost: a\r\n")
        assert app.requests == []


def test_context_variables_of_the_lifespan_are_seen_and_not_shared(impl):
    variable = contextvars.ContextVar("variable", default="unset")
    lifespan_context = contextvars.copy_context()
    lifespan_context.run(variable.set, "from startup")
    seen = []

    async def app(scope, receive, send):
        seen.append(variable.get())
        variable.set("from a request")
        await answer(send)

    with Wire(impl, app, task_context=lifespan_context) as wire:
        wire.feed(GET + GET)
        wire.connect()
        wire.feed(GET)
    assert seen == ["from startup"] * 3


# --- request events -------------------------------------------------------------------------------


def receiving_app(count, events):
    async def app(scope, receive, send):
        for _ in range(count):
            events.append(await receive())
        await answer(send)

    return app


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
        assert len(read_responses(wire.sent)) == 1
        assert not wire.is_open


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


# --- disconnect -----------------------------------------------------------------------------------


def test_receive_behind_the_response_is_a_disconnect(impl):
    events = []

    async def app(scope, receive, send):
        await read_body(receive)
        await answer(send)
        events.append(await receive())
        events.append(await receive())

    with Wire(impl, app) as wire:
        wire.feed(GET)
        assert wire.is_open
    assert events == [DISCONNECT] * 2


def test_receive_behind_the_response_is_a_disconnect_even_with_an_unread_body(impl):
    events = []

    async def app(scope, receive, send):
        await answer(send)
        events.append(await receive())

    with Wire(impl, app) as wire:
        wire.feed(POST_HEAD + b"hello")
    assert events == [DISCONNECT]


def test_waiting_receive_is_told_of_a_lost_connection(impl):
    events = []
    with Wire(impl, receiving_app(3, events)) as wire:
        wire.feed(GET)
        assert len(events) == 1
        wire.lose(ConnectionResetError())
        assert events[1:] == [DISCONNECT] * 2


def test_waiting_receive_is_told_that_the_client_ended_its_side(impl):
    events = []
    with Wire(impl, receiving_app(2, events)) as wire:
        wire.feed(GET)
        wire.feed_eof()
        assert events[1:] == [DISCONNECT]


def test_receive_within_a_body_is_told_of_a_lost_connection(impl):
    events = []
    with Wire(impl, receiving_app(2, events)) as wire:
        wire.feed(POST_HEAD + b"he")
        wire.lose()
    assert [event["type"] for event in events] == ["http.request", "http.disconnect"]


def test_send_after_a_disconnect_raises_an_os_error(impl, caplog):
    errors = []

    async def app(scope, receive, send):
        await read_body(receive)
        assert await receive() == DISCONNECT
        for message in (start(), body(b"hi")):
            try:
                await send(message)
            except OSError as error:
                errors.append(error)

    with Wire(impl, app) as wire:
        wire.feed(GET)
        wire.lose()
    assert [type(error) for error in errors] == [ClientDisconnected] * 2
    assert not caplog.records


def test_send_within_a_body_raises_once_the_client_is_gone(impl, caplog):
    errors = []

    async def app(scope, receive, send):
        await send(start())
        try:
            while True:
                await send(body(b"x", more=True))
                await asyncio.sleep(1)
        except OSError as error:
            errors.append(error)

    with Wire(impl, app) as wire:
        wire.feed(GET)
        wire.lose()
        wire.loop.advance(1)
    assert [type(error) for error in errors] == [ClientDisconnected]
    assert not caplog.records


def test_os_error_that_the_application_lets_go_is_not_logged(impl, caplog):
    async def app(scope, receive, send):
        await read_body(receive)
        await receive()
        await send(start())

    with Wire(impl, app) as wire:
        wire.feed(GET)
        wire.lose()
    assert not caplog.records


def test_os_error_that_a_framework_wraps_is_not_logged(impl, caplog):
    async def app(scope, receive, send):
        await read_body(receive)
        await receive()
        try:
            await send(start())
        except OSError as error:
            raise RuntimeError("wrapped") from error

    with Wire(impl, app) as wire:
        wire.feed(GET)
        wire.lose()
    assert not caplog.records


def test_error_of_the_application_after_a_disconnect_is_logged(impl, caplog):
    async def app(scope, receive, send):
        await read_body(receive)
        await receive()
        raise ZeroDivisionError

    with Wire(impl, app) as wire:
        wire.feed(GET)
        wire.lose()
    assert [record.exc_info[0] for record in caplog.records] == [ZeroDivisionError]


def test_send_after_the_response_and_the_connection_is_no_error(impl, caplog):
    errors = []

    async def app(scope, receive, send):
        await answer(send)
        await asyncio.sleep(1)
        try:
            await send(body(b"late"))
        except OSError as error:
            errors.append(error)

    with Wire(impl, app) as wire:
        wire.feed(GET)
        wire.lose()
        wire.loop.advance(1)
    assert errors == []
    assert not caplog.records


def test_application_goes_on_after_its_response(impl):
    done = []

    async def app(scope, receive, send):
        await answer(send)
        await asyncio.sleep(5)
        done.append(scope["path"])

    with Wire(impl, app) as wire:
        wire.feed(GET)
        wire.feed(b"GET /b HTTP/1.1\r\nhost: a\r\n\r\n")
        assert len(read_responses(wire.sent)) == 2
        assert len(wire.context.tasks) == 2
        wire.loop.advance(5)
        assert done == ["/", "/b"]
        assert not wire.context.tasks


# --- 100-continue ---------------------------------------------------------------------------------


def test_continue_is_sent_when_the_application_first_receives(impl):  # RFC 9110 section 10.1.1
    resume = asyncio.Event()
    events = []

    async def app(scope, receive, send):
        await resume.wait()
        events.append(await receive())
        await answer(send, events[0]["body"])

    with Wire(impl, app) as wire:
        wire.feed(EXPECTING)
        assert wire.sent == b""
        wire.call(resume.set)
        assert wire.sent == CONTINUE
        wire.feed(b"hello")
        (response,) = read_responses(wire.sent)
        assert response.informational == [100]
        assert response.body == b"hello"
        assert wire.is_open


def test_continue_is_sent_once(impl):
    with Wire(impl, RecordingApp()) as wire:
        wire.feed(EXPECTING)
        wire.feed(b"he")
        wire.feed(b"llo")
        (response,) = read_responses(wire.sent)
        assert response.informational == [100]
        assert response.body == b"hello"


def test_continue_is_not_sent_to_who_never_receives(impl):
    async def app(scope, receive, send):
        await answer(send, status=401)

    with Wire(impl, app) as wire:
        wire.feed(EXPECTING)
        (response,) = read_responses(wire.sent)
        assert response.status == 401
        assert response.informational == []
        # Whether the body still comes cannot be known, so the connection cannot go on.
        assert response.says_close
        assert not wire.is_open


def test_continue_is_not_sent_when_the_body_is_there(impl):
    with Wire(impl, RecordingApp()) as wire:
        wire.feed(EXPECTING + b"hello")
        (response,) = read_responses(wire.sent)
        assert response.informational == []
        assert response.body == b"hello"
        assert wire.is_open


def test_continue_is_not_sent_when_half_of_the_body_is_there(impl):
    with Wire(impl, RecordingApp()) as wire:
        wire.feed(EXPECTING + b"he")
        wire.feed(b"llo")
        (response,) = read_responses(wire.sent)
        assert response.informational == []


def test_continue_is_not_sent_when_no_chunk_came_but_the_last(impl):
    async def app(scope, receive, send):
        await read_body(receive)
        # As frameworks do to hear of a disconnect while they stream.
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(receive(), 1)
        await answer(send)

    with Wire(impl, app) as wire:
        expecting = CHUNKED_HEAD.replace(b"\r\n\r\n", b"\r\nexpect: 100-continue\r\n\r\n")
        wire.feed(expecting + b"0\r\n\r\n")
        wire.loop.advance(1)
        (response,) = read_responses(wire.sent)
        assert response.informational == []
        assert not response.says_close


def test_continue_is_not_sent_without_a_body(impl):
    with Wire(impl, RecordingApp()) as wire:
        wire.feed(
            b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\nexpect: 100-continue\r\n\r\n"
        )
        (response,) = read_responses(wire.sent)
        assert response.informational == []
        assert wire.is_open


def test_continue_is_not_sent_to_http_1_0(impl):  # RFC 9110 section 15.2
    with Wire(impl, RecordingApp()) as wire:
        wire.feed(EXPECTING.replace(b"1.1", b"1.0"))
        assert wire.sent == b""
        wire.feed(b"hello")
        (response,) = read_responses(wire.sent)
        assert response.informational == []


def test_continue_is_not_sent_within_the_response(impl):  # RFC 9110 section 15.2
    async def app(scope, receive, send):
        await send(start())
        await send(body(b"x", more=True))
        await receive()
        await send(body(b"y"))

    with Wire(impl, app) as wire:
        wire.feed(EXPECTING)
        assert b"100" not in wire.sent
        wire.feed(b"hello")
        (response,) = read_responses(wire.sent)
        assert response.body == b"xy"


def test_continue_is_sent_between_start_and_body(impl):
    async def app(scope, receive, send):
        await send(start())
        data = await read_body(receive)
        await send(body(data))

    with Wire(impl, app) as wire:
        wire.feed(EXPECTING)
        assert wire.sent == CONTINUE
        wire.feed(b"hello")
        (response,) = read_responses(wire.sent)
        assert response.body == b"hello"


def test_continue_is_asked_for_by_each_request_anew(impl):
    with Wire(impl, RecordingApp()) as wire:
        for _ in range(2):
            wire.feed(EXPECTING)
            wire.feed(b"hello")
        first, second = read_responses(wire.sent)
        assert first.informational == second.informational == [100]


# --- early hints ----------------------------------------------------------------------------------

HINT = {"type": "http.response.early_hint", "links": [b"</a.css>; rel=preload", b"</b.js>"]}


@pytest.mark.parametrize("is_started", [False, True], ids=["before start", "behind start"])
def test_early_hint_is_an_interim_response(impl, is_started):  # RFC 8297
    async def app(scope, receive, send):
        assert scope["extensions"]["http.response.early_hint"] == {}
        if is_started:
            await send(start())
        await send(HINT)
        if not is_started:
            await send(start())
        await send(body(b"hi"))

    with Wire(impl, app) as wire:
        wire.feed(GET)
        (response,) = read_responses(wire.sent)
        assert response.informational == [103]
        assert response.body == b"hi"
        interim = wire.sent.partition(b"\r\n\r\n")[0].split(b"\r\n")
        assert interim == [
            b"HTTP/1.1 103 Early Hints",
            b"link: </a.css>; rel=preload",
            b"link: </b.js>",
        ]


def test_early_hint_is_kept_from_http_1_0(impl):  # RFC 9110 section 15.2
    async def app(scope, receive, send):
        await send(HINT)
        await answer(send, b"hi")

    with Wire(impl, app) as wire:
        wire.feed(b"GET / HTTP/1.0\r\n\r\n")
        (response,) = read_responses(wire.sent)
        assert response.informational == []


def test_early_hint_with_a_line_end_never_reaches_the_wire(impl, caplog):
    async def app(scope, receive, send):
        await send({**HINT, "links": [b"</a>\r\nevil: 1"]})

    with Wire(impl, app) as wire:
        wire.feed(GET)
        assert [response.status for response in read_responses(wire.sent)] == [500]
        assert b"evil" not in wire.sent
    assert len(caplog.records) == 1


def test_trailers_extension_is_named_and_works(impl):
    async def app(scope, receive, send):
        assert scope["extensions"]["http.response.trailers"] == {}
        await send(start(trailers=True))
        await send(body(b"hi"))
        await send(trailers((b"x", b"y")))

    with Wire(impl, app) as wire:
        wire.feed(b"GET / HTTP/1.1\r\nhost: a\r\nte: trailers\r\nconnection: te\r\n\r\n")
        (response,) = read_responses(wire.sent)
        assert response.trailers == [(b"x", b"y")]


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
        assert calls == ["/"]
        wire.call(resume.set)
        assert [response.status for response in read_responses(bytes(first.sent))] == [200]
        wire.connect()
        wire.feed(GET)
        assert [response.status for response in read_responses(wire.sent)] == [200]
