"""The types for applications say what the server really gives."""

from __future__ import annotations

import re
from typing import NotRequired, get_args, get_origin, get_type_hints

import pytest

from asgiserve import asgi_types
from asgiserve.asgi.http_cycle import EXPECTED as EXPECTED_BY_HTTP
from asgiserve.asgi.ws_cycle import EXPECTED as EXPECTED_BY_WEBSOCKET
from asgiserve.asgi_types import (
    HTTPRequestEvent,
    HTTPScope,
    ReceiveEvent,
    Scope,
    SendEvent,
    WebSocketScope,
)
from tests.apps import answer, read_body
from tests.fakes import Wire
from tests.ws_peer import TEXT, client_close, client_frame, handshake

# The word under "type", of each scope and event.
TYPE_OF = {
    event: get_args(get_type_hints(event)["type"])[0]
    for event in [*get_args(ReceiveEvent), *get_args(SendEvent), *get_args(Scope)]
}

GET = b"GET /a%20b?c HTTP/1.1\r\nhost: a\r\n\r\n"


def required_keys(event_type):
    """The keys without NotRequired, which the class knows only where its hints are no strings."""
    hints = get_type_hints(event_type, include_extras=True)
    return {name for name, hint in hints.items() if get_origin(hint) is not NotRequired}


def test_http_scope_has_the_keys_that_applications_get(impl):
    scopes, messages = [], []

    async def app(scope, receive, send):
        scopes.append(scope)
        messages.append(await receive())
        await answer(send)

    with Wire(impl, app, state={}) as wire:
        wire.feed(GET)
        wire.run()
    assert scopes[0].keys() == get_type_hints(HTTPScope).keys()
    assert messages[0].keys() == required_keys(HTTPRequestEvent)


def test_last_request_event_has_trailers_where_they_are_asked_for(impl):
    messages = []

    async def app(scope, receive, send):
        async def record():
            messages.append(await receive())
            return messages[-1]

        await read_body(record)
        await answer(send)

    with Wire(impl, app, request_trailers=True) as wire:
        wire.feed(b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n")
        wire.feed(b"0\r\nx-sum: 1\r\n\r\n")
        wire.run()
    assert messages[-1].keys() == get_type_hints(HTTPRequestEvent).keys()


def test_websocket_scope_and_events_have_the_keys_that_applications_get(impl):
    scopes, events = [], []

    async def app(scope, receive, send):
        scopes.append(scope)
        events.append(await receive())
        await send({"type": "websocket.accept"})
        while events[-1]["type"] != "websocket.disconnect":
            events.append(await receive())

    with Wire(impl, app, state={}) as wire:
        wire.feed(handshake())
        wire.run()
        wire.feed(client_frame(TEXT, b"hello") + client_close(1000))
        wire.run()
    assert scopes[0].keys() == get_type_hints(WebSocketScope).keys()
    types = {TYPE_OF[event]: event for event in get_args(ReceiveEvent)}
    assert len(events) == 3
    for event in events:
        event_type = types[event["type"]]
        assert required_keys(event_type) <= event.keys() <= get_type_hints(event_type).keys()


@pytest.mark.parametrize("expected", [EXPECTED_BY_HTTP, EXPECTED_BY_WEBSOCKET])
def test_each_message_that_the_server_expects_has_a_type(expected):
    named = {name for text in expected.values() for name in re.findall(r"'([\w.]+)'", text)}
    assert named <= {TYPE_OF[event] for event in get_args(SendEvent)}


def test_every_type_is_exported_once_and_exists():
    assert len(set(asgi_types.__all__)) == len(asgi_types.__all__)
    assert all(hasattr(asgi_types, name) for name in asgi_types.__all__)


def test_each_message_type_names_its_own_message():
    assert len(set(TYPE_OF.values())) == len(TYPE_OF)
