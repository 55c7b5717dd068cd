"""The two request parsers answer alike: same bytes, same pieces, same events, errors and statuses.

The inputs are those of ``request_bytes.py``. CI tries a few thousand; the nightly mode as many as
``ASGISERVE_TEST_PARITY_INPUTS`` says, from the seed ``ASGISERVE_TEST_PARITY_SEED`` on (some 4,000
a second)::

    ASGISERVE_TEST_PARITY_INPUTS=500000 ASGISERVE_TEST_PARITY_SEED=$RANDOM \\
        python -m pytest tests/parity --timeout 3600

The same under AddressSanitizer (gcc), after a build of the extension for it::

    export ASGISERVE_BUILD=require ASGISERVE_CFLAGS="-fsanitize=address -fno-omit-frame-pointer -g"
    python setup.py build_ext --inplace --force
    export LD_PRELOAD="$(gcc -print-file-name=libasan.so)"
    export ASAN_OPTIONS=detect_leaks=0 PYTHONMALLOC=malloc ASGISERVE_TEST_PARITY_INPUTS=100000
    python -m pytest tests/parity -p no:faulthandler --timeout 3600
"""

from __future__ import annotations

import os
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asgiserve.errors import HttpRequestError
from tests.columns import COLUMNS, load_namespace
from tests.parity.request_bytes import Sample, make_extensions, make_sample
from tests.parser_traces import HEAD_ATTRIBUTES

INPUT_COUNT = int(os.environ.get("ASGISERVE_TEST_PARITY_INPUTS") or 5000)
FIRST_SEED = int(os.environ.get("ASGISERVE_TEST_PARITY_SEED") or 0)

pytestmark = pytest.mark.skipif(
    "compiled" not in COLUMNS, reason="only one column is here to be compared"
)


# What a sink of a bad day raises.
FAULTS = (
    *(RuntimeError, ImportError, MemoryError, KeyboardInterrupt, SystemExit, GeneratorExit),
    HttpRequestError,
)


def observe(
    impl: SimpleNamespace,
    sample: Sample,
    pauses_of: Random | None,
    faults_of: Random | None = None,
) -> list[Any]:
    """Feed *sample* to the parser of one column, and list all that can be seen of it.

    Args:
        pauses_of: decides after which messages the sink pauses the parser; None for never.
        faults_of: decides when the sink calls back where no connection would, and when it raises;
            None for never.
    """
    seen: list[Any] = []

    def act() -> None:
        if faults_of is None or faults_of.random() < 0.5:
            return
        name = faults_of.choice(("raise", "feed", "resume", "pause", "detach"))
        seen.append(name)
        if name == "raise":
            raise faults_of.choice(FAULTS)("the sink's")
        arguments = (faults_of.choice(sample.pieces),) if name == "feed" else ()
        seen.append(getattr(parser, name)(*arguments))

    class Sink(impl.http1_parser.RequestSink):  # type: ignore[misc, name-defined]
        def on_head(self, head: Any) -> None:
            seen.append(("head", *(getattr(head, name) for name in HEAD_ATTRIBUTES)))
            act()

        def on_body(self, data: bytes) -> None:
            seen.append(("body", data))
            act()

        def on_end(self, trailers: list[tuple[bytes, bytes]]) -> None:
            seen.append(("end", trailers))
            act()
            if pauses_of is not None and pauses_of.randrange(2):
                parser.pause()
                seen.append("pause")

    parser = impl.http1_parser.RequestParser(
        Sink(), sample.max_target_bytes, sample.max_head_bytes, sample.max_fields
    )
    try:
        for piece in sample.pieces:
            seen.append(("feed", len(piece)))
            parser.feed(piece)
            seen.append((parser.buffered, parser.is_mid_message))
            if pauses_of is not None and pauses_of.randrange(2):
                seen.append("resume")
                parser.resume()
        while parser.buffered:
            seen.append("resume")
            parser.resume()
    except HttpRequestError as error:
        seen.append(("error", error.status, error.reason, parser.is_mid_message))
    except FAULTS as error:
        seen.append(("fault", type(error), parser.is_mid_message, parser.buffered))
    if faults_of is not None:
        try:
            for piece in sample.pieces:
                parser.feed(piece)
                seen.append((parser.buffered, parser.is_mid_message))
        except FAULTS as error:
            seen.append(("at last", type(error), str(error)))
    return seen


def observe_both(
    sample: Sample, pauses_seed: int | None, faults_seed: int | None = None
) -> list[list[Any]]:
    """What can be seen of each column, the pure one first."""

    def random(seed: int | None) -> Random | None:
        return None if seed is None else Random(seed)

    return [
        observe(load_namespace(name), sample, random(pauses_seed), random(faults_seed))
        for name in ("pure", "compiled")
    ]


def test_parsers_answer_alike() -> None:
    for seed in range(FIRST_SEED, FIRST_SEED + INPUT_COUNT):
        sample = make_sample(Random(seed))
        pure, compiled = observe_both(sample, seed if seed % 2 else None)
        assert compiled == pure, f"seed {seed}: {sample}"


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(random=st.randoms(use_true_random=False), pauses_seed=st.none() | st.integers(0, 255))
def test_parsers_answer_alike_where_inputs_can_be_shrunk(
    random: Random, pauses_seed: int | None
) -> None:
    pure, compiled = observe_both(make_sample(random), pauses_seed)
    assert compiled == pure


def test_parsers_answer_alike_whatever_their_sinks_do() -> None:
    for seed in range(FIRST_SEED, FIRST_SEED + INPUT_COUNT):
        sample = make_sample(Random(seed))
        pure, compiled = observe_both(sample, None, seed)
        assert compiled == pure, f"seed {seed}: {sample}"


def test_parsers_count_extensions_alike() -> None:
    for seed in range(FIRST_SEED, FIRST_SEED + INPUT_COUNT // 10):
        sample = make_extensions(Random(seed))
        pure, compiled = observe_both(sample, None)
        assert compiled == pure, f"seed {seed}: {[piece[-50:] for piece in sample.pieces]}"
