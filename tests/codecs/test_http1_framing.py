"""Answers of the server's own; those of applications are framed in ``tests/conformance``."""

from __future__ import annotations

import pytest


@pytest.fixture
def defaults(impl):
    """Default fields that name the server alone."""
    return impl.http1_framing.DefaultFields(b"asgiserve")


def test_error_is_framed_with_its_reason(impl, defaults):
    answer = impl.http1_framing.frame_error(400, "malformed 'é'", defaults, False)
    assert answer == (
        b"HTTP/1.1 400 Bad Request\r\n"
        b"server: asgiserve\r\n"
        b"content-type: text/plain; charset=utf-8\r\n"
        b"content-length: 30\r\n"
        b"connection: close\r\n"
        b"\r\n"
        b"Bad Request: malformed '\\xe9'\n"
    )


def test_error_has_the_fields_that_its_status_asks_for(impl, defaults):
    fields = ((b"sec-websocket-version", b"13"), (b"upgrade", b"websocket"))
    answer = impl.http1_framing.frame_error(426, "no", defaults, False, fields)
    assert answer == (
        b"HTTP/1.1 426 Upgrade Required\r\n"
        b"server: asgiserve\r\n"
        b"sec-websocket-version: 13\r\n"
        b"upgrade: websocket\r\n"
        b"content-type: text/plain; charset=utf-8\r\n"
        b"content-length: 21\r\n"
        b"connection: close\r\n"
        b"\r\n"
        b"Upgrade Required: no\n"
    )


def test_error_of_a_head_request_has_no_body(impl, defaults):
    answer = impl.http1_framing.frame_error(404, "no", defaults, True)
    assert answer.endswith(b"content-length: 14\r\nconnection: close\r\n\r\n")
