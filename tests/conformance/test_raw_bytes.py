"""The raw-bytes table over a whole connection on a fake transport.

Each row is fed whole, byte by byte and at random splits.
"""

from __future__ import annotations

import random

import pytest

from tests.apps import RecordingApp, SeenRequest
from tests.fakes import Wire, split_every_way
from tests.http_responses import read_responses

from .raw_bytes import CASES, FOLLOW_UP, Case, Request

# Longer samples are cut into bytes at both ends only.
MAX_BYTEWISE_BYTES = 2000


def splits_of(case: Case) -> list[list[bytes]]:
    data = case.wire if case.is_waiting else case.wire + FOLLOW_UP
    if len(data) <= MAX_BYTEWISE_BYTES:
        return list(split_every_way(data))
    edge = MAX_BYTEWISE_BYTES // 8
    middle = list(split_every_way(data[edge:-edge], seed=random.Random(case.name).randrange(1000)))
    starts, ends = split_every_way(data[:edge]), split_every_way(data[-edge:])
    del middle[1]
    return [[data], *([*s, *m, *e] for s, m, e in zip(starts, middle, ends, strict=False))]


def assert_saw(seen: SeenRequest, expected: Request) -> None:
    scope = seen.scope
    assert seen.is_complete, f"incomplete: {seen!r}"
    assert (scope["method"], scope["http_version"]) == (expected.method, expected.http_version)
    assert seen.body == expected.body
    assert scope["query_string"] == expected.query_string
    if expected.path is not None:
        assert scope["path"] == expected.path
    if expected.raw_path is not None:
        assert scope["raw_path"] == expected.raw_path
    if expected.headers is not None:
        assert tuple(tuple(pair) for pair in scope["headers"]) == expected.headers


def assert_answered(case: Case, wire: Wire, app: RecordingApp) -> None:
    expected = list(case.seen)
    if not case.is_closed and not case.is_waiting:
        expected.append(Request(path="/follow-up"))
    responses = read_responses(wire.sent, [request.method for request in expected])
    statuses = [200] * len(expected) + [case.refusal] * (case.refusal is not None)
    assert [response.status for response in responses] == statuses
    assert all(response.is_complete for response in responses)
    for response, request in zip(responses, expected, strict=False):
        assert response.body == (b"" if request.method == "HEAD" else request.body)
    assert wire.is_open is case.is_waiting
    if not case.is_waiting:
        *others, last = (response.says_close for response in responses)
        assert last, "the last response does not say that the connection ends"
        assert not any(others), "a response announced an end that did not come"
    whole, rest = app.requests[: len(expected)], app.requests[len(expected) :]
    for seen, request in zip(whole, expected, strict=True):
        assert_saw(seen, request)
    assert len(rest) <= case.begins, f"the application saw {rest!r} too"
    assert not any(seen.is_complete for seen in rest), f"a refused request is complete: {rest!r}"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_connection_answers(impl, case):
    for pieces in splits_of(case):
        app = RecordingApp()
        with Wire(impl, app, **case.options) as wire:
            wire.feed(*pieces)
            assert_answered(case, wire, app)


def test_table_has_no_name_twice():
    names = [case.name for case in CASES]
    assert sorted(set(names)) == sorted(names)
    assert len(names) >= 150
