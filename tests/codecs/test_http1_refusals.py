"""What the request parsers refuse, with which status and at which byte (RFC 9110 and 9112)."""

from __future__ import annotations

import pytest

from tests.codecs.request_samples import CHUNKED, assert_refused_at_last_byte, get
from tests.parser_traces import feed_every_way, trace_every_way


@pytest.mark.parametrize(
    ("data", "status"),
    [
        # The method
        (b" ", 400),
        (b"\x00", 400),
        (b"\x16", 400),  # a TLS client
        (b"GET\t", 400),
        (b"GET\r", 400),
        (b"G\x80", 400),
        (b"FOO(", 400),
        (b"A" * 65, 400),
        (b"A" * 64 + b" ", 501),
        (b"FOO ", 501),
        (b"get ", 501),
        (b"GETX ", 501),
        (b"CONNECT ", 501),
        (b"DESCRIBE ", 501),  # RTSP's, which llhttp knows
        # The target
        (b"GET \r", 400),
        (b"GET \t", 400),
        (b"GET x ", 400),
        (b"GET a:1", 400),
        (b"GET 1", 400),
        (b"GET ?", 400),
        (b"GET  ", 400),
        (b"GET *", 400),
        (b"GET /?*#", 400),
        (b"GET /#", 400),
        (b"OPTIONS *x", 400),
        (b"OPTIONS *?", 400),
        *((b"GET /" + bytes((byte,)), 400) for byte in b'"<>\\^`{|}'),
        *((b"GET /?" + bytes((byte,)), 400) for byte in b'"<>#'),
        *((b"GET http://a/" + bytes((byte,)), 400) for byte in b"|#"),
        *((b"GET http://a?" + bytes((byte,)), 400) for byte in b"<#"),
        (b"GET http: ", 400),
        (b"GET http:/a", 400),
        (b"GET http1", 400),
        (b"GET http://a#", 400),
        (b"GET http://a@@", 400),
        (b'GET http://a"', 400),
        (b"GET /\t", 400),
        (b"GET /\x7f", 400),
        (b"GET /\x80", 400),
        (b"GET /?\x00", 400),
        (b"GET /?\xff", 400),
        # The version
        (b"GET /\r\n", 400),  # HTTP/0.9
        (b"GET /\n", 400),
        (b"GET /\rx", 400),
        (b"GET / \r", 400),
        (b"GET /  ", 400),
        (b"GET / h", 400),
        (b"GET / HTTQ", 400),
        (b"GET / HTTP ", 400),
        (b"GET / HTTP/a", 400),
        (b"GET / HTTP/1,", 400),
        (b"GET / HTTP/11", 400),
        (b"GET / HTTP/1.x", 400),
        (b"GET / HTTP/1.10", 400),
        (b"GET / HTTP/1.1 ", 400),
        (b"GET / HTTP/1.1\n", 400),
        (b"GET / HTTP/1.1\r\r", 400),
        (b"GET / RTSP", 400),
        (b"SOURCE / ICE", 400),
        (b"GET / HTTP/0.9", 505),
        (b"GET / HTTP/2.0", 505),
        (b"PRI * HTTP/2.0", 505),
        (b"PRI * HTTP/1.1", 400),
        # Field lines
        (b"GET / HTTP/1.1\r\n ", 400),
        (b"GET / HTTP/1.1\r\n\t", 400),
        (b"GET / HTTP/1.1\r\n\n", 400),
        (b"GET / HTTP/1.1\r\n\rx", 400),
        (b"GET / HTTP/1.1\r\n:", 400),
        (b"GET / HTTP/1.1\r\na ", 400),
        (b"GET / HTTP/1.1\r\na\r", 400),
        (b"GET / HTTP/1.1\r\n\xe9", 400),
        (b"GET / HTTP/1.1\r\na(", 400),
        (b"GET / HTTP/1.1\r\nhost\t", 400),
        (b"GET / HTTP/1.1\r\nconnection ", 400),
        (b"GET / HTTP/1.1\r\na: \x00", 400),
        (b"GET / HTTP/1.1\r\na: b\x01", 400),
        (b"GET / HTTP/1.1\r\na: b\x7f", 400),
        (b"GET / HTTP/1.1\r\na: b\n", 400),
        (b"GET / HTTP/1.1\r\na: \n", 400),
        (b"GET / HTTP/1.1\r\na: b\rc", 400),
        (b"GET / HTTP/1.1\r\na: b\r\r", 400),
        (b"GET / HTTP/1.1\r\na: b\r\n ", 400),  # obs-fold
        (b"GET / HTTP/1.1\r\na:\r\n\t", 400),
        (b"GET / HTTP/1.1\r\na: b\r\n\n", 400),
    ],
)
def test_wrong_byte_of_a_head_is_refused_when_it_comes(http1_parser, data, status):
    assert_refused_at_last_byte(http1_parser, data, status)


