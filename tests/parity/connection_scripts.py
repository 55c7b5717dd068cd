"""Random lives of a connection: requests in pieces, and what else happens between the pieces.

A script says what the client, the clock and the server do; what the application does stands in the
request's path. The same seed always gives the same script.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.apps import AsgiApp, answer, body, read_body, start, trailers

__all__ = ["Script", "make_app", "make_script"]

Step = tuple[Any, ...]

# What may happen between two pieces, and after the last one: a method of Player and its arguments.
EVENTS: list[Step] = [
    ("tick", 0.25),
    ("tick", 2),
    ("tick", 6),
    ("tick", 31),
    ("tick", 61),
    ("stall",),
    ("drain", 100),
    ("drain", 20_000),
    ("drain", None),
    ("drain", None),
    ("advance", 1),
    ("let_wait_end",),
    ("let_wait_end",),
    ("feed_eof",),
    ("lose",),
    ("start_draining",),
    ("end_stalled",),
    ("tell_disconnect",),
    ("abort",),
]
OPTIONS: list[dict[str, Any]] = [
    {},
    {},
    {},
    {"limit_request_body": 5000},
    {"request_trailers": True},
    {"limit_concurrency": 1},
    {"timeout_keep_alive": 0},
    {"headers": [("a", "b")]},
]
FIELDS = [
    *[b""] * 6,
    b"connection: close\r\n",
    b"connection: keep-alive\r\n",
    b"connection: upgrade\r\nupgrade: x\r\n",
    b"te: trailers\r\n",
    b"TE: trailers, deflate\r\nconnection: te\r\n",
]
BAD_FIELDS = [
    b"bad\r\n",
    b"expect: x\r\n",
    b"x: \0\r\n",
    b"content-length: 5\r\n",
    b"host: b\r\n",
    b"host: a b\r\n",
]
SIZES = [1, 5, 100, 5000, 70_000, 200_000]


@dataclass
class Script:
    """The steps of a connection's life, and the options of its server that are not the default."""

    steps: list[Step] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)


def make_script(seed: int) -> Script:
    """The script of *seed*."""
    rng = Random(seed)
    data = b"".join(make_request(rng) for _ in range(rng.choice([1, 1, 2, 3, 5])))
    script = Script(options=rng.choice(OPTIONS))
    start_of_piece = 0
    while start_of_piece < len(data):
        sizes = [100, 10_000, 65_536, 300_000]
        if len(data) - start_of_piece < 3000:
            sizes += [1, 3, 20, 1000]
        end = start_of_piece + rng.choice(sizes)
        script.steps.append(("feed", data[start_of_piece:end]))
        start_of_piece = end
        while rng.random() < 0.25:
            script.steps.append(rng.choice(EVENTS))
        if len(script.steps) > 60:
            script.steps.append(("feed", data[start_of_piece:]))
            break
    script.steps += [rng.choice(EVENTS) for _ in range(6)]
    return script


def make_request(rng: Random) -> bytes:
    method = rng.choice([b"GET", b"POST", b"HEAD"] * 10 + [b"FOO"])
    version = rng.choice([b"1.1"] * 8 + [b"1.0"])
    fields = b"" if version == b"1.0" and rng.randrange(2) else b"host: a\r\n"
    fields += rng.choice(FIELDS)
    if rng.random() < 0.2:
        fields += b"expect: 100-continue\r\n"
    if rng.random() < 0.05:
        fields += rng.choice(BAD_FIELDS)
    framing, content = make_body(rng, is_http_1_1=version == b"1.1")
    name = rng.choice([*APPS, "read", "read", "at_once", "stream"]).encode()
    return b"%s /%s HTTP/%s\r\n%s\r\n%s" % (method, name, version, fields + framing, content)


def make_body(rng: Random, *, is_http_1_1: bool) -> tuple[bytes, bytes]:
    chance = rng.random()
    if chance < 0.25:
        size = rng.choice(SIZES)
        return b"content-length: %d\r\n" % size, b"x" * size
    if chance > 0.4 or not is_http_1_1:
        return b"", b""
    chunks = [b"y" * rng.choice(SIZES[:-1]) for _ in range(rng.randrange(4))]
    content = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
    content += b"0\r\n" + rng.choice([b"", b"", b"x: y\r\n"]) + b"\r\n"
    return b"transfer-encoding: chunked\r\n", content


# --- what the application does --------------------------------------------------------------------

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Wait = Callable[[], Awaitable[Any]]
Behaviour = Callable[[Receive, Send, Wait], Awaitable[None]]


async def at_once(receive: Receive, send: Send, wait: Wait) -> None:
    await answer(send, b"at once")


async def read(receive: Receive, send: Send, wait: Wait) -> None:
    await answer(send, b"%d" % len(await read_body(receive)))


