"""WSGI applications as ASGI 3 applications: PEP 3333 without a socket."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import gc
import io
import sys
import threading
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

from asgiserve.errors import AppError, ClientDisconnected
from asgiserve.middleware.wsgi import WSGIAdapter
from tests.apps import http_scope

END = {"type": "http.request", "body": b"", "more_body": False}


def body_events(*pieces: bytes) -> list[dict[str, Any]]:
    """The events of a request body that comes in *pieces*."""
    *begin, last = pieces
    return [
        *({"type": "http.request", "body": piece, "more_body": True} for piece in begin),
        {"type": "http.request", "body": last, "more_body": False},
    ]


async def run(
    app: Any, *events: dict[str, Any], adapter: dict[str, Any] | None = None, **details: Any
) -> list[dict[str, Any]]:
    """The messages that *app* sends in answer to a request with the body *events*."""
    coming = list(events or [END])
    sent: list[dict[str, Any]] = []
    home = threading.get_ident()

    def receive() -> Any:
        # Not only awaited but called in the thread of the event loop.
        assert threading.get_ident() == home
        future = asyncio.get_running_loop().create_future()
        future.set_result(coming.pop(0))
        return future

    def send(message: dict[str, Any]) -> Any:
        assert threading.get_ident() == home
        sent.append(message)
        return asyncio.sleep(0)

    await WSGIAdapter(app, **(adapter or {}))(http_scope(**details), receive, send)
    return sent


async def environ_of(**details: Any) -> dict[str, Any]:
    """The environ of a request with the scope's *details*."""
    seen: dict[str, Any] = {}

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        seen.update(environ)
        start_response("200 OK", [])
        return []

    await run(app, **details)
    return seen


def body_of(messages: list[dict[str, Any]]) -> bytes:
    return b"".join(message.get("body", b"") for message in messages)


# The environ ----------------------------------------------------------------------------------


async def test_environ_has_what_the_request_says():
    environ = await environ_of(headers=[(b"host", b"test"), (b"content-type", b"text/plain")])
    scope = environ.pop("asgi.scope")
    assert scope["path"] == "/a b"
    assert isinstance(environ.pop("wsgi.input"), io.BufferedReader)
    assert environ.pop("SERVER_SOFTWARE").startswith("asgiserve/")
    assert environ == {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/a b",
        "QUERY_STRING": "x=1",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_NAME": "198.51.100.1",
        "SERVER_PORT": "8000",
        "REMOTE_ADDR": "192.0.2.7",
        "REMOTE_PORT": "1",
        "HTTP_HOST": "test",
        "CONTENT_TYPE": "text/plain",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }


@pytest.mark.parametrize(
    ("root_path", "path", "raw_path", "names"),
    [
        ("", "/é", b"/%C3%A9", ("", "/\xc3\xa9")),
        ("", "/\ufffd", b"/%FF", ("", "/\xff")),
        ("", "*", b"*", ("", "*")),
        ("/api", "/api/x", b"/api/x", ("/api", "/x")),
        ("/api", "/api", b"/api", ("/api", "")),
        ("/api", "/apis", b"/apis", ("/api", "/apis")),
        ("/é", "/é/x", b"/%C3%A9/x", ("/\xc3\xa9", "/x")),
    ],
)
async def test_path_is_split_at_root_path(root_path, path, raw_path, names):
    environ = await environ_of(root_path=root_path, path=path, raw_path=raw_path)
    assert (environ["SCRIPT_NAME"], environ["PATH_INFO"]) == names


async def test_server_has_name_and_port_at_a_unix_socket_too():
    environ = await environ_of(server=("/run/a.sock", None), client=None, scheme="https")
    assert (environ["SERVER_NAME"], environ["SERVER_PORT"]) == ("localhost", "443")
    assert environ["HTTPS"] == "on"
    assert "REMOTE_ADDR" not in environ


async def test_ipv6_address_stands_in_brackets():
    assert (await environ_of(server=("::1", 80)))["SERVER_NAME"] == "[::1]"


