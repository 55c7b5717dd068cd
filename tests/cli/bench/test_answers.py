"""The client's reader: where an answer ends, whichever way it says so."""

from __future__ import annotations

import pytest

from asgiserve.cli.bench.answers import AnswerReader
from asgiserve.errors import PeerError

CHUNKED = (
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\nx: y\r\n\r\n"
)
SAMPLES = [
    (b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc", 200, False),
    (b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n", 500, False),
    (b"HTTP/1.1 299 \r\ncontent-length: 0\r\n\r\n", 299, False),
    (b"HTTP/1.1 204 No Content\r\n\r\n", 204, False),
    (b"HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n", 304, False),
    (CHUNKED, 200, False),
    (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 C\r\ncontent-length: 1\r\n\r\n.", 201, False),
    (b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 204 N\r\n\r\n", 204, False),
    (b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 1\r\n\r\n.", 200, True),
    (b"HTTP/1.0 200 OK\r\ncontent-length: 1\r\n\r\n.", 200, True),
]


@pytest.mark.parametrize(("answer", "status", "is_last"), SAMPLES)
def test_answer_ends_at_its_last_byte(answer, status, is_last):
    for size in (len(answer), 1, 7):
        reader = AnswerReader()
        pieces = [answer[start : start + size] for start in range(0, len(answer), size)]
        assert [reader.feed(piece) for piece in pieces] == [0] * (len(pieces) - 1) + [status]
        assert reader.is_last is is_last


def test_answers_follow_each_other():
    reader = AnswerReader()
    answers = [answer for answer, _, is_last in SAMPLES if not is_last]
    statuses = [status for _, status, is_last in SAMPLES if not is_last]
    for _ in range(2):
        assert [reader.feed(answer) for answer in answers for _ in range(2)] == [
            status for status in statuses for _ in range(2)
        ]


def test_body_that_looks_like_the_answer_before_does_not_end_early():
    reader = AnswerReader()
    small = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
    assert reader.feed(small) == 200
    outer = b"HTTP/1.1 201 OK\r\ncontent-length: %d\r\n\r\n" % (2 * len(small))
    assert [reader.feed(piece) for piece in (outer, small, small)] == [0, 0, 201]


def test_answer_to_head_has_no_body():
    reader = AnswerReader(is_head_method=True)
    assert reader.feed(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n") == 200


def test_answer_without_length_ends_with_the_connection():
    reader = AnswerReader()
    assert reader.feed(b"HTTP/1.1 200 OK\r\n\r\nabc") == 0
    assert reader.end() == 200
    assert reader.is_last


@pytest.mark.parametrize(
    "begun", [b"", b"HTTP/1.1 2", b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nab"]
)
def test_connection_that_ends_too_early_gives_no_answer(begun):
    reader = AnswerReader()
    if begun:
        assert reader.feed(begun) == 0
    assert reader.end() == 0


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"SSH-2.0-x\r\n\r\n", "not an answer"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nab", "behind the end"),
        (CHUNKED + b"x", "behind the end"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nz\r\n", "chunk size"),
        (b"x" * 2_000_000, "does not end"),
    ],
)
def test_what_is_no_answer_is_refused(data, reason):
    with pytest.raises(PeerError, match=reason):
        AnswerReader().feed(data)
