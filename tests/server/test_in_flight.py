"""The requests in flight, in words."""

from __future__ import annotations

import asyncio

import pytest

from asgiserve.server.in_flight import MAX_REQUESTS, MAX_TARGET_BYTES, describe_requests
from tests.apps import answer
from tests.fakes import Wire
from tests.ws_peer import handshake


async def wait_forever(scope, receive, send):
    await asyncio.Event().wait()


def get(target: str) -> bytes:
    return f"GET {target} HTTP/1.1\r\nhost: a\r\n\r\n".encode()


def test_nothing_is_in_flight_between_requests(impl):
    async def app(scope, receive, send):
        await answer(send, b"hi")

    with Wire(impl, app) as wire:
        assert describe_requests(wire.context) == []
        assert wire.connection.current_cycle() is None
        wire.feed(get("/a"))
        assert describe_requests(wire.context) == []
        assert wire.connection.current_cycle() is None


def test_request_in_flight_has_target_and_client(impl):
    with Wire(impl, wait_forever) as wire:
        wire.feed(get("/a?b=c"))
        assert describe_requests(wire.context) == ["GET /a?b=c, 192.0.2.7:50505"]
        wire.lose()
        assert describe_requests(wire.context) == []


def test_age_is_told_where_the_access_log_has_asked_for_it(impl, monkeypatch):
    log = impl.access_line.AccessLines()
    with Wire(impl, wait_forever, access_log=log) as wire:
        wire.feed(get("/a"))
        started_s = wire.connection.current_cycle().started_s
        monkeypatch.setattr("time.perf_counter", lambda: started_s + 12.34)
        assert describe_requests(wire.context) == ["GET /a, 12.3 s, 192.0.2.7:50505"]
        monkeypatch.undo()


def test_websocket_in_flight_comes_after_requests(impl):
    with Wire(impl, wait_forever) as wire:
        wire.feed(handshake())
        wire.connect()
        wire.feed(get("/later"))
        request, websocket = describe_requests(wire.context)
    assert request == "GET /later, 192.0.2.7:50505"
    assert websocket.startswith("ws /")
    # The WebSocket knows its age without an access log.
    assert websocket.endswith(" s, 192.0.2.7:50505")


def test_hostile_target_is_escaped_and_bounded(impl):
    with Wire(impl, wait_forever) as wire:
        wire.feed(b"GET /?\\" + b"a" * 1000 + b" HTTP/1.1\r\nhost: a\r\n\r\n")
        (line,) = describe_requests(wire.context)
    assert line.startswith(r"GET /?\x5caaa")
    assert line.count("a") == MAX_TARGET_BYTES - 3


def test_many_requests_are_counted(impl):
    with Wire(impl, wait_forever) as wire:
        for _ in range(MAX_REQUESTS + 2):
            wire.feed(get("/a"))
            wire.connect()
        lines = describe_requests(wire.context)
    assert len(lines) == MAX_REQUESTS + 1
    assert lines[-1] == "and 2 more"


@pytest.mark.parametrize("waits_first", [False, True])
def test_request_whose_application_runs_is_marked(impl, waits_first):
    seen = []

    async def app(scope, receive, send):
        if scope["path"] == "/runs":
            if waits_first:
                await asyncio.sleep(0)
            seen.extend(describe_requests(wire.context))
        await asyncio.Event().wait()

    with Wire(impl, app) as wire:
        wire.feed(get("/waits"))
        wire.connect()
        wire.feed(get("/runs"))
    assert seen == [
        "GET /runs, 192.0.2.7:50505, holds the event loop",
        "GET /waits, 192.0.2.7:50505",
    ]


def test_application_that_runs_after_its_answer_is_named(impl):
    seen = []

    async def app(scope, receive, send):
        await answer(send, b"hi")
        seen.extend(describe_requests(wire.context))

    with Wire(impl, app) as wire:
        wire.feed(get("/a"))
    (line,) = seen
    assert "app (Task-" in line
    assert line.endswith("beside all requests, holds the event loop")