async def test_repeated_fields_are_joined():
    fields = [(b"accept", b"a"), (b"accept", b"b"), (b"cookie", b"c=1"), (b"cookie", b"d=2")]
    environ = await environ_of(headers=fields)
    assert (environ["HTTP_ACCEPT"], environ["HTTP_COOKIE"]) == ("a,b", "c=1; d=2")


@pytest.mark.parametrize(
    ("keeps", "expected"),
    [
        (False, {"HTTP_X_USER": "proxy"}),
        (True, {"HTTP_X_USER": "proxy,client", "HTTP_CONTENT_LENGTH": "9"}),
    ],
)
async def test_names_with_an_underscore_are_dropped_by_default(keeps, expected):
    fields = [(b"x-user", b"proxy"), (b"x_user", b"client"), (b"content_length", b"9")]
    seen: dict[str, Any] = {}

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        seen.update(environ)
        start_response("200 OK", [])
        return []

    await run(app, adapter={"keeps_underscores": keeps}, headers=fields)
    assert {name: seen[name] for name in seen if name.startswith("HTTP_")} == expected
    assert "CONTENT_LENGTH" not in seen


async def test_context_of_the_request_is_the_application_s():
    color: contextvars.ContextVar[str] = contextvars.ContextVar("color")
    color.set("blue")

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [color.get().encode()]

    assert body_of(await run(app)) == b"blue"


# The input ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("read", "expected"),
    [
        (lambda stream: stream.read(), b"one\ntwo\nend"),
        (lambda stream: stream.read(-1), b"one\ntwo\nend"),
        (lambda stream: stream.read(None), b"one\ntwo\nend"),
        (lambda stream: [stream.read(0), stream.read(5), stream.read(99)], b"|one\nt|wo\nend"),
        (lambda stream: [stream.read(), stream.read(), stream.read(3)], b"one\ntwo\nend||"),
        (lambda stream: [stream.readline(), stream.readline(2)], b"one\n|tw"),
        (lambda stream: [stream.readline(None), stream.readline(-1)], b"one\n|two\n"),
        (lambda stream: [stream.readline(0), stream.readline(99)], b"|one\n"),
        (lambda stream: stream.readlines(), b"one\n|two\n|end"),
        (lambda stream: stream.readlines(None), b"one\n|two\n|end"),
        (lambda stream: stream.readlines(5), b"one\n|two\n"),
        (list, b"one\n|two\n|end"),
        (lambda stream: [next(stream), stream.read(1), *stream], b"one\n|t|wo\n|end"),
    ],
)
@pytest.mark.parametrize(
    "pieces", [(b"one\ntwo\nend",), (b"on", b"", b"e", b"\n", b"two\ne", b"nd", b"")]
)
async def test_input_is_file_like(read, expected, pieces):
    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        result = read(environ["wsgi.input"])
        return [result if isinstance(result, bytes) else b"|".join(result)]

    assert body_of(await run(app, *body_events(*pieces))) == expected


async def test_empty_input_has_no_lines():
    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        stream = environ["wsgi.input"]
        assert stream.readlines() == list(stream) == []
        assert stream.readline() == stream.read() == stream.read(1) == b""
        return []

    await run(app)


async def test_body_that_nobody_reads_is_not_received():
    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [b"no"]

    # The list of events would be empty for a receive().
    sent = await run(app, {"type": "never asked for"})
    assert sent[0]["status"] == 200


async def test_client_that_leaves_within_its_body_is_an_error_of_reading():
    seen: list[BaseException] = []

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        try:
            environ["wsgi.input"].read()
        except OSError as error:
            seen.append(error)
            raise
        return []

    piece = {"type": "http.request", "body": b"half", "more_body": True}
    with pytest.raises(ClientDisconnected):
        await run(app, piece, {"type": "http.disconnect"})
    assert isinstance(seen[0], ClientDisconnected)


# The response ---------------------------------------------------------------------------------


