"""The fields that the server adds: Date, Server, and those of ``--header``.

RFC 9110 sections 6.6.1 and 10.2.4.
"""

from __future__ import annotations

import email.utils
import re
import time

import pytest

from tests.apps import body, scripted_app, start
from tests.fakes import Wire
from tests.http_responses import read_responses

GET = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"
BAD = b"GET / HTTP/9.9\r\nhost: a\r\n\r\n"
IMF_FIXDATE = re.compile(
    rb"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT"
)


def fields_of(impl, *headers, request=GET, **options):
    with Wire(impl, scripted_app(start(*headers), body()), **options) as wire:
        wire.feed(request)
        (response,) = read_responses(wire.sent)
        return response


@pytest.mark.parametrize("request_bytes", [GET, BAD], ids=["answer", "refusal"])
def test_date_and_server_are_sent(impl, request_bytes):
    response = fields_of(impl, request=request_bytes, server_header=True, date_header=True)
    assert response.value(b"server") == b"asgiserve"
    date = response.value(b"date")
    assert IMF_FIXDATE.fullmatch(date)
    sent_s = email.utils.parsedate_to_datetime(date.decode()).timestamp()
    assert abs(time.time() - sent_s) < 5


def test_date_follows_the_clock(impl, monkeypatch):  # RFC 9110 section 5.6.7
    now_s = 784111777.0
    monkeypatch.setattr(time, "time", lambda: now_s)
    with Wire(impl, scripted_app(start(), body()), date_header=True) as wire:
        wire.feed(GET)
        now_s += 1
        wire.tick(1)
        wire.feed(GET)
        dates = [response.value(b"date") for response in read_responses(wire.sent)]
    assert dates == [b"Sun, 06 Nov 1994 08:49:37 GMT", b"Sun, 06 Nov 1994 08:49:38 GMT"]


def test_date_and_server_can_be_switched_off(impl):
    response = fields_of(impl, server_header=False, date_header=False)
    assert not response.values(b"server")
    assert not response.values(b"date")


def test_application_replaces_date_and_server(impl):
    response = fields_of(
        impl, (b"Server", b"mine"), (b"Date", b"then"), server_header=True, date_header=True
    )
    assert response.value(b"server") == b"mine"
    assert response.value(b"date") == b"then"


@pytest.mark.parametrize("request_bytes", [GET, BAD], ids=["answer", "refusal"])
def test_extra_headers_are_sent(impl, request_bytes):
    response = fields_of(impl, request=request_bytes, headers=[("X-One", "1"), ("x-two", "2")])
    assert response.value(b"x-one") == b"1"
    assert response.value(b"x-two") == b"2"


def test_extra_header_may_come_twice(impl):
    response = fields_of(impl, headers=[("link", "<a>"), ("link", "<b>")])
    assert response.values(b"link") == [b"<a>", b"<b>"]


def test_application_replaces_an_extra_header(impl):
    response = fields_of(impl, (b"X-One", b"mine"), headers=[("x-one", "1")])
    assert response.value(b"x-one") == b"mine"


def test_extra_header_replaces_server(impl):
    response = fields_of(impl, server_header=True, headers=[("Server", "hidden")])
    assert response.value(b"server") == b"hidden"
