"""What level trace shows of the talk between server and application."""

from __future__ import annotations

import logging

import pytest

from asgiserve.config.config import Config
from asgiserve.logs.formatters import TRACE
from asgiserve.middleware.message_log import MessageLog
from asgiserve.server.app_loader import load_app


@pytest.fixture
def lines(caplog):
    """The lines of level trace, as they come."""
    caplog.set_level(TRACE, "asgiserve.error")
    return lambda: [each.getMessage() for each in caplog.records if each.levelno == TRACE]


async def receive():
    return {"type": "http.request", "body": b"secret", "more_body": False}


async def send(message):
    pass


async def app(scope, receive, send):
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"secret too"})


SCOPE = {"type": "http", "path": "/a", "headers": [], "state": {"pool": object()}}


async def test_scope_and_messages_are_shown_without_payloads(lines):
    await MessageLog(app)(SCOPE, receive, send)
    assert lines() == [
        "http '/a' [1] begins {'type': 'http', 'path': '/a', 'headers': []}",
        "http '/a' [1] receives {'type': 'http.request', 'body': '<6 long>', 'more_body': False}",
        "http '/a' [1] sends {'type': 'http.response.start', 'status': 200, 'headers': []}",
        "http '/a' [1] sends {'type': 'http.response.body', 'body': '<10 long>'}",
        "http '/a' [1] ends",
    ]


async def test_calls_are_numbered(lines):
    log = MessageLog(app)
    await log(SCOPE, receive, send)
    await log({"type": "lifespan"}, receive, send)
    assert lines()[5] == "lifespan [2] begins {'type': 'lifespan'}"


async def test_messages_of_the_wrong_kind_go_through(lines):
    sent = []

    async def wrong_app(scope, receive, send):
        await send("no message")
        await send({"type": "http.response.body", "body": None})

    async def keep(message):
        sent.append(message)

    await MessageLog(wrong_app)(SCOPE, receive, keep)
    assert sent == ["no message", {"type": "http.response.body", "body": None}]
    assert lines()[1] == "http '/a' [1] sends 'no message'"


async def test_error_is_shown_and_goes_on(lines):
    async def broken_app(scope, receive, send):
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await MessageLog(broken_app)(SCOPE, receive, send)
    assert lines()[-1] == "http '/a' [1] raises ValueError('broken')"


async def test_control_characters_of_a_peer_are_escaped(lines):
    await MessageLog(app)({**SCOPE, "path": "/a\r\n\x1b[2J"}, receive, send)
    assert not any("\n" in line or "\x1b" in line for line in lines())


def test_only_level_trace_pays_for_it(caplog):
    caplog.set_level(logging.DEBUG, "asgiserve.error")
    assert load_app(Config(app, proxy_headers=False)) is app
    caplog.set_level(TRACE, "asgiserve.error")
    assert isinstance(load_app(Config(app, proxy_headers=False)), MessageLog)