@pytest.mark.parametrize("pieces", [[b"one", b"", b"two"], (b"onetwo",)])
async def test_list_is_one_message(pieces):
    def app(environ: dict[str, Any], start_response: Any) -> Any:
        start_response("201 Created", [("X-A", "é")])
        return pieces

    assert await run(app) == [
        {"type": "http.response.start", "status": 201, "headers": [(b"x-a", b"\xe9")]},
        {"type": "http.response.body", "body": b"onetwo", "more_body": False},
    ]


async def test_pieces_are_sent_as_they_come_and_empty_ones_not():
    def app(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        yield b""
        start_response("200 OK", [])
        yield b"one"
        yield b""
        yield b"two"

    bodies = [(each["body"], each["more_body"]) for each in (await run(app))[1:]]
    assert bodies == [(b"one", True), (b"two", True), (b"", False)]


async def test_piece_that_completes_the_length_is_the_last():
    def app(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [("Content-Length", "6")])
        yield b"one"
        yield b"two"
        yield b""

    bodies = [(each["body"], each["more_body"]) for each in (await run(app))[1:]]
    assert bodies == [(b"one", True), (b"two", False)]


async def test_piece_beyond_the_length_is_an_error():
    def app(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [("Content-Length", "3")])
        yield b"one"
        yield b"two"

    with pytest.raises(AppError, match="longer than its content-length"):
        await run(app)


async def test_write_sends_before_the_iterable():
    def app(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        write = start_response("200 OK", [])
        write(b"one")
        write(b"two")
        return iter([b"end"])

    sent = await run(app)
    assert [each["body"] for each in sent[1:]] == [b"one", b"two", b"end", b""]


async def test_error_page_replaces_a_response_that_has_not_begun():
    def app(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [("X-A", "old")])
        yield b""
        try:
            raise RuntimeError("broken")
        except RuntimeError:
            start_response("500 Oops", [("X-A", "new")], sys.exc_info())
        yield b"sorry"

    start, *rest = await run(app)
    assert (start["status"], start["headers"]) == (500, [(b"x-a", b"new")])
    assert body_of(rest) == b"sorry"


async def test_error_after_the_first_byte_is_raised_again():
    def app(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield b"one"
        try:
            raise ZeroDivisionError("broken")
        except ZeroDivisionError:
            start_response("500 Oops", [], sys.exc_info())
        yield b"never"

    with pytest.raises(ZeroDivisionError, match="broken"):
        await run(app)


@pytest.mark.parametrize(
    ("calls", "message"),
    [
        ([], "did not call start_response"),
        ([("200 OK", []), ("200 OK", [])], "a second time"),
        ([("20 OK", [])], "a WSGI status looks like"),
        ([("200OK", [])], "a WSGI status looks like"),
    ],
)
async def test_wrong_use_of_start_response_is_an_error(calls, message):
    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        for call in calls:
            start_response(*call)
        return [b"body"]

    with pytest.raises(AppError, match=message):
        await run(app)


class Pieces:
    """An iterable that remembers that it was closed."""

    is_closed = False

    def __init__(self, *pieces: Any) -> None:
        self._pieces = iter(pieces)

    def __iter__(self) -> Any:
        return self

    def __next__(self) -> bytes:
        piece = next(self._pieces)
        if isinstance(piece, BaseException):
            raise piece
        return piece

    def close(self) -> None:
        self.is_closed = True


@pytest.mark.parametrize(
    "error", [None, ValueError("broken"), StopIteration(), SystemExit(7)], ids=repr
)
async def test_iterable_is_closed_whatever_happens(error):
    pieces = Pieces(b"one", *([] if error is None else [error]))

    def app(environ: dict[str, Any], start_response: Any) -> Pieces:
        start_response("200 OK", [])
        return pieces

    if error is None or isinstance(error, StopIteration):
        await run(app)
    else:
        with pytest.raises(type(error)):
            await run(app)
    assert pieces.is_closed


async def test_application_that_raises_stop_iteration_has_failed():
    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        raise StopIteration

    with pytest.raises(RuntimeError):
        await run(app)


# The end of a request -------------------------------------------------------------------------


def make_endless_app(loop: asyncio.AbstractEventLoop, ended: asyncio.Event) -> Any:
    """A WSGI application that streams until its iterable is closed, which sets *ended*."""

    def app(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        try:
            while True:
                yield b"for ever"
        finally:
            loop.call_soon_threadsafe(ended.set)

    return app


@pytest.mark.parametrize("error", [ClientDisconnected("gone"), AppError("not sendable")])
@pytest.mark.parametrize("sent_before", [0, 1, 30])
async def test_application_is_closed_when_a_send_fails(error, sent_before):
    ended = asyncio.Event()
    app = make_endless_app(asyncio.get_running_loop(), ended)
    sent = []

    async def send(message: dict[str, Any]) -> None:
        if len(sent) == sent_before:
            raise error
        sent.append(message)

    with pytest.raises(type(error), match=str(error)):
        await WSGIAdapter(app)(http_scope(), None, send)
    async with asyncio.timeout(60):
        await ended.wait()


async def test_application_is_closed_when_its_request_is_cancelled():
    ended = asyncio.Event()
    app = make_endless_app(asyncio.get_running_loop(), ended)
    is_full = asyncio.Event()

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.body":
            is_full.set()
            await asyncio.get_running_loop().create_future()

    task = asyncio.create_task(WSGIAdapter(app)(http_scope(), None, send))
    async with asyncio.timeout(60):
        await is_full.wait()
        task.cancel()
        await ended.wait()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_thread_that_asks_after_the_end_is_refused():
    is_told = threading.Event()
    failures: list[BaseException] = []
    is_done = asyncio.Event()
    loop = asyncio.get_running_loop()
    has_begun = asyncio.Event()

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        loop.call_soon_threadsafe(has_begun.set)
        is_told.wait(60)
        try:
            environ["wsgi.input"].read()
        except OSError as error:
            failures.append(error)
        loop.call_soon_threadsafe(is_done.set)
        return []

    task = asyncio.create_task(WSGIAdapter(app)(http_scope(), None, None))
    async with asyncio.timeout(60):
        await has_begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        is_told.set()
        await is_done.wait()
    assert isinstance(failures[0], ClientDisconnected)


async def test_request_that_is_cancelled_before_a_thread_is_free_never_runs():
    may_end = threading.Event()
    calls: list[str] = []

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        calls.append(environ["PATH_INFO"])
        may_end.wait(60)
        start_response("200 OK", [])
        return []

    async def send(message: dict[str, Any]) -> None: ...

    adapter = WSGIAdapter(app)
    first = [asyncio.create_task(adapter(http_scope(), None, send)) for _ in range(10)]
    late = asyncio.create_task(adapter(http_scope(path="/late"), None, send))
    await asyncio.sleep(0)
    late.cancel()
    with pytest.raises(asyncio.CancelledError):
        await late
    may_end.set()
    await asyncio.gather(*first)
    assert calls == ["/a b"] * 10


@pytest.mark.skipif(sys.implementation.name == "pypy", reason="PyPy counts no references")
@pytest.mark.parametrize("error", [None, ValueError("broken")], ids=repr)
async def test_nothing_waits_for_the_garbage_collector(error):
    left: list[Any] = []

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        left.append(weakref.ref(environ["wsgi.input"]))
        environ["wsgi.input"].read()
        start_response("200 OK", [])
        if error is not None:
            raise type(error)(*error.args)
        return []

    gc.disable()
    try:
        with contextlib.suppress(ValueError):
            await run(app)
        assert left[0]() is None
    finally:
        gc.enable()


async def test_websocket_is_refused_and_lifespan_is_nothing():
    adapter = WSGIAdapter(lambda environ, start_response: [])
    events = [{"type": "websocket.connect"}, {}, {}]
    sent = []

    async def receive() -> Any:
        return events.pop(0)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message["type"])

    await adapter({"type": "websocket"}, receive, send)
    await adapter({"type": "lifespan"}, receive, send)
    assert sent == ["websocket.close", "lifespan.startup.complete", "lifespan.shutdown.complete"]
