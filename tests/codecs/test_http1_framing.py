"""Answers of the server's own, and headers that are more than lists of pairs.

Those of applications are framed in ``tests/conformance``.
"""

from __future__ import annotations

import pytest

from asgiserve.errors import AppError


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


class Pair:
    """A header as a pair that does something when it is unpacked."""

    def __init__(self, act, name=b"x", value=b"y"):
        self._act, self._pair = act, (name, value)

    def __iter__(self):
        self._act()
        return iter(self._pair)


@pytest.fixture
def framer(impl, defaults):
    return impl.http1_framing.ResponseFramer(defaults)


def answer_whole(framer):
    """Frame a whole response with a head that is too large to be kept in the usual room."""
    framer.hold_head(200, [(b"large", b"v" * 5000)], False)
    return framer.frame_body(b"inner", False)


@pytest.mark.parametrize(
    "act",
    [
        lambda framer: framer.hold_head(204, [(b"inner", b"1")], False),
        answer_whole,
        lambda framer: (answer_whole(framer), framer.begin(False, False, True, False)),
    ],
    ids=["start", "whole", "whole and next"],
)
@pytest.mark.parametrize("kind", [list, iter])
def test_headers_that_send_while_they_are_read_are_refused(framer, act, kind):
    headers = [(b"a", b"1"), Pair(lambda: act(framer)), (b"b", b"2" * 300)]
    with pytest.raises(AppError, match="was sent while the headers"):
        framer.hold_head(200, kind(headers), False)


def test_trailers_that_send_while_they_are_read_are_refused(framer):
    framer.begin(False, False, True, True)
    framer.hold_head(200, [], True)
    framer.frame_body(b"a", False)
    inner = []
    pair = Pair(lambda: inner.append(framer.frame_trailers([(b"t", b"1")])))
    with pytest.raises(AppError, match="was sent while the headers"):
        framer.frame_trailers([pair])
    assert inner == [b"0\r\nt: 1\r\n\r\n"]
    assert framer.frame_trailers([(b"t", b"1")]) == b"", "a body has one end"


def test_headers_may_be_of_any_iterables_of_bytes(framer):
    class Name(bytes):
        def lower(self):
            raise AssertionError("called")

    headers = (field for field in ([Name(b"A"), Name(b"1")], Pair(lambda: None), (b"C", b"3")))
    framer.hold_head(200, headers, False)
    (answer,) = framer.frame_body(b"", False)
    assert answer.startswith(b"HTTP/1.1 200 OK\r\na: 1\r\nx: y\r\nc: 3\r\n")


def test_what_raises_while_headers_are_read_leaves_nothing_behind(framer):
    def fail():
        raise RuntimeError("ours")

    with pytest.raises(RuntimeError, match="ours"):
        framer.hold_head(200, [(b"large", b"v" * 5000), Pair(fail)], False)
    framer.hold_head(204, [], False)
    assert framer.frame_body(b"", False)[0].startswith(b"HTTP/1.1 204 No Content\r\nserver")
