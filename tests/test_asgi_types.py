"""The types for applications say what the server really gives."""

from __future__ import annotations

from typing import get_args, get_type_hints

from asgiserve import asgi_types
from asgiserve.asgi_types import HTTPRequestEvent, HTTPScope, ReceiveEvent, Scope, SendEvent
from tests.apps import answer
from tests.fakes import Wire

GET = b"GET /a%20b?c HTTP/1.1\r\nhost: a\r\n\r\n"


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
    assert messages[0].keys() == get_type_hints(HTTPRequestEvent).keys()


def test_every_type_is_exported_once_and_exists():
    assert len(set(asgi_types.__all__)) == len(asgi_types.__all__)
    assert all(hasattr(asgi_types, name) for name in asgi_types.__all__)


def test_each_message_type_names_its_own_message():
    events = [*get_args(ReceiveEvent), *get_args(SendEvent), *get_args(Scope)]
    types = [get_args(get_type_hints(event)["type"])[0] for event in events]
    assert len(set(types)) == len(types)
