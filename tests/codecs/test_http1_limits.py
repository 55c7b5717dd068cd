"""Limits of the request parsers: sizes, counts, and the time that a hostile head takes."""

from __future__ import annotations

import time
from functools import partial

import pytest

from asgiserve.codecs.http1_chunk_line import MAX_CHUNK_EXTENSION_BYTES
from asgiserve.errors import HttpRequestError
from tests.codecs.request_samples import CHUNKED, assert_refused_at_last_byte, feed_all, get
from tests.parser_traces import feed_every_way


def test_target_of_the_limit_is_taken_and_a_longer_one_refused(http1_parser):
    make = partial(http1_parser, max_target_bytes=10)
    assert feed_every_way(make, b"GET /123456789 HTTP/1.1\r\nhost: a\r\n\r\n").heads
    assert_refused_at_last_byte(make, b"GET /123456789x", 414)
    assert_refused_at_last_byte(make, b"GET /123456789\x00", 400)
    assert_refused_at_last_byte(make, b"GET http://a@bc", 414)


def test_head_of_the_limit_is_taken_and_a_larger_one_refused(http1_parser):
    make = partial(http1_parser, max_head_bytes=len(get(b"a: b")))
    assert len(feed_every_way(make, b"\r\n" * 9 + get(b"a: b") + get(b"a: b")).heads) == 2
    assert_refused_at_last_byte(make, get(b"a: bc"), 431)
    assert_refused_at_last_byte(make, get(b"a: b")[:-2] + b"cde", 431)


def test_fields_of_the_limit_are_taken_and_more_refused(http1_parser):
    make = partial(http1_parser, max_fields=3)
    assert feed_every_way(make, get(b"a: b", b"c: d")).heads
    assert_refused_at_last_byte(make, get(b"a: b", b"c: d")[:-2] + b"e", 431)


def test_trailer_section_has_the_limits_of_a_head(http1_parser):
    make = partial(http1_parser, max_head_bytes=len(CHUNKED), max_fields=2)
    size = len(CHUNKED) - len(b"a: \r\n\r\n")
    trailers = b"a: " + b"x" * size + b"\r\n\r\n"
    assert feed_every_way(make, CHUNKED + b"0\r\n" + trailers).trailers == [[(b"a", b"x" * size)]]
    assert_refused_at_last_byte(make, CHUNKED + b"0\r\n" + trailers[:-2] + b"bcd", 431)
    assert_refused_at_last_byte(make, CHUNKED + b"0\r\na: x" + trailers[3:], 431)
    assert_refused_at_last_byte(make, CHUNKED + b"0\r\na: b\r\nc: d\r\ne", 431)


def test_empty_lines_before_a_request_are_limited(http1_parser):
    make = partial(http1_parser, max_head_bytes=len(get()))
    blanks = b"\r\n\n" * (len(get()) // 3)
    assert len(feed_every_way(make, blanks + get() + blanks + get() + blanks).heads) == 2
    for before in (b"", get(), get(b"connection: close")):
        assert_refused_at_last_byte(
            partial(http1_parser, max_head_bytes=50), before + b"\n" * 51, 400
        )


@pytest.mark.parametrize("size", [b"0000000000000005", b"0000000000000000"])
def test_chunk_size_has_at_most_16_digits(http1_parser, size):
    assert feed_every_way(http1_parser, CHUNKED + size + b"\r\n").trailers == []
    assert_refused_at_last_byte(http1_parser, CHUNKED + size + b"0", 400)
    assert_refused_at_last_byte(http1_parser, CHUNKED + b"1\r\na\r\n" + size + b"0", 400)


def test_extensions_of_the_limit_are_taken_and_more_refused(http1_parser):
    limit = MAX_CHUNK_EXTENSION_BYTES
    assert limit == 16384
    half = b"1;" + b"x" * (limit // 2 - 1) + b"\r\na\r\n"
    for pieces in ([CHUNKED, half, half, b"0\r\n\r\n"], [CHUNKED + half + half + b"0\r\n\r\n"]):
        parser, sink = http1_parser()
        for piece in pieces:
            sink.has_body_of_this_feed = False
            parser.feed(piece)
        assert sink.trace.bodies == [b"aa"]
    parser.feed(CHUNKED + half)
    sink.has_body_of_this_feed = False
    parser.feed(half)
    parser.feed(b"0")
    with pytest.raises(HttpRequestError) as caught:
        parser.feed(b";")
    assert caught.value.status == 400


@pytest.mark.parametrize("extension", [b";a", b" \t;a", b";a\t = b", b';a="\\""'])
def test_extensions_are_limited_however_they_look(http1_parser, extension):
    parser, _ = http1_parser()
    parser.feed(CHUNKED + b"1")
    with pytest.raises(HttpRequestError):
        feed_all(parser, [extension] * 3 * 16384)


@pytest.mark.parametrize(
    "data",
    [
        b"GET /" + b"a" * 65000 + b"\x00 HTTP/1.1\r\n",
        b"GET http://" + b"a@" * 30000 + b"\x00",
        b"GET / HTTP/1.1\r\n" + b"a" * 65000 + b"\x00:",
        b"GET / HTTP/1.1\r\na:" + b" " * 65000 + b"\x00",
        b"GET / HTTP/1.1\r\na:" + b" b" * 32000 + b"\x00",
        b"GET / HTTP/1.1\r\na:" + (b"\t" * 1000 + b"b") * 60 + b" " * 1000 + b"\x00",
        b"GET / HTTP/1.1\r\ncontent-length: 1" + b"\t " * 32000 + b"x\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost:" + b"a" * 32000 + b"%" * 32000 + b"\x00",
        b"GET / HTTP/1.1\r\nhost:" + b"a" * 65000 + b"@\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: a\r\ntransfer-encoding:" + b"chunked ;," * 6000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: a\r\ntransfer-encoding:" + b"," * 65000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: a\r\ncontent-length:" + b"9" * 65000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: a\r\nexpect:" + b"100-continue " * 5000 + b"\r\n\r\n",
    ],
)
def test_time_is_linear_in_the_size_of_a_head(http1_parser, data):
    start_s = time.process_time()
    # Two pieces: the fast lane over a whole head, and the scanner.
    for pieces in ([data + b"\r\n\r\n"], [data[:-9], data[-9:]]):
        parser, _ = http1_parser(max_target_bytes=100_000, max_head_bytes=100_000)
        with pytest.raises(HttpRequestError):
            feed_all(parser, pieces)
    assert time.process_time() - start_s < 1, "that would be quadratic"