@pytest.mark.parametrize(
    "lines",
    [
        b"content-length: +",
        b"content-length: 1x",
        b"content-length: 1,",
        b"content-length: 1 1",
        b"content-length: 1\t1",
        b"content-length: 1 \t,",
        b"content-length: \xb2",
        b"content-length: \r\nx",
        b"content-length: 18446744073709551616",
        b"content-length: " + b"0" * 5000 + b"18446744073709551616",
        b"content-length: 1\r\ncontent-length: 1",
        b"content-length: 1\r\ntransfer-encoding:",
        b"transfer-encoding: x\r\ncontent-length:",
        b"transfer-encoding: chunked,",
        b"transfer-encoding: a, \tCHUNKED  ,",
        b"transfer-encoding: chunked\r\ntransfer-encoding: x",
    ],
)
def test_wrong_length_is_refused_when_it_comes(http1_parser, lines):  # RFC 9112 section 6.3
    data = b"POST / HTTP/1.1\r\nhost: a\r\n" + lines
    assert_refused_at_last_byte(http1_parser, data, 400)


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ([b"host: b"], 400),
        ([b"content-length: 9223372036854775808"], 400),
        ([b"transfer-encoding:"], 400),
        ([b"transfer-encoding: ,"], 400),
        ([b"transfer-encoding: gzip"], 400),
        ([b"transfer-encoding: identity"], 400),
        ([b"transfer-encoding: chunked;a=b"], 400),
        ([b"transfer-encoding: chunked\t", b"transfer-encoding: x"], 400),
        ([b"transfer-encoding: chunked\tx"], 400),
        ([b"transfer-encoding: chunked\t,"], 400),
        ([b"transfer-encoding: gzip\t, chunked"], 501),
        ([b"transfer-encoding: chunked\t, chunked"], 400),
        ([b"transfer-encoding: xchunked"], 400),
        ([b"transfer-encoding:", b"content-length: 1"], 400),
        ([b"transfer-encoding: gzip, chunked"], 501),
        ([b"transfer-encoding: gzip", b"transfer-encoding: chunked"], 501),
        ([b"expect: 200-ok"], 417),
        ([b"expect: 100-continue, x"], 417),
        ([b"expect: 100-continue;a"], 417),
        # The first by position
        ([b"expect: x", b"host: b"], 417),
        ([b"host: b", b"expect: x"], 400),
        ([b"transfer-encoding: gzip, chunked", b"expect: x"], 417),
    ],
)
def test_wrong_fields_are_refused_at_the_end_of_the_head(http1_parser, lines, status):
    assert_refused_at_last_byte(http1_parser, get(*lines), status)


@pytest.mark.parametrize(
    "lines", [b"", b"x: y\r\n", b"host: a b\r\n", b"Host: [::1\r\n", b"host: a, b\r\nhost:\r\n"]
)
def test_request_without_one_valid_host_is_refused(http1_parser, lines):  # RFC 9112 section 3.2
    data = b"GET / HTTP/1.1\r\n" + lines + b"\r\n"
    assert_refused_at_last_byte(http1_parser, data, 400)


def test_http_1_0_has_no_transfer_encoding(http1_parser):  # RFC 9112 section 6.1
    data = get(b"transfer-encoding: chunked", version=b"1.0")
    assert_refused_at_last_byte(http1_parser, data, 400)