async def stream(receive: Receive, send: Send, wait: Wait) -> None:
    await send(start())
    for _ in range(5):
        await send(body(b"s" * 3000, more=True))
        await asyncio.sleep(0)
    await send(body())


async def large(receive: Receive, send: Send, wait: Wait) -> None:
    await send(start((b"content-length", b"90000")))
    for number in range(9):
        await send(body(b"l" * 10_000, more=number < 8))


async def late(receive: Receive, send: Send, wait: Wait) -> None:
    await wait()
    await answer(send, b"late")


async def slow(receive: Receive, send: Send, wait: Wait) -> None:
    await asyncio.sleep(1)
    await send(start())
    await send(body(b"slow", more=True))
    await asyncio.sleep(1)
    await send(body(b"slow"))


async def fail(receive: Receive, send: Send, wait: Wait) -> None:
    raise ZeroDivisionError


async def fail_halfway(receive: Receive, send: Send, wait: Wait) -> None:
    await send(start())
    await send(body(b"half", more=True))
    raise ZeroDivisionError


async def too_short(receive: Receive, send: Send, wait: Wait) -> None:
    await send(start((b"content-length", b"9")))
    await send(body(b"short"))


async def too_long(receive: Receive, send: Send, wait: Wait) -> None:
    await send(start((b"content-length", b"1")))
    await send(body(b"long"))


async def long_poll(receive: Receive, send: Send, wait: Wait) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    await answer(send, b"poll")


async def close(receive: Receive, send: Send, wait: Wait) -> None:
    await answer(send, b"close", headers=[(b"connection", b"close")])


async def not_modified(receive: Receive, send: Send, wait: Wait) -> None:
    await answer(send, b"none", status=304)


async def with_trailers(receive: Receive, send: Send, wait: Wait) -> None:
    await send(start(trailers=True))
    await send(body(b"t"))
    await send(trailers((b"x", b"y")))


async def hint(receive: Receive, send: Send, wait: Wait) -> None:
    await send({"type": "http.response.early_hint", "links": [b"<x>"]})
    await answer(send, b"hint")


async def linger(receive: Receive, send: Send, wait: Wait) -> None:
    await answer(send, b"linger")
    await receive()
    await send(body(b"ignored"))
    await asyncio.sleep(2)
    await receive()


async def wrong_order(receive: Receive, send: Send, wait: Wait) -> None:
    await send(start())
    await send(start())


async def bad_header(receive: Receive, send: Send, wait: Wait) -> None:
    await send(start((b"x", b"y\r\nz")))


async def read_between(receive: Receive, send: Send, wait: Wait) -> None:
    await send(start())
    await send(body(b"a", more=True))
    await read_body(receive)
    await send(body(b"b"))


async def cancel_receive(receive: Receive, send: Send, wait: Wait) -> None:
    task = asyncio.ensure_future(receive())
    await asyncio.sleep(0)
    if not task.done():
        task.cancel()
        await asyncio.wait([task])
        await read_body(receive)
    await answer(send, b"cancelled")


async def no_answer(receive: Receive, send: Send, wait: Wait) -> None:
    await receive()


async def half_an_answer(receive: Receive, send: Send, wait: Wait) -> None:
    await send(start())
    await send(body(b"half", more=True))


async def send_at_once(receive: Receive, send: Send, wait: Wait) -> None:
    await send(start())
    await asyncio.gather(*(send(body(piece * 30_000, more=True)) for piece in (b"1", b"2", b"3")))
    await send(body())


APPS: dict[str, Behaviour] = {
    behaviour.__name__: behaviour
    for behaviour in (
        *(at_once, read, stream, large, late, slow, fail, fail_halfway, too_short, too_long),
        *(long_poll, close, not_modified, with_trailers, hint, linger, wrong_order, bad_header),
        *(read_between, cancel_receive, no_answer, half_an_answer, send_at_once),
    )
}


def make_app(seen: list[list[Any]], wait: Wait) -> AsgiApp:
    """An application that does what the path says, and notes all that it is given in *seen*.

    Args:
        wait: what the behaviour ``late`` waits for.
    """

    async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        notes: list[Any] = [scope["method"], scope["path"], scope["http_version"]]
        seen.append(notes)

        async def noted_receive() -> dict[str, Any]:
            event = await note_errors(notes, receive())
            length = len(event.get("body", b""))
            notes.append((event["type"], length, event.get("more_body"), event.get("trailers")))
            return event

        async def noted_send(message: dict[str, Any]) -> None:
            await note_errors(notes, send(message))
            notes.append(message["type"])

        await APPS[scope["path"][1:]](noted_receive, noted_send, wait)

    return app


async def note_errors(notes: list[Any], awaitable: Awaitable[Any]) -> Any:
    try:
        return await awaitable
    except BaseException as error:
        notes.append((type(error).__name__, str(error)))
        raise
