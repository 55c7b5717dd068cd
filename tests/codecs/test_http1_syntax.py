"""The scanner behind both request parsers: what it says of heads, whole or begun."""

from __future__ import annotations

from random import Random

import pytest

from asgiserve.codecs.http1_syntax import FieldScanner, HeadScanner
from asgiserve.codecs.request_fields import check_fields
from asgiserve.errors import HttpRequestError
from tests.parity.request_bytes import make_sample

HEAD = b"GET /x HTTP/1.1\r\nHost: a\r\nX-Y: \tz \r\n\r\n"
LIMITS = (8192, 65536, 128)


def diagnose(scanner: FieldScanner, data: bytes) -> HttpRequestError | None:
    """The error that *scanner* finds in *data*, None when there is none."""
    try:
        scanner.feed(data)
    except HttpRequestError as error:
        return error
    return None


def diagnose_head(head: bytes, *limits: int) -> HttpRequestError | None:
    return diagnose(HeadScanner(*limits), head)


def diagnose_trailers(section: bytes, *limits: int) -> HttpRequestError | None:
    return diagnose(FieldScanner(*limits, follows_chunks=True), section)


def test_every_beginning_of_a_right_head_is_right():
    for end in range(len(HEAD) + 1):
        assert diagnose_head(HEAD[:end], *LIMITS) is None


@pytest.mark.parametrize(
    ("head", "status", "reason"),
    [
        (b"FOO / HTTP/1.1\r\n", 501, "method 'FOO' is not implemented"),
        (b"GET /\x00", 400, "invalid byte b'\\x00' in the target"),
        (b"GET  ", 400, "invalid byte b' ' in the target"),
        (b"GET *", 400, "the target * is for OPTIONS alone"),
        (b"GET /\r\n", 400, "no HTTP version in the request line"),
        (b"GET / HTTP/2.0\r\n", 505, "HTTP version '2.0' is not served"),
        (b"GET / HTTX", 400, "malformed HTTP version b'HTTX'"),
        (b"GET / HTTP/1.1\r\n a: b\r\n", 400, "whitespace before the first field"),
        (b"GET / HTTP/1.1\r\na: b\r\n c\r\n", 400, "a folded field line"),
        (b"GET / HTTP/1.1\r\na b: c\r\n", 400, "invalid byte b' ' in a field name"),
        (b"GET / HTTP/1.1\r\na: b\nc", 400, "invalid byte b'\\n' in the value of a field"),
        (b"GET / HTTP/1.1\r\na: b\rc", 400, "invalid byte b'c' after CR in a field line"),
        (b"GET / HTTP/1.1\r\ncontent-length: 5x", 400, "invalid byte b'x' in Content-Length"),
        (b"GET / HTTP/1.1\r\n\r\n", 400, "no Host field"),
    ],
)
def test_diagnosis_names_status_and_reason(head, status, reason):
    error = diagnose_head(head, *LIMITS)
    assert error is not None
    assert (error.status, error.reason) == (status, reason)


@pytest.mark.parametrize("head", [b"FOO", b"A" * 64, b"CONNECT", b"GET /\r", b"GET / RTS"])
def test_diagnosis_waits_for_the_byte_that_decides(head):
    assert diagnose_head(head, *LIMITS) is None


def test_first_error_by_position_counts():
    long_target = b"GET /" + b"x" * 100
    assert status_of(diagnose_head(long_target + b"\x00", 50, 65536, 128)) == 414
    assert status_of(diagnose_head(b"GET /\x00" + long_target, 50, 65536, 128)) == 400
    assert status_of(diagnose_head(long_target, 8192, 50, 128)) == 431
    assert status_of(diagnose_head(long_target, 50, 30, 128)) == 431
    assert status_of(diagnose_head(b"GET / HTTP/1.1\r\na: b\r\nc d", 8192, 65536, 1)) == 431
    assert status_of(diagnose_head(b"GET / HTTP/1.1\r\na b: c\r\nd", 8192, 65536, 1)) == 400


def test_wrong_trailers_are_diagnosed():
    assert diagnose_trailers(b"x: y\r\n\r\n", 65536, 128) is None
    assert diagnose_trailers(b"x: y", 65536, 128) is None
    assert status_of(diagnose_trailers(b"x y\r\n", 65536, 128)) == 400
    assert status_of(diagnose_trailers(b"Content-Length:", 65536, 128)) == 400
    assert status_of(diagnose_trailers(b"x: y\r\nz", 65536, 1)) == 431
    assert status_of(diagnose_trailers(b"x: y\r\n\r\n", 7, 128)) == 431


def status_of(error: HttpRequestError | None) -> int | None:
    return None if error is None else error.status


def test_scanner_tells_how_much_belongs_to_the_head():
    scanner = HeadScanner(*LIMITS)
    assert scanner.feed(HEAD[:20]) == -1
    assert scanner.feed(HEAD[20:30]) == -1
    assert scanner.feed(HEAD[30:] + b"body") == len(HEAD) - 30
    assert scanner.request_line is not None
    assert scanner.request_line[:3] == ("GET", b"/x", "1.1")
    assert scanner.headers == [(b"host", b"a"), (b"x-y", b"z")]


def test_scanner_tells_how_much_belongs_to_the_trailers():
    scanner = FieldScanner(65536, 128, follows_chunks=True)
    assert scanner.feed(b"a: b\r\n\r") == -1
    assert scanner.feed(b"\nGET /") == 1
    assert scanner.headers == [(b"a", b"b")]


def test_reason_does_not_depend_on_how_a_head_is_split():
    for seed in range(2000):
        sample = make_sample(Random(seed))
        data = sample.data.lstrip(b"\r\n")
        limits = (sample.max_target_bytes, sample.max_head_bytes, sample.max_fields)
        whole = diagnose_head(data, *limits)
        split = diagnose_bytewise(data, *limits)
        assert str(split) == str(whole), f"seed {seed}: {sample}"


def diagnose_bytewise(data: bytes, *limits: int) -> HttpRequestError | None:
    scanner = HeadScanner(*limits)
    try:
        for i in range(len(data)):
            if scanner.feed(data[i : i + 1]) >= 0:
                return None
    except HttpRequestError as error:
        return error
    return None


def test_first_wrong_field_counts_then_codings_then_host():
    repeated_host = [(b"host", b"a"), (b"host", b"b")]
    expectation = [(b"expect", b"x")]
    gzip = [(b"transfer-encoding", b"gzip, chunked")]
    assert status_of(check_fields("1.1", repeated_host + expectation)) == 400
    assert status_of(check_fields("1.1", [(b"host", b"a"), *expectation, *repeated_host])) == 417
    assert status_of(check_fields("1.1", gzip + repeated_host)) == 400
    assert status_of(check_fields("1.1", gzip)) == 501
    assert status_of(check_fields("1.1", [])) == 400
    assert check_fields("1.0", []) is None