@pytest.mark.parametrize(
    "chunks",
    [
        *(b"\r", b" ", b"g", b"-", b"+", b";", b"5 \r", b"5\t5", b"5g", b"5\n", b"5,", b"0x"),
        *(
            b"5\r\r",
            b"5;\r",
            b"5; \r",
            b"5;\n",
            b"5;;",
            b"5;=",
            b"5;a \r",
            b"5;a b",
            b"5;a\n",
            b"5;a=\r",
            b"5;a=;",
            b"5;a= \n",
            b"5;a=b\t\r",
            b"5;a==",
            b'5;a=b"',
            b"5;\xe9",
        ),
        *(
            b'5;"',
            b'5;a="\x01',
            b'5;a="\r',
            b'5;a="\x7f',
            b'5;a="\\\x7f',
            b'5;a="b" \r',
            b'5;a="\\\r',
            b'5;a="b"c',
            b'5;a="b"\n',
        ),
        *(b"5\r\nhellox", b"5\r\nhello\n", b"5\r\nhello\rx", b"1\r\na\r\n\r", b"0\r\n ", b"0\r\n:"),
        *(b"10000000000000000", b"0ffffffffffffffff", b"0\r\n\n", b"0\r\n\rx", b"0\r\na\r"),
        *(
            b"0\r\ncontent-length:",
            b"0\r\ntransfer-encoding: c",
            b"0\r\na: b\r\n ",
            b"0\r\na: \x00",
        ),
    ],
)
def test_wrong_byte_of_chunks_is_refused_when_it_comes(http1_parser, chunks):
    assert_refused_at_last_byte(http1_parser, CHUNKED + chunks, 400)


@pytest.mark.parametrize(
    ("chunks", "reason"),
    [
        (b"g", "malformed chunk size"),
        (b"5 5", "malformed chunk extension"),
        (b"5\n", "malformed chunk size"),
        (b"10000000000000000", "chunk size too large"),
        (b"5;\r", "malformed chunk extension"),
        (b"5; \r", "malformed chunk extension"),
        (b"5;a\n", "malformed chunk extension"),
        (b"5;a=b\n", "malformed chunk extension"),
        (b'5;a="b"\n', "malformed chunk extension"),
        (b'5;a="\\\r', "malformed chunk extension"),
        (b"5;" + b"a" * 16384, "more than 16384 bytes of chunk extensions"),
        (b"5\r\r", "no LF after the CR of a chunk-size line"),
        (b"5;a\rb", "no LF after the CR of a chunk-size line"),
        (b"5\r\nhello\n", "no CRLF after chunk data"),
        (b"5\r\nhello!", "no CRLF after chunk data"),
        (b"5\r\nhello\r5", "no CRLF after chunk data"),
        (b"0\r\na b", "invalid byte b' ' in a field name"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_reason_says_what_is_wrong_with_chunks(http1_parser, chunks, reason):
    _, error = trace_every_way(http1_parser, CHUNKED + chunks)
    assert error is not None
    assert error.reason == reason


def test_chunk_may_have_any_size_of_64_bits(http1_parser):
    trace = feed_every_way(http1_parser, CHUNKED + b"ffffffffffffffff\r\nabc")
    assert trace.bodies == [b"abc"]


def test_body_before_a_wrong_chunk_is_given(http1_parser):
    trace, error = trace_every_way(http1_parser, CHUNKED + b"5\r\nhello\r\n3\r\nabc\r\nx")
    assert trace.bodies == [b"helloabc"]
    assert error is not None


def test_requests_before_a_wrong_one_are_given(http1_parser):
    trace, error = trace_every_way(http1_parser, get() + get() + b"GET / HTTP/3.0")
    assert [event[0] for event in trace.events] == ["head", "end"] * 2
    assert error is not None
    assert error.status == 505


@pytest.mark.parametrize("end", [b"", b"\r\n", b"\n\r\n"])
def test_line_ends_after_the_last_request_are_skipped(http1_parser, end):
    trace = feed_every_way(http1_parser, get(b"connection: close") + end)
    assert not trace.is_mid_message


def test_request_after_the_last_one_is_refused(http1_parser):  # RFC 9112 section 9.6
    assert_refused_at_last_byte(http1_parser, get(b"connection: close") + b"\r\nG", 400)
