"""The raw-bytes table over a whole connection on a fake transport.

Each row is fed whole, byte by byte and at random splits.
"""

from __future__ import annotations

import pytest

from tests.apps import RecordingApp
from tests.fakes import Wire, split_every_way

from .raw_bytes import CASES, FOLLOW_UP, Case
from .verdicts import assert_answered, assert_saw

# Longer samples are cut into bytes at both ends only.
MAX_BYTEWISE_BYTES = 2000
EDGE_BYTES = 250


def splits_of(case: Case) -> list[list[bytes]]:
    data = case.wire if case.is_waiting else case.wire + FOLLOW_UP
    if len(data) <= MAX_BYTEWISE_BYTES:
        return list(split_every_way(data))
    starts, ends = split_every_way(data[:EDGE_BYTES]), split_every_way(data[-EDGE_BYTES:])
    whole_middle, _bytewise, *middles = split_every_way(data[EDGE_BYTES:-EDGE_BYTES])
    middles = [whole_middle, whole_middle, *middles]
    pieces = zip(starts, middles, ends, strict=True)
    return [[data], *([*start, *middle, *end] for start, middle, end in pieces)]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_connection_answers(impl, case):
    for pieces in splits_of(case):
        app = RecordingApp()
        with Wire(impl, app, **case.options) as wire:
            wire.feed(*pieces)
            assert_answered(case, wire.sent, is_open=wire.is_open)
            assert_saw(case, app.requests)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_connection_of_a_busy_loop_answers(impl, case):
    app = RecordingApp()
    with Wire(impl, app, **case.options) as wire:
        wire.make_busy()
        wire.feed(case.wire if case.is_waiting else case.wire + FOLLOW_UP)
        assert_answered(case, wire.sent, is_open=wire.is_open)
        assert_saw(case, app.requests)


def test_table_has_no_name_twice():
    names = [case.name for case in CASES]
    assert sorted(set(names)) == sorted(names)
    assert len(names) >= 150
